"""What pages and figures share."""

from __future__ import annotations

from datetime import datetime
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spindle.drawing import (
    COLOURS,
    clock,
    columns,
    decibels,
    elapsed,
    in_full,
    in_print,
    in_words,
    mean_spectra,
    robust_limits,
    row_edges,
    runs,
)
from spindle.hypnogram import Hypnogram, Stage

from .examples import example_scores, one_state_scores


@given(st.lists(st.integers(-1, 2), max_size=40))
def test_runs_put_together_give_the_sequence_and_neighbours_differ(values: list[int]) -> None:
    pieces = runs(np.array(values, dtype=np.int8))
    assert [piece.value for piece in pieces for _ in range(len(piece))] == values
    assert all(one.value != other.value and one.stop == other.start for one, other in pairwise(pieces))


@given(epochs=st.integers(1, 200), at_most=st.integers(1, 250), seed=st.integers(0, 5))
def test_columns_cover_every_epoch_once_and_are_few_enough(epochs: int, at_most: int, seed: int) -> None:
    view = columns(example_scores(epochs, seed), at_most=at_most)
    assert len(view) <= at_most
    assert len(view.edges) == len(view) + 1
    assert (view.edges[0], view.edges[-1]) == (0, epochs)
    assert np.all(np.diff(view.edges) >= 1)


def test_columns_of_one_epoch_are_the_epochs() -> None:
    scores = example_scores(100)
    view = columns(scores, at_most=100)
    np.testing.assert_allclose(view.eeg_min, scores.overview.eeg_min)
    np.testing.assert_allclose(view.emg_rms, scores.overview.emg_rms)
    np.testing.assert_allclose(view.spectrogram, scores.overview.spectrogram)
    np.testing.assert_allclose(view.stage_probability, scores.stage_probability)
    np.testing.assert_allclose(view.artifact_mean, scores.artifact_probability)
    np.testing.assert_allclose(view.artifact_highest, scores.artifact_probability)


def test_columns_pool_each_thing_its_own_way() -> None:
    scores = example_scores(120)
    view, raw = columns(scores, at_most=1), scores.overview
    assert view.eeg_min[0] == np.nanmin(raw.eeg_min)
    assert view.eeg_max[0] == np.nanmax(raw.eeg_max)
    assert view.emg_rms[0] == pytest.approx(np.sqrt(np.nanmean(raw.emg_rms**2)))
    np.testing.assert_allclose(view.spectrogram[0], np.nanmean(raw.spectrogram, axis=0))
    np.testing.assert_allclose(view.stage_probability.sum(), 1.0)
    assert view.artifact_mean[0] == pytest.approx(np.nanmean(scores.artifact_probability))
    assert view.artifact_highest[0] == np.nanmax(scores.artifact_probability)


def test_a_column_is_empty_only_where_all_its_epochs_are_unscored() -> None:
    scores = example_scores(600)
    view = columns(scores, at_most=60)
    scored = [scores.hypnogram.scored[start:stop].any() for start, stop in pairwise(view.edges)]
    for values in (view.eeg_min, view.emg_rms, view.artifact_mean, view.spectrogram[:, 0]):
        np.testing.assert_array_equal(np.isfinite(values), scored)
    assert not all(scored)


def test_columns_of_a_part_keep_the_places_of_the_whole() -> None:
    scores = example_scores(100)
    view = columns(scores, at_most=100, start=20, stop=30)
    assert view.edges.tolist() == list(range(20, 31))
    np.testing.assert_allclose(view.eeg_max, scores.overview.eeg_max[20:30])


def test_decibels_of_tenfold_power_are_ten_more() -> None:
    np.testing.assert_allclose(decibels(np.log(np.array([1.0, 10.0, 0.01]))), [0, 10, -20], atol=1e-12)


@pytest.mark.parametrize("values", [[], [np.nan], [3.0, 3.0], [1.0, 2.0, np.nan, np.inf]])
def test_limits_are_finite_and_apart(values: list[float]) -> None:
    low, high = robust_limits(np.array(values))
    assert np.isfinite([low, high]).all()
    assert low < high


def test_limits_ignore_the_few_that_stand_out() -> None:
    low, high = robust_limits(np.append(np.linspace(0, 1, 1000), 1e9))
    assert low >= 0
    assert high < 1.1


@pytest.mark.parametrize(
    ("frequencies", "edges"), [([0.5, 1.0, 1.5], (0.25, 1.75)), ([0.75, 1.75], (0.25, 2.25)), ([1.0], (0.75, 1.25))]
)
def test_rows_reach_half_a_row_beyond_their_middles(frequencies: list[float], edges: tuple[float, float]) -> None:
    assert row_edges(np.array(frequencies)) == pytest.approx(edges)


def test_mean_spectra_leave_artifacts_out() -> None:
    scores = example_scores(200)
    flags = np.zeros(200, dtype=bool)
    flags[::2] = True
    marked = example_scores(200, hypnogram=Hypnogram(codes=scores.hypnogram.codes, artifact=flags))
    chosen = (scores.hypnogram.codes == Stage.NREM.code) & ~flags
    expected = 10 * np.log10(np.exp(scores.overview.spectrogram[chosen].mean(axis=0)))
    np.testing.assert_allclose(mean_spectra(marked)[Stage.NREM], expected)


def test_mean_spectra_hold_only_states_that_occur() -> None:
    assert set(mean_spectra(one_state_scores(Stage.REM))) == {Stage.REM}
    assert mean_spectra(one_state_scores(Stage.UNSCORED)) == {}


def test_the_colours_of_states_differ_in_lightness_too() -> None:
    lightness = sorted(_lightness(colour) for colour in COLOURS.values())
    assert all(lighter - darker > 15 for darker, lighter in pairwise(lightness))


def _lightness(colour: str) -> float:
    """CIE L* of a colour."""
    channels = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    return float(116 * np.cbrt(linear @ (0.2126, 0.7152, 0.0722)) - 16)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(4, "4 s"), (49.6, "49.6 s"), (60, "1 min"), (131, "2 min 11 s"), (86400, "24 h"), (3905, "1 h 5 min 5 s")],
)
def test_lengths_of_time_read_well(seconds: float, words: str) -> None:
    assert in_words(seconds) == words


def test_times_read_well() -> None:
    start = datetime(2024, 3, 4, 23, 59, 50)
    assert clock(start, 14) == "00:00:04"
    assert elapsed(90004) == "25:00:04"
    assert in_full(start) == "Monday 4 March 2024, 23:59:50"


def test_microvolts_get_their_sign_and_other_units_stay() -> None:
    assert (in_print("uV"), in_print("mV"), in_print("")) == ("µV", "mV", "")

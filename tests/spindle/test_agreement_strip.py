"""Excerpts of a recording with the hypnograms of all scorers: which one, and what it holds."""

from __future__ import annotations

from datetime import datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from spindle.agreement_strip import (
    COLUMNS_PER_EPOCH,
    Strip,
    cut_strip,
    differing,
    read_signals,
    strip_data,
    typical_start,
)
from spindle.agreement_strip_figure import strip_figure
from spindle.errors import LabelError, SettingError
from spindle.hypnogram import Hypnogram
from spindle.recording import Channel, Montage

EPOCHS = 40


def hypnogram(codes: list[int] | NDArray[np.integer], artifact: list[int] | None = None) -> Hypnogram:
    flags = np.zeros(len(codes), dtype=bool)
    flags[artifact or []] = True
    return Hypnogram(codes=np.array(codes, dtype=np.int8), artifact=flags)


def bouts(epochs: int = EPOCHS) -> Hypnogram:
    return hypnogram(np.arange(epochs) // 5 % 3, [3])


def montage(rate_hz: float = 200.0, epochs: int = EPOCHS, *, eegs: int = 2) -> Montage:
    """Each sample says its time, so that an excerpt can be recognised; the EEG is noise around it."""
    count = round(epochs * 4 * rate_hz)
    noise = np.random.default_rng(0).normal(size=count)
    seconds = np.arange(count) / rate_hz
    first = Channel.from_array("EEG1", seconds + 0.01 * noise, rate_hz)
    second = Channel.from_array("EEG2", 50 * noise, rate_hz) if eegs == 2 else first
    return Montage(eeg=(first, second), emg=Channel.from_array("EMG", 10 * noise, rate_hz))


def strip(**changes: object) -> Strip:
    settings: dict[str, object] = {"title": "mouse07", "epochs": 15, **changes}
    return cut_strip(bouts(), [bouts(), bouts()], **settings)  # type: ignore[arg-type]


def test_scorers_differ_in_state_or_artifact_where_both_looked() -> None:
    first, second = hypnogram([0, 0, 1, 2, -1], [1, 3]), hypnogram([0, 0, 2, 1, 1], [3])
    assert differing([first, second]).tolist() == [False, True, True, False, False]


def test_a_typical_excerpt_has_the_median_number_of_differences() -> None:
    expert = hypnogram(np.zeros(30, dtype=int))
    prediction = hypnogram([0] * 10 + [1] * 2 + [0] * 8 + [1] * 10)
    # Excerpts of 10 that begin at epoch 0 … 20 differ in 0 1 2 2 2 2 2 2 2 2 2 2 2 3 4 … 10; the median is 2.
    start = typical_start(prediction, [expert], 10)
    assert start == 2
    assert differing([prediction, expert])[start : start + 10].sum() == 2


def test_a_typical_excerpt_holds_every_state_if_any_does() -> None:
    expert = hypnogram([0] * 50 + [1] * 4 + [2] * 4 + [0] * 50)
    start = typical_start(hypnogram(np.zeros(108, dtype=int)), [expert], 20)
    assert set(expert.codes[start : start + 20].tolist()) == {0, 1, 2}


@given(st.integers(1, 60), st.integers(1, 60), st.integers(0, 2**32 - 1))
def test_an_excerpt_lies_within_the_recording(total: int, epochs: int, seed: int) -> None:
    codes = np.random.default_rng(seed).integers(-1, 3, (3, total))
    prediction, *experts = (hypnogram(one) for one in codes)
    found = cut_strip(prediction, experts, title="mouse07", epochs=epochs)
    assert 0 <= found.start < found.stop <= total
    assert found.stop - found.start == min(epochs, total)


def test_spindle_stands_between_the_experts() -> None:
    assert list(strip().hypnograms) == ["expert 1", "SPINDLE", "expert 2"]


def test_an_excerpt_can_begin_at_a_given_hour_and_end_with_the_recording() -> None:
    found = strip(from_hour=30 * 4 / 3600)
    assert (found.start, found.stop) == (30, EPOCHS)


@pytest.mark.parametrize("hour", [-0.1, 0.05, float("nan")])
def test_an_hour_outside_of_the_recording_is_refused_with_its_length(hour: float) -> None:
    with pytest.raises(SettingError, match=r"mouse07 has 0\.0444 h"):
        strip(from_hour=hour)


def test_labels_of_another_length_are_refused() -> None:
    with pytest.raises(LabelError, match="every epoch"):
        cut_strip(bouts(), [bouts(EPOCHS - 1)], title="mouse07")


@pytest.mark.parametrize("rate_hz", [128.0, 200.0, 199.7])
def test_signals_are_those_of_the_excerpt_in_columns_of_half_a_second(rate_hz: float) -> None:
    found = read_signals(montage(rate_hz), 10, 25)
    assert found.power_db.shape == (15 * COLUMNS_PER_EPOCH, 48)
    assert np.isfinite(found.power_db).all()
    begin_s = 40 + 0.5 * np.arange(15 * COLUMNS_PER_EPOCH)
    trace = found.traces[0]
    # 0.1 s: the noise, and a sample to either side.
    np.testing.assert_allclose(trace.low, begin_s, atol=0.1)
    np.testing.assert_allclose(trace.high, begin_s + 0.5, atol=0.1)


def test_the_last_epochs_can_be_cut_at_a_rate_that_is_no_integer() -> None:
    found = read_signals(montage(199.7), EPOCHS - 3, EPOCHS)
    assert np.isfinite(found.power_db).all()


def test_power_rises_where_a_rhythm_is() -> None:
    count = EPOCHS * 512
    theta = 100 * np.sin(2 * np.pi * 7 * np.arange(count) / 128)
    noise = np.random.default_rng(0).normal(size=count)
    channel = Channel.from_array("EEG", theta + noise, 128)
    found = read_signals(Montage(eeg=(channel, channel), emg=Channel.from_array("EMG", noise, 128)), 5, 10)
    # The outermost columns see mirrored signals.
    assert set(found.frequencies_hz[found.power_db[2:-2].argmax(axis=1)].tolist()) == {7.0}


def test_one_eeg_is_shown_once() -> None:
    found = read_signals(montage(eegs=1), 0, 5)
    assert [trace.label for trace in found.traces] == ["EEG1", "EMG"]
    assert found.roles == ["eeg1", "emg"]


def test_an_excerpt_without_usable_signals_has_traces_and_no_power() -> None:
    flat = Channel.from_array("EMG", np.zeros(EPOCHS * 512), 128)
    whole = montage(128.0)
    found = read_signals(Montage(eeg=whole.eeg, emg=flat), 0, 5)
    assert np.isnan(found.power_db).all()
    assert not found.traces[-1].high.any()


def test_the_table_repeats_states_over_the_columns_of_an_epoch() -> None:
    table = strip_data(strip(montage=montage(), from_hour=0.0))
    assert len(table) == 15 * COLUMNS_PER_EPOCH
    assert table["stage_spindle"].tolist()[::COLUMNS_PER_EPOCH] == [str(one) for one in bouts().stages[:15]]
    assert table.loc[table["artifact_expert_2"] == 1, "epoch"].unique().tolist() == [3]
    assert {"eeg1_low_uV", "eeg2_high_uV", "emg_low_uV", "power_db_0.5_hz", "power_db_24_hz"} <= set(table.columns)
    assert table["time_s"].iloc[-1] == 15 * 4 - 0.5


def test_without_signals_the_table_has_a_row_per_epoch() -> None:
    assert strip_data(strip())["epoch"].tolist() == list(range(strip().start, strip().stop))


@pytest.mark.parametrize(("eegs", "panels"), [(0, 4), (1, 7), (2, 8)])
def test_a_figure_has_a_panel_for_each_signal_and_scorer(eegs: int, panels: int) -> None:
    one = strip(montage=montage(eegs=eegs) if eegs else None, recorded_at=datetime(2024, 3, 4, 8))
    figure = strip_figure(one)
    figure.canvas.draw()
    drawn = [axis for axis in figure.axes if axis.get_label() != "<colorbar>"]
    assert len(drawn) == panels
    assert {axis.get_xlim() for axis in drawn} == {(one.start * 4.0, one.stop * 4.0)}
    assert drawn[-1].get_xlabel() == "time of day"


def test_the_last_lane_marks_where_scorers_differ() -> None:
    other = hypnogram(bouts().codes, [20])
    figure = strip_figure(cut_strip(bouts(), [other], title="mouse07", epochs=EPOCHS))
    (bars,) = figure.axes[-1].collections
    assert [path.get_extents().intervalx.tolist() for path in bars.get_paths()] == [[12.0, 16.0], [80.0, 84.0]]

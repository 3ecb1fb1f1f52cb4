"""Stored scorings, corrections and envelopes: what is read back is what was written, and the original stays."""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from tests.spindle.examples import example_scores, one_state_scores

from spindle.errors import OutputError
from spindle.hypnogram import Stage
from spindle.recording import Channel, Montage
from spindle.scores import Overview, Scores
from spindle.service.envelopes import ABOUT, MISSING, About, pooled, window, write_envelopes
from spindle.service.scored import Change, corrected, in_short, load_drawn, load_scores, save_scores


def same(first: Scores, second: Scores) -> None:
    for field in fields(Scores):
        one, two = getattr(first, field.name), getattr(second, field.name)
        if isinstance(one, np.ndarray):
            assert one.dtype == two.dtype
            np.testing.assert_array_equal(one, two)
        elif field.name not in ("hypnogram", "overview"):
            assert one == two
    np.testing.assert_array_equal(first.hypnogram.codes, second.hypnogram.codes)
    np.testing.assert_array_equal(first.hypnogram.artifact, second.hypnogram.artifact)
    assert first.hypnogram.epoch_s == second.hypnogram.epoch_s
    for field in fields(Overview):
        np.testing.assert_array_equal(getattr(first.overview, field.name), getattr(second.overview, field.name))


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"start": None, "notes": (), "animal": "7"},
        {"start": datetime(2024, 3, 4, 8, 0, 0, 123456, tzinfo=UTC)},
        {"density_nats": np.linspace(-5, -1, 120).astype(np.float32), "artifact_threshold": 0.1 + 0.2},
        {"name": "Maus 7 «früh».edf", "notes": ("µV, and “quotes”",)},
    ],
)
def test_a_scoring_comes_back_as_it_was(tmp_path: Path, changes: dict[str, object]) -> None:
    scores = example_scores(120, **changes)
    save_scores(scores, tmp_path / "scores.npz")
    same(scores, load_scores(tmp_path / "scores.npz"))
    assert [path.name for path in tmp_path.iterdir()] == ["scores.npz"]


def test_what_a_page_draws_is_what_the_scoring_says(tmp_path: Path) -> None:
    scores = example_scores(120)
    save_scores(scores, tmp_path / "scores.npz")
    drawn = load_drawn(tmp_path / "scores.npz")
    np.testing.assert_array_equal(drawn.codes, scores.hypnogram.codes)
    np.testing.assert_array_equal(drawn.artifact_probability, scores.artifact_probability)
    assert drawn.shades.shape == scores.overview.spectrogram.shape
    assert ((drawn.shades == 0).all(axis=1) == (scores.hypnogram.codes < 0)).all()
    assert drawn.words["start"] == "2024-03-04T08:00:00"


def test_a_file_that_is_no_scoring_is_said_to_be_none(tmp_path: Path) -> None:
    path = tmp_path / "scores.npz"
    save_scores(example_scores(20), path)
    path.write_bytes(path.read_bytes()[:700])
    for reader in (load_scores, load_drawn):
        with pytest.raises(OutputError, match=r"scores\.npz holds no scoring"):
            reader(path)
    with pytest.raises(OutputError, match="cannot be written"):
        save_scores(example_scores(20), tmp_path / "missing" / "scores.npz")


def test_corrections_apply_in_their_order_and_leave_the_original_alone() -> None:
    scores = one_state_scores(Stage.WAKE, 10)
    before = scores.hypnogram.codes.copy()
    changes = [
        Change(first=2, last=5, stage=Stage.NREM),
        Change(first=4, last=6, stage=Stage.REM, artifact=True),
        Change(first=5, last=5, artifact=False),
        Change(first=9, last=9, stage=Stage.UNSCORED),
    ]
    now = corrected(scores, 0.5, changes)
    assert now.hypnogram.codes.tolist() == [0, 0, 1, 1, 2, 2, 2, 0, 0, -1]
    assert np.flatnonzero(now.hypnogram.artifact).tolist() == [4, 6]
    np.testing.assert_array_equal(scores.hypnogram.codes, before)
    np.testing.assert_array_equal(now.stage_probability, scores.stage_probability)
    assert now.notes[-1] == "6 epochs were corrected by a person."


def test_a_flag_that_a_person_set_holds_at_every_threshold() -> None:
    scores = example_scores(300)
    probability = np.nan_to_num(scores.artifact_probability)
    changes = [Change(first=0, last=9, artifact=True), Change(first=10, last=19, artifact=False)]
    for threshold in (0.05, 0.5, 0.95):
        now = corrected(scores, threshold, changes)
        assert now.artifact_threshold == threshold
        assert now.hypnogram.artifact[:10].all() and not now.hypnogram.artifact[10:20].any()
        np.testing.assert_array_equal(now.hypnogram.artifact[20:], probability[20:] > threshold)


def test_without_corrections_only_the_threshold_moves() -> None:
    scores = example_scores(60)
    same(corrected(scores, scores.artifact_threshold), scores)
    undone = [Change(first=3, last=3, stage=scores.hypnogram.stages[3])]
    assert corrected(scores, 0.5, undone).notes == scores.notes


def test_a_list_shows_shares_of_the_scored_time() -> None:
    short = in_short(one_state_scores(Stage.NREM, 900))
    assert short["hours"] == 1.0
    assert short["shares"] == {"wake": 0.0, "nrem": 1.0, "rem": 0.0}
    assert short["artifact_share"] == 0.0


def montage_of(seconds: int = 600, rate_hz: float = 128.0, seed: int = 0) -> Montage:
    rng = np.random.default_rng(seed)
    signals = [rng.normal(0, 50, int(seconds * rate_hz)).astype(np.float32) for _ in range(3)]
    eeg1, eeg2, emg = (
        Channel.from_array(label, signal, rate_hz)
        for label, signal in zip(("EEG1", "EEG2", "EMG"), signals, strict=True)
    )
    return Montage(eeg=(eeg1, eeg2), emg=emg)


@pytest.mark.parametrize("rate_hz", [64.0, 128.0, 199.8, 512.0])
def test_envelopes_hold_every_extreme_of_the_signal(tmp_path: Path, rate_hz: float) -> None:
    montage = montage_of(rate_hz=rate_hz)
    write_envelopes(montage, tmp_path / "envelopes")
    about = About.read(tmp_path / "envelopes" / ABOUT)
    assert [one.label for one in about.channels] == ["EEG1", "EEG2", "EMG"]
    for columns in (1, 7, 300, 5000, 10**6):
        shown = window(tmp_path / "envelopes", 0, 600, columns)
        assert shown.extremes.shape[1] <= max(columns, 1)
        for place, channel in enumerate(montage.channels):
            signal = channel.read(0, channel.samples)
            scale = about.channels[place].scale
            assert shown.extremes[place].min() * scale == pytest.approx(signal.min(), abs=scale)
            assert shown.extremes[place].max() * scale == pytest.approx(signal.max(), abs=scale)


def test_a_window_holds_the_extremes_of_its_own_time(tmp_path: Path) -> None:
    montage = montage_of()
    write_envelopes(montage, tmp_path)
    about = About.read(tmp_path / ABOUT)
    shown = window(tmp_path, 100.0, 104.0, 128)
    assert (shown.first_s, shown.column_s, shown.extremes.shape) == (100.0, 1 / 32, (3, 128, 2))
    signal = montage.eeg[0].read(12800, 13312).reshape(128, 4)
    found = shown.extremes[0] * about.channels[0].scale
    np.testing.assert_allclose(found.min(axis=1), signal.min(axis=1), atol=about.channels[0].scale)
    np.testing.assert_allclose(found.max(axis=1), signal.max(axis=1), atol=about.channels[0].scale)
    rises = signal[:, 0] <= signal[:, -1]
    np.testing.assert_array_equal((found[:, 0] <= found[:, 1])[rises], True)


def test_a_gap_stays_a_gap_at_every_level(tmp_path: Path) -> None:
    montage = montage_of(3600)
    signal = montage.emg.read(0, montage.emg.samples)
    signal[128 * 1000 : 128 * 1600] = np.nan
    gapped = replace(montage, emg=Channel.from_array("EMG", signal, 128.0))
    write_envelopes(gapped, tmp_path)
    for level in About.read(tmp_path / ABOUT).levels:
        kept = np.load(tmp_path / f"{level.name}.npy")
        inside = slice(int(np.ceil(1001 * level.rate_hz)), int(1599 * level.rate_hz))
        assert (kept[2, inside] == MISSING).all()
        assert (kept[:2, inside] != MISSING).all()
    shown = window(tmp_path, 0, 3600, 36)
    assert (shown.extremes[2, 11:15] == MISSING).all()
    assert (shown.extremes[2, :9] != MISSING).all()


def test_one_eeg_is_kept_once_and_a_flat_signal_divides_nothing_by_zero(tmp_path: Path) -> None:
    flat = Channel.from_array("EEG", np.zeros(128 * 40, dtype=np.float32), 128.0)
    write_envelopes(Montage(eeg=(flat, flat), emg=flat), tmp_path)
    shown = window(tmp_path, 0, 40, 10)
    assert shown.extremes.shape == (2, 10, 2)
    assert (shown.extremes == 0).all()


def test_a_window_outside_the_recording_is_empty_or_cut(tmp_path: Path) -> None:
    write_envelopes(montage_of(60), tmp_path)
    assert window(tmp_path, 70, 80, 100).extremes.shape == (3, 0, 2)
    assert window(tmp_path, 56, 80, 10_000).extremes.shape == (3, 128, 2)


def test_pooling_keeps_the_order_of_the_ends() -> None:
    pairs = np.array([[1, 2], [0, 9], [8, 3], [3, -4]], dtype=np.int16)
    np.testing.assert_array_equal(pooled(pairs, 2), [[0, 9], [8, -4]])
    np.testing.assert_array_equal(pooled(pairs.astype(np.float32), 4), [[9, -4]])

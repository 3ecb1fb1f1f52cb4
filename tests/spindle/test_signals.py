"""Signals on the epoch grid."""

from __future__ import annotations

import numpy as np
import pytest

from spindle.errors import ChannelError, RecordingError
from spindle.recording import Channel, Montage
from spindle.signals import EPOCH_SAMPLES, EpochSignals, load_signals, stretches


def sine(rate_hz: float, seconds: float, frequency_hz: float = 3.0) -> np.ndarray:
    time = np.arange(round(rate_hz * seconds)) / rate_hz
    return np.sin(2 * np.pi * frequency_hz * time).astype(np.float32)


def montage(eeg: np.ndarray, emg: np.ndarray, rate_hz: float, emg_rate_hz: float | None = None) -> Montage:
    channel = Channel.from_array("EEG", eeg, rate_hz)
    return Montage(eeg=(channel, channel), emg=Channel.from_array("EMG", emg, emg_rate_hz or rate_hz))


def noise(count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(count).astype(np.float32)


def load(eeg: np.ndarray, rate_hz: float) -> EpochSignals:
    return load_signals(montage(eeg, noise(len(eeg)), rate_hz))


@pytest.mark.parametrize("rate_hz", [64.0, 100.0, 128.0, 200.0, 512.0, 1000.0, 199.7, 500 / 3])
def test_any_rate_becomes_128_hz_without_shifting_time(rate_hz: float) -> None:
    signals = load(sine(rate_hz, 60.0), rate_hz)
    assert len(signals.usable) == 15
    inner = slice(EPOCH_SAMPLES, -EPOCH_SAMPLES)
    np.testing.assert_allclose(signals.eeg[0].samples[inner], sine(128.0, 60.0)[inner], atol=0.01)


def test_a_last_part_epoch_is_dropped_and_said() -> None:
    signals = load(noise(128 * 42), 128.0)
    assert len(signals.usable) == 10
    assert "last 2.00 s" in signals.notes[0]


def test_channels_may_have_different_rates() -> None:
    signals = load_signals(montage(noise(200 * 40), noise(512 * 40), 200.0, 512.0))
    assert signals.usable.all()
    assert signals.eeg[0].samples.shape == signals.emg.samples.shape == (10 * EPOCH_SAMPLES,)


def test_one_missing_sample_makes_its_epoch_unscored_and_no_other() -> None:
    eeg = noise(128 * 40)
    eeg[128 * 17] = np.nan
    signals = load(eeg, 128.0)
    assert np.flatnonzero(~signals.usable).tolist() == [4]
    assert "1 of 10 epochs are unscored" in signals.notes[0]


def test_a_flat_line_of_two_seconds_makes_its_epoch_unscored() -> None:
    eeg = noise(200 * 40)
    eeg[200 * 8 : 200 * 10] = 7.0
    eeg[200 * 20 : 200 * 20 + 150] = 7.0
    assert np.flatnonzero(~load(eeg, 200.0).usable).tolist() == [2]


@pytest.mark.parametrize("rate_hz", [128.0, 200.0, 199.7])
def test_a_gap_is_never_glued(rate_hz: float) -> None:
    """What stands before a gap has no influence on what comes after it."""
    count = round(rate_hz * 80)
    gap = slice(round(rate_hz * 30), round(rate_hz * 50))
    one, other = noise(count, 1), noise(count, 1)
    other[: gap.start] = 100 * noise(gap.start, 2)
    one[gap] = other[gap] = np.nan
    after = slice(13 * EPOCH_SAMPLES, None)
    np.testing.assert_array_equal(load(one, rate_hz).eeg[0].samples[after], load(other, rate_hz).eeg[0].samples[after])


def test_pieces_read_one_by_one_equal_one_long_piece() -> None:
    """1,100 epochs span five chunks; resampling must not show their seams."""
    rate_hz, seconds = 200.0, 4400
    samples = load(sine(rate_hz, seconds), rate_hz).eeg[0].samples
    inner = slice(EPOCH_SAMPLES, -EPOCH_SAMPLES)
    np.testing.assert_allclose(samples[inner], sine(128.0, seconds)[inner], atol=0.01)


def test_extents_are_those_of_the_epochs() -> None:
    eeg = noise(200 * 12)
    first = load(eeg, 200.0).eeg[0]
    per_epoch = eeg.reshape(3, 800)
    np.testing.assert_allclose(first.low, per_epoch.min(axis=1))
    np.testing.assert_allclose(first.high, per_epoch.max(axis=1))
    np.testing.assert_allclose(first.rms, per_epoch.std(axis=1), rtol=1e-5)


def test_a_rate_below_64_hz_is_refused_with_both_rates() -> None:
    with pytest.raises(ChannelError, match=r"'EEG' is sampled at 50 Hz; scoring needs 64 Hz"):
        load(noise(500), 50.0)


@pytest.mark.parametrize(("value", "words"), [(np.nan, "no numbers"), (3.0, "a flat line only")])
def test_an_empty_channel_is_refused_by_name(value: float, words: str) -> None:
    with pytest.raises(ChannelError, match=f"'EEG' holds {words}"):
        load(np.full(128 * 40, value, dtype=np.float32), 128.0)


def test_a_recording_shorter_than_an_epoch_is_refused() -> None:
    with pytest.raises(RecordingError, match=r"lasts 3 s"):
        load(noise(128 * 3), 128.0)


def test_channels_that_are_never_usable_together_are_refused() -> None:
    eeg, emg = noise(128 * 40), noise(128 * 40, 1)
    eeg[: 128 * 20] = np.nan
    emg[128 * 20 :] = np.nan
    with pytest.raises(RecordingError, match="no epoch"):
        load_signals(montage(eeg, emg, 128.0))


def test_stretches_of_a_mask() -> None:
    assert stretches(np.array([True, False, True, True])) == [(0, 1), (2, 4)]
    assert stretches(np.array([False])) == []

"""Time-frequency images."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.signal

from spindle.recording import Channel, Montage
from spindle.signals import load_signals
from spindle.spectrogram import (
    FRAMES_PER_EPOCH,
    RowChoice,
    TimeFrequency,
    log_power,
    reflect,
    time_frequency,
)


def noise(seconds: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(128 * seconds).astype(np.float32)


def montage(eeg: np.ndarray, emg: np.ndarray, second: np.ndarray | None = None) -> Montage:
    first = Channel.from_array("EEG1", eeg, 128.0)
    other = first if second is None else Channel.from_array("EEG2", second, 128.0)
    return Montage(eeg=(first, other), emg=Channel.from_array("EMG", emg, 128.0))


def transform(eeg: np.ndarray, rows: RowChoice = RowChoice.NARROW) -> TimeFrequency:
    return time_frequency(load_signals(montage(eeg, noise(len(eeg) // 128, 9))), rows=rows)


def test_power_equals_scipys_spectrogram() -> None:
    """SciPy, another implementation: centred Hamming frames of 256, step 16, one-sided density, reflected ends."""
    eeg = noise(20)
    signals = load_signals(montage(eeg, noise(20, 1)))
    ours = np.exp(log_power(signals.eeg[0], signals, 60, lambda power: power))
    _, _, theirs = scipy.signal.spectrogram(
        np.pad(eeg.astype(np.float64), 120, mode="reflect"),
        128.0,
        window=scipy.signal.get_window("hamming", 256),
        noverlap=240,
    )
    np.testing.assert_allclose(ours, theirs[1:61].T, rtol=1e-3, atol=1e-8)


def test_a_sine_stands_in_its_row() -> None:
    eeg = (0.01 * noise(40) + np.sin(2 * np.pi * 7.0 * np.arange(128 * 40) / 128)).astype(np.float32)
    signals = load_signals(montage(eeg, noise(40, 1)))
    power = log_power(signals.eeg[0], signals, 48, RowChoice.NARROW.power)
    assert RowChoice.NARROW.frequencies_hz[power.mean(axis=0).argmax()] == 7.0


def test_rows_have_mean_0_and_variance_1() -> None:
    images = transform(noise(400))
    np.testing.assert_allclose(images.eeg[0].mean(axis=0), 0, atol=1e-4)
    np.testing.assert_allclose(images.eeg[0].std(axis=0), 1, rtol=1e-3)
    np.testing.assert_allclose([images.emg.mean(), images.emg.std()], [0, 1], atol=1e-3)


@pytest.mark.parametrize("gain", [1e-6, 1e6])
def test_neither_the_unit_nor_an_offset_matters(gain: float) -> None:
    eeg = noise(80)
    np.testing.assert_allclose(transform(eeg).eeg[0], transform(np.float32(gain) * eeg).eeg[0], atol=2e-3)
    np.testing.assert_allclose(transform(eeg).eeg[0], transform(eeg + np.float32(50)).eeg[0], atol=2e-2)


def test_an_image_shows_the_epoch_and_two_on_either_side() -> None:
    images = transform(noise(80))
    image = images.images(np.array([5]))[0].numpy()
    assert image.shape == (3, 160, 24)
    np.testing.assert_array_equal(image[0], images.eeg[0][3 * FRAMES_PER_EPOCH : 8 * FRAMES_PER_EPOCH])
    np.testing.assert_array_equal(image[2], np.repeat(images.emg[96:256, None], 24, axis=1))


def test_the_ends_are_reflected_and_never_wrapped() -> None:
    images = transform(noise(80))
    first = images.images(np.array([0]))[0, 0].numpy()
    np.testing.assert_array_equal(first[:64], first[64:128][::-1])
    last = images.images(np.array([len(images) - 1]))[0, 0].numpy()
    np.testing.assert_array_equal(last[-64:], last[-128:-64][::-1])


def test_an_image_beside_a_gap_shows_nothing_from_beyond_it() -> None:
    eeg = noise(120)
    eeg[128 * 60 : 128 * 64] = np.nan
    images = transform(eeg)
    frames = images.frame_indices(np.array([14, 16]))
    assert frames[0].max() < 15 * FRAMES_PER_EPOCH
    assert frames[1].min() >= 16 * FRAMES_PER_EPOCH
    assert (images.eeg[:, 15 * FRAMES_PER_EPOCH : 16 * FRAMES_PER_EPOCH] == 0).all()


def test_a_single_epoch_has_an_image() -> None:
    assert np.isfinite(transform(noise(4)).images(np.array([0])).numpy()).all()


def test_one_eeg_stands_twice_and_two_stand_apart() -> None:
    one = transform(noise(40))
    np.testing.assert_array_equal(one.eeg[0], one.eeg[1])
    two = time_frequency(load_signals(montage(noise(40), noise(40, 1), noise(40, 2))))
    assert np.abs(two.eeg[0] - two.eeg[1]).max() > 0.1
    np.testing.assert_array_equal(two.eeg[0], one.eeg[0])


def test_digital_silence_has_a_finite_logarithm() -> None:
    eeg = noise(80)
    eeg[128 * 40 : 128 * 41] = 0.0  # one second: too short to be unscored, long enough for a frame of little power
    assert np.isfinite(transform(eeg).eeg).all()


def test_log_power_can_be_recovered_per_epoch() -> None:
    eeg = noise(80)
    signals = load_signals(montage(eeg, noise(80, 1)))
    direct = log_power(signals.eeg[0], signals, 48, RowChoice.NARROW.power).reshape(20, 32, 24).mean(axis=1)
    np.testing.assert_allclose(time_frequency(signals).mean_log_power(), direct, atol=1e-4)


def test_both_row_choices_have_24_rows_over_their_bands() -> None:
    narrow, wide = RowChoice.NARROW.frequencies_hz, RowChoice.WIDE.frequencies_hz
    assert (narrow[0], narrow[-1], len(narrow)) == (0.5, 12.0, 24)
    assert (wide[0], wide[-1], len(wide)) == (0.75, 23.75, 24)


def test_reflection_folds_any_distance() -> None:
    folded = reflect(np.arange(-3, 6), np.array(0), np.array(2))
    assert folded.tolist() == [1, 1, 0, 0, 1, 1, 0, 0, 1]


def test_standardising_by_weights_gives_weighted_mean_0_and_variance_1() -> None:
    eeg = noise(400)
    eeg[128 * 40 : 128 * 44] = np.nan
    images = transform(eeg)
    weights = np.random.default_rng(1).random(100) * images.usable
    weights /= weights.sum()
    again = images.standardised_by(weights)
    per_frame = np.repeat(weights, FRAMES_PER_EPOCH) / FRAMES_PER_EPOCH
    np.testing.assert_allclose(per_frame @ again.eeg[0], 0, atol=1e-4)
    np.testing.assert_allclose(per_frame @ np.square(again.eeg[0]), 1, rtol=1e-3)
    np.testing.assert_allclose(per_frame @ np.square(again.emg), 1, rtol=1e-3)
    assert (again.eeg[:, ~np.repeat(images.usable, FRAMES_PER_EPOCH)] == 0).all()


def test_equal_weights_change_nothing_and_log_power_stays_what_it_was() -> None:
    images = time_frequency(load_signals(montage(noise(80), noise(80, 1), noise(80, 2))))
    same = images.standardised_by(np.full(20, 1 / 20))
    np.testing.assert_allclose(same.eeg, images.eeg, atol=1e-4)
    skewed = images.standardised_by(np.linspace(0, 0.1, 20) / np.linspace(0, 0.1, 20).sum())
    np.testing.assert_allclose(skewed.mean_log_power(), images.mean_log_power(), atol=1e-3)

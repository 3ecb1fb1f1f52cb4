"""Band power, and the five ways to use two EEGs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from spindle.baselines.features import (
    EegUse,
    band_power,
    eeg_features,
    epochs_of,
    logarithm,
    one_hot,
    standardise,
)

from .conftest import noise, scaled

SPECTRUM = [(0.0, 4.0), (4.0, 16.0), (16.0, 64.1)]


def log_power(samples: np.ndarray) -> np.ndarray:
    return logarithm(band_power(samples, SPECTRUM))


def test_all_bands_together_hold_the_mean_square_of_the_windowed_epoch() -> None:
    samples = np.random.default_rng(0).normal(size=(5, 512)).astype(np.float32)
    window = np.hanning(513)[:-1]
    centred = (samples - samples.mean(axis=1, keepdims=True)) * window / np.sqrt(np.square(window).mean())
    spectrum = np.abs(np.fft.rfft(centred, axis=1)) ** 2
    spectrum[:, 1:-1] *= 2
    # A one-sided spectrum counts the frequency 0 and the highest one once; the bands count all of them twice.
    once = (spectrum[:, 0] + spectrum[:, -1]) / 512**2
    np.testing.assert_allclose(
        band_power(samples, [(0.0, 64.1)])[:, 0], np.square(centred).mean(axis=1) + once, rtol=1e-4
    )


def test_a_sine_has_its_power_in_its_band_and_half_its_squared_amplitude() -> None:
    time_s = np.arange(512) / 128
    samples = (3 * np.sin(2 * np.pi * 7.0 * time_s))[None].astype(np.float32)
    theta, rest = band_power(samples, [(6.0, 9.0), (9.0, 64.1)])[0]
    assert theta == pytest.approx(4.5, rel=1e-3)
    assert rest < 1e-4


def test_power_does_not_depend_on_an_offset_and_grows_with_the_square() -> None:
    samples = np.random.default_rng(1).normal(size=(3, 512)).astype(np.float32)
    power = band_power(samples, SPECTRUM)
    np.testing.assert_allclose(band_power(samples + np.float32(5), SPECTRUM), power, rtol=1e-3)
    np.testing.assert_allclose(band_power(samples * np.float32(10), SPECTRUM), 100 * power, rtol=1e-4)


def test_chunks_leave_no_seam(monkeypatch: pytest.MonkeyPatch) -> None:
    samples = np.random.default_rng(2).normal(size=(11, 512)).astype(np.float32)
    whole = band_power(samples, SPECTRUM)
    monkeypatch.setattr("spindle.baselines.features.CHUNK_EPOCHS", 4)
    np.testing.assert_allclose(band_power(samples, SPECTRUM), whole, rtol=1e-6)


def test_each_way_to_use_two_eegs_does_what_it_says() -> None:
    signals = noise(20)
    first, second = (log_power(epochs_of(one, signals.usable)) for one in signals.eeg)
    found = {use: eeg_features(signals, use, log_power) for use in EegUse}
    np.testing.assert_array_equal(found[EegUse.FIRST], first)
    np.testing.assert_array_equal(found[EegUse.SECOND], second)
    np.testing.assert_allclose(found[EegUse.MEAN_FEATURES], (first + second) / 2)
    np.testing.assert_array_equal(found[EegUse.BOTH], np.concatenate([first, second], axis=1))
    strengths = [np.median(one.rms) for one in signals.eeg]
    mean = sum(
        epochs_of(one, signals.usable) / (2 * strength) for one, strength in zip(signals.eeg, strengths, strict=True)
    )
    np.testing.assert_allclose(found[EegUse.MEAN_SIGNAL], log_power(mean.astype(np.float32)), rtol=1e-3, atol=1e-3)


def test_one_eeg_gives_the_same_by_every_way() -> None:
    signals = noise(20)
    alone = replace(signals, eeg=(signals.eeg[0], signals.eeg[0]))
    wanted = eeg_features(alone, EegUse.FIRST, log_power)
    for use in (EegUse.SECOND, EegUse.MEAN_FEATURES):
        np.testing.assert_allclose(eeg_features(alone, use, log_power), wanted)
    np.testing.assert_allclose(eeg_features(alone, EegUse.BOTH, log_power), np.tile(wanted, 2))
    mean = standardise(eeg_features(alone, EegUse.MEAN_SIGNAL, log_power))
    np.testing.assert_allclose(mean, standardise(wanted), atol=1e-3)


def test_a_louder_amplifier_has_no_more_say_in_the_mean_of_the_signals() -> None:
    signals = noise(20)
    first, second = signals.eeg
    louder = replace(second, samples=second.samples * np.float32(1000), rms=second.rms * np.float32(1000))
    for one in (signals, scaled(signals, 1e-6, 1.0)):
        np.testing.assert_allclose(
            eeg_features(one, EegUse.MEAN_SIGNAL, log_power),
            eeg_features(replace(signals, eeg=(first, louder)), EegUse.MEAN_SIGNAL, log_power),
            rtol=1e-3,
            atol=1e-3,
        )


@pytest.mark.parametrize("use", EegUse)
def test_features_are_unknown_where_any_channel_is_unusable_and_nowhere_else(use: EegUse) -> None:
    signals = noise(20, gap=slice(5, 8))
    unknown = np.isnan(eeg_features(signals, use, log_power))
    np.testing.assert_array_equal(unknown.any(axis=1), ~signals.usable)
    np.testing.assert_array_equal(unknown.all(axis=1), ~signals.usable)


def test_standardised_features_have_mean_0_and_variance_1_over_known_epochs() -> None:
    features = np.random.default_rng(3).normal(5.0, 3.0, size=(50, 2))
    features[:, 1] = 7.0
    features[10] = np.nan
    result = standardise(features)
    known = np.arange(50) != 10
    assert np.isnan(result[10]).all()
    np.testing.assert_allclose(result[known].mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(result[known].std(axis=0), [1, 0], atol=1e-12)


def test_silence_has_a_logarithm() -> None:
    power = np.array([[1.0], [1.0], [0.0], [np.nan]])
    found = logarithm(power)[:, 0]
    assert found[:2].tolist() == [0.0, 0.0]
    assert np.isfinite(found[2]) and found[2] < -10
    assert np.isnan(found[3])


def test_one_hot_rows_are_certain_or_unknown() -> None:
    found = one_hot(np.array([0, 2, -1]))
    np.testing.assert_array_equal(found, np.array([[1, 0, 0], [0, 0, 1], [np.nan] * 3], dtype=np.float32))

"""Power per epoch and band, and the five ways to make one set of features from two EEGs (thesis A, 5.2)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import Any

import numpy as np
import scipy.fft
from jaxtyping import Bool, Float
from numpy.typing import NDArray

from spindle.signals import EPOCH_SAMPLES, RATE_HZ, EpochSignal, EpochSignals

RESOLUTION_HZ = RATE_HZ / EPOCH_SAMPLES
"""Width of a bin of an epoch's spectrum: 0.25 Hz."""

CHUNK_EPOCHS = 1024
SILENCE = 1e-7
"""Power below this share of a feature's median counts as this share: digital silence has no logarithm."""

Bands = Sequence[tuple[float, float]]
"""Lower and upper edge in Hz; the lower belongs to the band."""

Extract = Callable[[NDArray[np.float32]], NDArray[np.floating[Any]]]
"""Makes features (epochs, features) of the samples (epochs, 512) of one signal; both are NaN where unusable."""


class EegUse(StrEnum):
    """What a method that was made for one EEG does with two (thesis A, 5.2, variations a to e).

    `FIRST` and `SECOND` take one of them; `MEAN_SIGNAL` averages the signals, each divided by its usual strength, so
    that a louder amplifier does not decide; `MEAN_FEATURES` averages features; `BOTH` puts them side by side.
    """

    FIRST = "first"
    SECOND = "second"
    MEAN_SIGNAL = "mean-signal"
    MEAN_FEATURES = "mean-features"
    BOTH = "both"


def eeg_features(signals: EpochSignals, use: EegUse, extract: Extract) -> Float[np.ndarray, "epochs features"]:
    """Features of the EEG or EEGs; NaN where any channel is unusable.

    With one EEG the ways differ in nothing but `BOTH`, which has every feature twice.
    """
    first, second = (epochs_of(signal, signals.usable) for signal in signals.eeg)
    if use is EegUse.FIRST:
        return extract(first)
    if use is EegUse.SECOND:
        return extract(second)
    if use is EegUse.MEAN_SIGNAL:
        strengths = [_strength(signal, signals.usable) for signal in signals.eeg]
        mean = 0.5 * (first / strengths[0] + second / strengths[1])
        return extract(mean.astype(np.float32, copy=False))
    pair = extract(first), extract(second)
    return 0.5 * (pair[0] + pair[1]) if use is EegUse.MEAN_FEATURES else np.concatenate(pair, axis=1)


def epochs_of(signal: EpochSignal, usable: Bool[np.ndarray, " epochs"]) -> Float[np.ndarray, "epochs 512"]:
    """Samples of each epoch; NaN where it is not `usable`."""
    samples = signal.samples.reshape(-1, EPOCH_SAMPLES)
    return samples if usable.all() else np.where(usable[:, None], samples, np.float32(np.nan))


def band_power(samples: Float[np.ndarray, "epochs 512"], bands: Bands) -> Float[np.ndarray, "epochs bands"]:
    """Power in each band and epoch, in squared units: Hann window, mean taken out, bins of 0.25 Hz added up.

    NaN where an epoch holds NaN.
    """
    frequencies_hz = np.arange(EPOCH_SAMPLES // 2 + 1) * RESOLUTION_HZ
    member = np.array([(frequencies_hz >= low) & (frequencies_hz < high) for low, high in bands], dtype=np.float32).T
    window = np.hanning(EPOCH_SAMPLES + 1)[:-1].astype(np.float32)
    # Parseval: the sum over all bins is then the mean square of the windowed epoch.
    window *= np.float32(np.sqrt(2.0 / (EPOCH_SAMPLES * np.square(window).sum())))
    power = np.empty((len(samples), len(bands)), dtype=np.float32)
    for start in range(0, len(samples), CHUNK_EPOCHS):
        chunk = samples[start : start + CHUNK_EPOCHS]
        spectrum = scipy.fft.rfft((chunk - chunk.mean(axis=1, keepdims=True)) * window, axis=1)
        power[start : start + len(chunk)] = (np.square(spectrum.real) + np.square(spectrum.imag)) @ member
    return power


def logarithm(power: Float[np.ndarray, "epochs features"]) -> Float[np.ndarray, "epochs features"]:
    """Natural logarithm, silence raised to a share of each feature's median over the recording; NaN stays NaN."""
    known = ~np.isnan(power).any(axis=1)
    floor = SILENCE * np.median(power[known], axis=0) if known.any() else 0.0
    return np.asarray(np.log(np.maximum(power, np.maximum(floor, np.finfo(np.float32).tiny))))


def standardise(features: Float[np.ndarray, "epochs features"]) -> Float[np.ndarray, "epochs features"]:
    """Mean 0 and variance 1 of each feature over the known epochs of one recording; NaN stays NaN.

    Amplifiers, electrodes and animals differ in gain and level; no threshold or mean learned from one recording would
    fit another otherwise. A feature that never changes becomes 0.
    """
    known = ~np.isnan(features).any(axis=1)
    mean = features[known].mean(axis=0, dtype=np.float64)
    deviation = features[known].std(axis=0, dtype=np.float64)
    return np.asarray((features - mean) / np.where(deviation < 1e-6, 1.0, deviation))


def one_hot(codes: NDArray[np.integer[Any]]) -> Float[np.ndarray, "epochs 3"]:
    """Probability 1 for each epoch's state, in the order of `STAGES`; NaN where the code is −1."""
    table = np.eye(3, dtype=np.float32)[codes]
    return np.where(codes[:, None] >= 0, table, np.float32(np.nan))


def _strength(signal: EpochSignal, usable: Bool[np.ndarray, " epochs"]) -> np.float32:
    return np.float32(np.median(signal.rms[usable]) + np.finfo(np.float32).tiny)

"""Statistics by which simulated recordings are compared with real ones: bouts, transitions, power per state.

They need labels and power per epoch only, so that they apply to published tables of features as well as to signals.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import NDArray

from spindle.hypnogram import STAGES
from spindle.recording import EPOCH_S

BANDS_HZ: Mapping[str, tuple[float, float]] = {
    "delta": (0.5, 4.0), "theta": (5.0, 9.0), "alpha": (8.0, 13.0), "beta": (13.0, 30.0), "gamma": (30.0, 100.0),
}  # fmt: skip
"""Usual bands of rodent EEG in hertz, [low, high). A band ends at half the rate where it would reach beyond."""


@dataclass(frozen=True, kw_only=True)
class PowerStatistics:
    """Natural logarithms of power per state and column: mean, standard deviation, correlation of neighbours.

    `lag_one` takes pairs of neighbouring epochs of the same state. NaN where a state has too few epochs.
    """

    mean: Float[np.ndarray, "3 columns"]
    deviation: Float[np.ndarray, "3 columns"]
    lag_one: Float[np.ndarray, "3 columns"]


def transition_counts(codes: Int[np.ndarray, " epochs"]) -> Int[np.ndarray, "3 3"]:
    """Count transitions from state (row) to state (column), staying included, and never across an unscored epoch."""
    both = (codes[:-1] >= 0) & (codes[1:] >= 0)
    cells = codes[:-1][both].astype(np.int64) * len(STAGES) + codes[1:][both]
    return np.bincount(cells, minlength=len(STAGES) ** 2).reshape(len(STAGES), len(STAGES))


def bout_lengths(codes: Int[np.ndarray, " epochs"]) -> tuple[NDArray[np.int64], ...]:
    """Return the lengths in epochs of each state's whole bouts: none that an end or an unscored epoch cuts off."""
    starts = np.flatnonzero(np.diff(codes, prepend=codes[:1] - 1))
    lengths = np.diff(np.append(starts, len(codes)))
    padded = np.concatenate([[-1], codes[starts], [-1]])
    whole = (padded[:-2] >= 0) & (padded[2:] >= 0)
    return tuple(lengths[whole & (codes[starts] == stage.code)] for stage in STAGES)


def survival(lengths: Int[np.ndarray, " bouts"], at: Int[np.ndarray, " places"]) -> Float[np.ndarray, " places"]:
    """Share of bouts that last longer than each length of `at`. NaN without bouts."""
    if not len(lengths):
        return np.full(len(at), np.nan)
    return 1.0 - np.searchsorted(np.sort(lengths), at, side="right") / len(lengths)


def band_power(
    signal: Float[np.ndarray, " samples"], rate_hz: float, bands_hz: Mapping[str, tuple[float, float]] = BANDS_HZ
) -> Float[np.ndarray, "epochs bands"]:
    """Power in bands per whole epoch, in the signal's unit squared; a sine of amplitude a in a band gives a²/2."""
    length = round(EPOCH_S * rate_hz)
    epochs = len(signal) // length
    window = np.hanning(length + 1)[:-1]
    frequencies = np.fft.rfftfreq(length, 1 / rate_hz)
    chosen = [(frequencies >= low) & (frequencies < min(high, rate_hz / 2)) for low, high in bands_hz.values()]
    result = np.empty((epochs, len(chosen)))
    for epoch in range(epochs):
        piece = signal[epoch * length : (epoch + 1) * length]
        density = np.abs(np.fft.rfft((piece - piece.mean()) * window)) ** 2
        result[epoch] = [density[inside].sum() for inside in chosen]
    return np.asarray(2 * result / (length * (window**2).sum()))


def power_statistics(power: Float[np.ndarray, "epochs columns"], codes: Int[np.ndarray, " epochs"]) -> PowerStatistics:
    """Describe log power per state; epochs with a code below 0 or without power in some column count nowhere."""
    known = (codes >= 0) & (power > 0).all(axis=1)
    log_power = np.log(np.where(known[:, None], power, 1.0))
    shape = (len(STAGES), power.shape[1])
    mean, deviation, lag_one = (np.full(shape, np.nan) for _ in range(3))
    for stage in STAGES:
        here = known & (codes == stage.code)
        if here.sum() > 1:
            mean[stage.code] = log_power[here].mean(axis=0)
            deviation[stage.code] = log_power[here].std(axis=0)
        pairs = here[:-1] & here[1:]
        if pairs.sum() > 2:
            lag_one[stage.code] = _correlation(log_power[:-1][pairs], log_power[1:][pairs])
    return PowerStatistics(mean=mean, deviation=deviation, lag_one=lag_one)


def _correlation(first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.float64]:
    first, second = first - first.mean(axis=0), second - second.mean(axis=0)
    return np.asarray((first * second).mean(axis=0) / (first.std(axis=0) * second.std(axis=0)))

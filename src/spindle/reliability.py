"""How far probabilities can be trusted: of epochs that are given a state with 80 %, are 80 % right?

A probability that means what it says lets a user choose which epochs to look at. Terms as in Guo et al. 2017 ("On
calibration of modern neural networks"), with Wilson's interval (1927) in each bin and Brier's score (1950).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from spindle.errors import SettingError

BINS = 10
CONFIDENCE = 0.95


@dataclass(frozen=True, kw_only=True)
class ReliabilityBin:
    """Epochs whose given state has a probability in (low, high]; the first bin includes 0.

    `right` of them agree with the reference. `mean_probability`, `agreement` and the ends of its interval of 95 %,
    after Wilson, are NaN in an empty bin.
    """

    low: float
    high: float
    epochs: int
    right: int
    mean_probability: float
    agreement: float
    interval_low: float
    interval_high: float


@dataclass(frozen=True, kw_only=True)
class Reliability:
    """Probabilities of given states against a reference, as fractions; NaN without any epoch.

    `expected_calibration_error` is the distance between mean probability and agreement of a bin, averaged with the
    bins' numbers of epochs. `brier_score` is the squared distance between the three probabilities and the
    reference's state as 0 and 1, summed over states and averaged over epochs: 0 at best, 2 at worst.
    """

    bins: tuple[ReliabilityBin, ...]
    expected_calibration_error: float
    brier_score: float

    @property
    def epochs(self) -> int:
        """Number of epochs that count."""
        return sum(one.epochs for one in self.bins)


def reliability_of(
    probability: Float[np.ndarray, "epochs 3"],
    given: Int[np.ndarray, " epochs"],
    reference: Int[np.ndarray, " epochs"],
    counted: Bool[np.ndarray, " epochs"] | None = None,
    *,
    bins: int = BINS,
) -> Reliability:
    """Compare the probabilities of given states with how often the reference gives the same.

    `given` and `reference` are codes of states; epochs count where both are scored, the probabilities known and, if
    given, `counted`. The bins have equal widths. Errors: SettingError where there is less than one bin.
    """
    if bins < 1:
        raise SettingError(f"A reliability diagram needs at least 1 bin, not {bins}.")
    use = (given >= 0) & (reference >= 0) & np.isfinite(probability).all(axis=1)
    use = use if counted is None else use & counted
    table, state, wanted = probability[use].astype(np.float64), given[use].astype(np.int64), reference[use]
    own = np.take_along_axis(table, state[:, None], axis=1)[:, 0]
    right = state == wanted
    edges = np.linspace(0, 1, bins + 1)
    place = np.clip(np.searchsorted(edges, own, side="left") - 1, 0, bins - 1)
    found = tuple(
        _bin_of(float(edges[i]), float(edges[i + 1]), own[place == i], right[place == i]) for i in range(bins)
    )
    brier = np.square(table - np.eye(table.shape[1])[wanted]).sum(axis=1)
    return Reliability(
        bins=found,
        expected_calibration_error=_calibration_error(found),
        brier_score=float(brier.mean()) if len(brier) else math.nan,
    )


def pool_reliability(parts: Sequence[Reliability]) -> Reliability:
    """Take the epochs of several recordings together. Errors: SettingError where their bins differ, or without any."""
    borders = {tuple((one.low, one.high) for one in part.bins) for part in parts}
    if len(borders) != 1:
        raise SettingError(f"Reliability is pooled over the same bins; there are {len(borders)} kinds of bins.")
    found = []
    for same in zip(*(part.bins for part in parts), strict=True):
        filled = [one for one in same if one.epochs]
        epochs = sum(one.epochs for one in filled)
        total = sum(one.epochs * one.mean_probability for one in filled)
        right = sum(one.right for one in filled)
        mean = total / epochs if epochs else math.nan
        found.append(_bin(same[0].low, same[0].high, epochs=epochs, right=right, mean_probability=mean))
    epochs = sum(part.epochs for part in parts)
    brier = sum(part.epochs * part.brier_score for part in parts if part.epochs)
    return Reliability(
        bins=tuple(found),
        expected_calibration_error=_calibration_error(found),
        brier_score=brier / epochs if epochs else math.nan,
    )


def _bin_of(
    low: float, high: float, own: Float[np.ndarray, " epochs"], right: Bool[np.ndarray, " epochs"]
) -> ReliabilityBin:
    mean = float(own.mean()) if len(own) else math.nan
    return _bin(low, high, epochs=len(own), right=int(right.sum()), mean_probability=mean)


def _bin(low: float, high: float, *, epochs: int, right: int, mean_probability: float) -> ReliabilityBin:
    from scipy.stats import binomtest  # takes half a second, which no other command needs to wait for

    agreement = bottom = top = math.nan
    if epochs:
        interval = binomtest(right, epochs).proportion_ci(CONFIDENCE, method="wilson")
        agreement, bottom, top = right / epochs, float(interval.low), float(interval.high)
    return ReliabilityBin(
        low=low,
        high=high,
        epochs=epochs,
        right=right,
        mean_probability=mean_probability,
        agreement=agreement,
        interval_low=bottom,
        interval_high=top,
    )


def _calibration_error(bins: Sequence[ReliabilityBin]) -> float:
    filled = [one for one in bins if one.epochs]
    total = sum(one.epochs for one in filled)
    apart = sum(one.epochs * abs(one.mean_probability - one.agreement) for one in filled)
    return apart / total if total else math.nan

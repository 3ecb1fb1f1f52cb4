"""How far probabilities can be trusted: of epochs that are given a state with 80 %, are 80 % right?

A probability that means what it says lets a user choose which epochs to look at. Terms as in Guo et al. 2017 ("On
calibration of modern neural networks"), with Wilson's interval (1927) in each bin and Brier's score (1950).
"""

from __future__ import annotations

import math
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
    found = tuple(_bin(edges[i], edges[i + 1], own[place == i], right[place == i]) for i in range(bins))
    brier = np.square(table - np.eye(table.shape[1])[wanted]).sum(axis=1)
    return Reliability(
        bins=found,
        expected_calibration_error=_calibration_error(found),
        brier_score=float(brier.mean()) if len(brier) else math.nan,
    )


def _bin(
    low: float, high: float, own: Float[np.ndarray, " epochs"], right: Bool[np.ndarray, " epochs"]
) -> ReliabilityBin:
    from scipy.stats import binomtest  # takes half a second, which no other command needs to wait for

    epochs, hits = len(own), int(right.sum())
    mean = agreement = bottom = top = math.nan
    if epochs:
        mean, agreement = float(own.mean()), hits / epochs
        interval = binomtest(hits, epochs).proportion_ci(CONFIDENCE, method="wilson")
        bottom, top = float(interval.low), float(interval.high)
    return ReliabilityBin(
        low=float(low),
        high=float(high),
        epochs=epochs,
        right=hits,
        mean_probability=mean,
        agreement=agreement,
        interval_low=bottom,
        interval_high=top,
    )


def _calibration_error(bins: tuple[ReliabilityBin, ...]) -> float:
    filled = [one for one in bins if one.epochs]
    total = sum(one.epochs for one in filled)
    apart = sum(one.epochs * abs(one.mean_probability - one.agreement) for one in filled)
    return apart / total if total else math.nan

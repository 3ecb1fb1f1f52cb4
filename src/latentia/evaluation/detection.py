"""How well a score tells what somebody marked: precision and recall at every threshold, and the best threshold.

A score is higher the more unusual a thing is; what has the threshold or more is called unusual.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy.typing import NDArray

from latentia.errors import DataError


@dataclass(frozen=True, kw_only=True)
class OperatingPoint:
    """What one threshold gives, as fractions."""

    threshold: float
    precision: float
    recall: float
    f1: float
    agreement: float
    """Called and marked over called or marked, eq. 5.3 of thesis A. It is F1 / (2 − F1): both are best together."""


@dataclass(frozen=True, kw_only=True, eq=False)
class DetectionCurve:
    """Counts at every threshold where they change: the distinct scores, from the highest down."""

    thresholds: Float[np.ndarray, " thresholds"]
    called: Int[np.ndarray, " thresholds"]
    """Things with this score or more."""
    hits: Int[np.ndarray, " thresholds"]
    """Those of them that are marked."""

    @property
    def marked(self) -> int:
        """How many things are marked."""
        return int(self.hits[-1])

    @property
    def precision(self) -> Float[np.ndarray, " thresholds"]:
        """Share of the called things that are marked."""
        return np.asarray(self.hits / self.called)

    @property
    def recall(self) -> Float[np.ndarray, " thresholds"]:
        """Share of the marked things that are called."""
        return np.asarray(self.hits / self.marked)

    @property
    def f1(self) -> Float[np.ndarray, " thresholds"]:
        """Harmonic mean of precision and recall."""
        return np.asarray(2 * self.hits / (self.called + self.marked))

    @property
    def agreement(self) -> Float[np.ndarray, " thresholds"]:
        """Intersection over union of what is called and what is marked."""
        return np.asarray(self.hits / (self.called + self.marked - self.hits))

    @property
    def average_precision(self) -> float:
        """Area under precision over recall, in steps: the mean precision at each marked thing."""
        gained = np.diff(self.hits, prepend=0)
        return float((gained * self.precision).sum() / self.marked)

    @property
    def area_under_roc(self) -> float:
        """Chance that a marked thing scores higher than one that is not; equal scores count half."""
        misses = self.called - self.hits
        hits_between = (self.hits + np.concatenate([[0], self.hits[:-1]])) / 2
        return float((np.diff(misses, prepend=0) * hits_between).sum() / (self.marked * misses[-1]))

    @property
    def best(self) -> OperatingPoint:
        """Where F1 is highest, and with it the agreement; of equal ones the highest threshold.

        The threshold lies midway between the lowest score that is called and the highest that is not, so that other
        data's scores, which never equal these, fall on either side as they are nearer.
        """
        place = int(self.f1.argmax())
        below = self.thresholds[min(place + 1, len(self.thresholds) - 1)]
        return OperatingPoint(
            threshold=float(self.thresholds[place] + below) / 2,
            precision=float(self.precision[place]),
            recall=float(self.recall[place]),
            f1=float(self.f1[place]),
            agreement=float(self.agreement[place]),
        )


def detection_curve(scores: Float[np.ndarray, " things"], marked: Bool[np.ndarray, " things"]) -> DetectionCurve:
    """Count hits at every threshold. Errors: DataError where a score is not finite, or nothing or all is marked."""
    if not np.isfinite(scores).all():
        raise DataError(f"{int((~np.isfinite(scores)).sum())} of {len(scores)} scores are not finite numbers.")
    if not 0 < marked.sum() < len(marked):
        raise DataError(
            f"Precision and recall want some things marked and some not; {int(marked.sum())} of {len(marked)} are."
        )
    order = np.argsort(-scores, kind="stable")
    sorted_scores: NDArray[np.float64] = scores[order].astype(np.float64)
    last_of_equals = np.flatnonzero(np.diff(sorted_scores, append=-math.inf))
    return DetectionCurve(
        thresholds=sorted_scores[last_of_equals],
        called=last_of_equals + 1,
        hits=np.cumsum(marked[order])[last_of_equals],
    )

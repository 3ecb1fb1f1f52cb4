"""Where a density's scores begin to mean artifact: a threshold from labels, and how sharp it is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.optimize
import scipy.special
from jaxtyping import Bool, Float
from numpy.typing import NDArray

from latentia.evaluation import DetectionCurve, detection_curve

CURVE_POINTS = 200
"""Points of a curve that a file keeps; of a whole training there would be thousands."""
LEAST_SLOPE = 0.1
"""Change of log-odds per standard deviation of the scores: a density that tells nothing still ranks."""


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """What labelled scores say about one number of top layers. Scores are log densities, nats per number."""

    top: int
    """Layers that were drawn from the posterior."""
    threshold_nats: float
    """Scores below are artifacts; chosen for the best agreement with the experts, eq. 5.3 of thesis A."""
    slope: float
    """Log-odds of an artifact per nat below the threshold, by logistic regression (Platt 1999)."""
    precision: float
    recall: float
    agreement: float
    """At the threshold, intersection over union."""
    average_precision: float
    area_under_roc: float
    curve: tuple[tuple[float, float, float], ...]
    """Precision-recall curve on the same labels: threshold in nats, precision, recall."""

    def probability(
        self, score_nats: Float[np.ndarray, " epochs"], threshold_nats: float | None = None
    ) -> Float[np.ndarray, " epochs"]:
        """Map scores to 0 … 1, falling, with ½ at the threshold, or at another one; NaN stays.

        Up to a shift of the log-odds this is the calibrated probability: the one that holds where artifacts are so
        common that an epoch at the threshold is as often one as not.
        """
        threshold = self.threshold_nats if threshold_nats is None else threshold_nats
        found: Float[np.ndarray, " epochs"] = scipy.special.expit(self.slope * (threshold - score_nats))
        return found


def calibrate(
    scores_nats: Float[np.ndarray, " epochs"], artifact: Bool[np.ndarray, " epochs"], top: int
) -> Calibration:
    """Choose the threshold and fit the slope. Errors: DataError where there are no artifacts, or nothing else."""
    curve = detection_curve(-scores_nats, artifact)
    best = curve.best
    return Calibration(
        top=top,
        threshold_nats=-best.threshold,
        slope=logistic_slope(-scores_nats, artifact),
        precision=best.precision,
        recall=best.recall,
        agreement=best.agreement,
        average_precision=curve.average_precision,
        area_under_roc=curve.area_under_roc,
        curve=thinned(curve),
    )


def logistic_slope(values: Float[np.ndarray, " things"], marked: Bool[np.ndarray, " things"]) -> float:
    """Change of log-odds per unit of `values`, by logistic regression on Platt's targets; never below a little.

    The targets keep away from 0 and 1, (n + 1)/(n + 2) for n marked things and 1/(n + 2) for n others, so that the
    slope stays finite where the two do not overlap (Platt 1999).
    """
    spread = float(values.std()) or 1.0
    scaled = (values - values.mean()) / spread
    hits, others = int(marked.sum()), int((~marked).sum())
    targets = np.where(marked, (hits + 1) / (hits + 2), 1 / (others + 2))

    def loss(parameters: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        logits = parameters[0] * scaled + parameters[1]
        residual = scipy.special.expit(logits) - targets
        value = (np.logaddexp(0, logits) - targets * logits).mean()
        return float(value), np.array([(residual * scaled).mean(), residual.mean()])

    fitted = scipy.optimize.minimize(loss, np.zeros(2), jac=True)
    return max(float(fitted.x[0]), LEAST_SLOPE) / spread


def thinned(curve: DetectionCurve) -> tuple[tuple[float, float, float], ...]:
    """Give up to `CURVE_POINTS` points of a curve, evenly by rank, first and last among them."""
    count = len(curve.thresholds)
    places = np.unique(np.linspace(0, count - 1, min(count, CURVE_POINTS)).round().astype(int))
    return tuple(
        (-float(curve.thresholds[place]), float(curve.precision[place]), float(curve.recall[place])) for place in places
    )

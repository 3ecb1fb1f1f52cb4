"""Autoscore (Rytkönen et al., 2011): naive Bayes on smoothed power in logarithmically spaced bands. Thesis A, 5.2."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy.typing import NDArray

from spindle.baselines.base import Baseline, Examples
from spindle.baselines.features import EegUse, band_power, eeg_features, epochs_of, logarithm, standardise
from spindle.hypnogram import STAGES
from spindle.signals import EpochSignals

EEG_EDGES_HZ = tuple(np.geomspace(0.5, 40.0, 13).tolist())
"""Twelve bands from 0.5 to 40 Hz: below the mains, and above no amplifier's low-pass that the thesis names (25 Hz and
up) by much."""
EMG_EDGES_HZ = tuple(np.geomspace(5.0, 45.0, 4).tolist())
SMOOTHING_EPOCHS = 1.0
"""Standard deviation of the Gaussian in time: 4 s, short against the bouts of every state."""
SMALLEST_VARIANCE = 1e-9
"""This share of the largest variance is added to every one, as scikit-learn does, so that none is 0."""


@dataclass(frozen=True, kw_only=True, eq=False)
class GaussianNaiveBayes:
    """One Gaussian per state and feature, features independent given the state; states in the order of `STAGES`.

    Errors: ValueError where a variance or a prior is not above 0 or a number is not finite.
    """

    prior: Float[np.ndarray, " 3"]
    mean: Float[np.ndarray, "3 features"]
    variance: Float[np.ndarray, "3 features"]

    def __post_init__(self) -> None:
        finite = all(np.isfinite(values).all() for values in (self.prior, self.mean, self.variance))
        if not finite or (self.variance <= 0).any() or (self.prior <= 0).any():
            raise ValueError("priors and variances must be above 0, and all numbers finite")

    @classmethod
    def fit(
        cls, features: Float[np.ndarray, "examples features"], codes: Int[np.ndarray, " examples"]
    ) -> GaussianNaiveBayes:
        """Estimate by maximum likelihood; every state must occur."""
        groups = [features[codes == stage.code].astype(np.float64) for stage in STAGES]
        floor = SMALLEST_VARIANCE * features.astype(np.float64).var(axis=0).max()
        return cls(
            prior=np.array([len(group) for group in groups]) / len(codes),
            mean=np.stack([group.mean(axis=0) for group in groups]),
            variance=np.stack([group.var(axis=0) for group in groups]) + floor,
        )

    def posterior(self, features: Float[np.ndarray, "epochs features"]) -> Float[np.ndarray, "epochs 3"]:
        """p(state | features) by Bayes' rule, computed with logarithms; NaN where a feature is NaN."""
        distance = (features[:, None, :] - self.mean) ** 2 / self.variance
        joint = np.log(self.prior) - 0.5 * (np.log(2 * np.pi * self.variance) + distance).sum(axis=2)
        relative = np.exp(joint - joint.max(axis=1, keepdims=True))
        return np.asarray(relative / relative.sum(axis=1, keepdims=True))


@dataclass(frozen=True, kw_only=True, eq=False)
class Autoscore(Baseline):
    """Naive Bayes on log power, standardised per recording and smoothed in time.

    The paper standardises nothing, because it learns from the first part of each recording; one that is learned from
    other animals and laboratories must. Its removal of artifacts is left out, as in the thesis.
    """

    name: ClassVar[str] = "autoscore"
    gives_probabilities: ClassVar[bool] = True

    bayes: GaussianNaiveBayes

    @classmethod
    def extract(cls, signals: EpochSignals, use: EegUse) -> Float[np.ndarray, "epochs features"]:
        """Smoothed, standardised log power of 12 bands of the EEG (24 with `EegUse.BOTH`) and 3 of the EMG."""
        eeg = eeg_features(signals, use, log_bands)
        emg = logarithm(band_power(epochs_of(signals.emg, signals.usable), _bands(EMG_EDGES_HZ)))
        return smooth(standardise(np.concatenate([eeg, emg], axis=1)), signals.usable)

    @classmethod
    def candidates(cls, recordings: Sequence[Examples], use: EegUse) -> Iterator[Autoscore]:
        """The one classifier that these recordings teach."""
        features = np.concatenate([one.features for one in recordings])
        codes = np.concatenate([one.codes for one in recordings])
        known = codes >= 0
        yield cls(use=use, bayes=GaussianNaiveBayes.fit(features[known], codes[known]))

    def classify(self, features: Float[np.ndarray, "epochs features"]) -> Float[np.ndarray, "epochs 3"]:
        """Posterior probabilities; NaN where a feature is."""
        return self.bayes.posterior(features).astype(np.float32)

    def parameters(self) -> dict[str, Any]:
        """Prior, means and variances."""
        bayes = self.bayes
        return {"prior": bayes.prior.tolist(), "mean": bayes.mean.tolist(), "variance": bayes.variance.tolist()}

    @classmethod
    def from_parameters(cls, use: EegUse, parameters: Mapping[str, Any]) -> Autoscore:
        """Invert `parameters`."""
        eegs = 2 if use is EegUse.BOTH else 1
        features = eegs * (len(EEG_EDGES_HZ) - 1) + len(EMG_EDGES_HZ) - 1
        prior, mean, variance = (
            np.array(parameters[name], dtype=np.float64).reshape(shape)
            for name, shape in (("prior", (3,)), ("mean", (3, features)), ("variance", (3, features)))
        )
        return cls(use=use, bayes=GaussianNaiveBayes(prior=prior, mean=mean, variance=variance))


def log_bands(samples: Float[np.ndarray, "epochs 512"]) -> Float[np.ndarray, "epochs 12"]:
    """Logarithm of the power in bands whose edges lie at equal steps of the logarithm of frequency."""
    return logarithm(band_power(samples, _bands(EEG_EDGES_HZ)))


def smooth(
    features: Float[np.ndarray, "epochs features"],
    usable: Bool[np.ndarray, " epochs"],
    *,
    deviation_epochs: float = SMOOTHING_EPOCHS,
) -> Float[np.ndarray, "epochs features"]:
    """Convolve each feature with a Gaussian in time, over usable epochs alone; weights add up to 1 at every edge."""
    reach = int(np.ceil(3 * deviation_epochs))
    weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / deviation_epochs) ** 2)
    padded = np.pad(np.where(usable[:, None], features, 0.0), ((reach, reach), (0, 0)))
    there = np.pad(usable.astype(np.float64), reach)
    total, weight = np.zeros(features.shape), np.zeros(len(features))
    for shift, factor in enumerate(weights):
        total += factor * padded[shift : shift + len(features)]
        weight += factor * there[shift : shift + len(features)]
    result: NDArray[np.float64] = total / np.maximum(weight, np.finfo(np.float64).tiny)[:, None]
    return np.where(usable[:, None], result, np.nan)


def _bands(edges_hz: Sequence[float]) -> list[tuple[float, float]]:
    return list(pairwise(edges_hz))

"""FASTER (Sunagawa et al., 2013): clusters of power spectra in each recording, found without labels. Thesis A, 5.2."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import NDArray

from spindle.baselines.base import Baseline, Examples
from spindle.baselines.density import allocate, clusters
from spindle.baselines.features import EegUse, band_power, eeg_features, epochs_of, logarithm, one_hot, standardise
from spindle.hypnogram import STAGES, Stage
from spindle.signals import EpochSignals

BANDS_HZ = [(low + 0.5, low + 1.5) for low in range(40)]
"""The spectra of EEG and EMG in bins of 1 Hz: 0.5 to 40.5 Hz."""
DELTA = slice(0, 4)
THETA = slice(5, 9)
INDICATORS = 3
"""Leading features, by which clusters are told apart: power of the EMG, of delta, and of theta over delta."""

EPOCHS_TOGETHER = 2
"""The method's epochs last 8 s: two of SPINDLE's."""
MOST_POINTS = 1500
"""Epochs that are clustered, evenly spread over the recording; the others join the cluster densest around them."""
COMPONENTS = (3, 4)
FACTORS = (0.4, 0.55, 0.75)
"""What is tried on the training recordings: principal components, and widths of the kernels."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Faster(Baseline):
    """Log power in bins of 1 Hz, standardised, its principal components, and clusters of those by density.

    Each recording is clustered by itself and without labels. Labels of others serve to choose the number of components,
    the factor of the kernels' width and the use of the EEGs, and to name the clusters: `centres` are the states' usual
    log power of the EMG and of delta, standardised per recording, and log theta/delta ratio; a cluster is the state
    whose centre its own mean is nearest to, in units of `spread`. Results of an epoch of 8 s hold for both of its
    halves; where one half is unusable, the other speaks for it.

    Errors: ValueError for less than one component, a factor or spread that is not above 0, or a number not finite.
    """

    name: ClassVar[str] = "faster"
    gives_probabilities: ClassVar[bool] = False

    components: int
    factor: float
    centres: Float[np.ndarray, "3 3"]
    spread: Float[np.ndarray, " 3"]

    def __post_init__(self) -> None:
        if not 1 <= self.components <= len(BANDS_HZ) or not 0 < self.factor < np.inf:
            raise ValueError("there must be one component or more, and a factor above 0")
        if not (np.isfinite(self.centres).all() and np.isfinite(self.spread).all() and (self.spread > 0).all()):
            raise ValueError("centres must be finite, and spreads above 0")

    @classmethod
    def extract(cls, signals: EpochSignals, use: EegUse) -> Float[np.ndarray, "epochs features"]:
        """Three indicators, then standardised log power of EEG and EMG in 40 bins each (EEG 80 with `EegUse.BOTH`).

        Both epochs of a pair have the mean of their powers.
        """
        eeg = eeg_features(signals, use, log_power)
        emg = log_power(epochs_of(signals.emg, signals.usable))
        spectra = np.split(np.exp(eeg), eeg.shape[1] // len(BANDS_HZ), axis=1)
        delta = np.mean([np.log(one[:, DELTA].sum(axis=1)) for one in spectra], axis=0)
        theta = np.mean([np.log(one[:, THETA].sum(axis=1)) for one in spectra], axis=0)
        strength = standardise(np.stack([emg.mean(axis=1), delta], axis=1))
        return np.concatenate(
            [strength, (theta - delta)[:, None], standardise(np.concatenate([eeg, emg], axis=1))], axis=1
        )

    @classmethod
    def candidates(cls, recordings: Sequence[Examples], use: EegUse) -> Iterator[Faster]:
        """Every combination of components and factor, with the centres of the states in these recordings."""
        codes = np.concatenate([one.codes for one in recordings])
        indicators = np.concatenate([one.features[:, :INDICATORS] for one in recordings])
        groups = [indicators[codes == stage.code] for stage in STAGES]
        centres = np.stack([group.mean(axis=0) for group in groups])
        spread = np.sqrt(np.mean([group.var(axis=0) for group in groups], axis=0) + 1e-12)
        for components, factor in product(COMPONENTS, FACTORS):
            yield cls(use=use, components=components, factor=factor, centres=centres, spread=spread)

    def classify(self, features: Float[np.ndarray, "epochs features"]) -> Float[np.ndarray, "epochs 3"]:
        """The state of each epoch's cluster, with a probability of 1; NaN where a feature is."""
        known = ~np.isnan(features).any(axis=1)
        pair = np.arange(len(features)) // EPOCHS_TOGETHER
        which, first, place = np.unique(pair[known], return_index=True, return_inverse=True)
        codes = np.full(len(features), Stage.UNSCORED.code)
        if len(which):
            codes[known] = self._states(features[known][first])[place]
        return one_hot(codes)

    def _states(self, features: Float[np.ndarray, "pairs features"]) -> NDArray[np.int64]:
        """Cluster epochs of 8 s and name the clusters."""
        points = principal_components(features[:, INDICATORS:], self.components)
        step = -(-len(points) // MOST_POINTS)
        chosen = points[::step]
        labels = clusters(chosen, factor=self.factor)
        if step > 1:
            labels = allocate(points, chosen, labels, factor=self.factor)
        names, place = np.unique(labels, return_inverse=True)
        means = np.stack([features[labels == label, :INDICATORS].mean(axis=0) for label in names])
        return self.state_of(means)[place]

    def state_of(self, means: Float[np.ndarray, "clusters 3"]) -> Int[np.ndarray, " clusters"]:
        """Name clusters by their mean indicators: codes of states."""
        distance = np.square((means[:, None] - self.centres) / self.spread).sum(axis=2)
        return np.asarray(distance.argmin(axis=1))

    def parameters(self) -> dict[str, Any]:
        """Components, factor, centres and spread."""
        lists = {"centres": self.centres.tolist(), "spread": self.spread.tolist()}
        return {"components": self.components, "factor": self.factor, **lists}

    @classmethod
    def from_parameters(cls, use: EegUse, parameters: Mapping[str, Any]) -> Faster:
        """Invert `parameters`."""
        return cls(
            use=use,
            components=int(parameters["components"]),
            factor=float(parameters["factor"]),
            centres=np.array(parameters["centres"], dtype=np.float64).reshape(len(STAGES), INDICATORS),
            spread=np.array(parameters["spread"], dtype=np.float64).reshape(INDICATORS),
        )


def principal_components(
    features: Float[np.ndarray, "examples features"], count: int
) -> Float[np.ndarray, "examples components"]:
    """Coordinates along the directions of the largest variance, largest first; each direction's sign is arbitrary."""
    centred = features - features.mean(axis=0)
    directions = np.linalg.eigh(centred.T @ centred)[1][:, ::-1]
    return np.asarray(centred @ directions[:, :count])


def log_power(samples: Float[np.ndarray, "epochs 512"]) -> Float[np.ndarray, "epochs 40"]:
    """Log power in bins of 1 Hz, averaged over the usable epochs of each pair; NaN where an epoch is."""
    power = band_power(samples, BANDS_HZ)
    known = ~np.isnan(power).any(axis=1)
    pair = np.arange(len(power)) // EPOCHS_TOGETHER
    members = np.bincount(pair[known], minlength=pair[-1] + 1)
    total = np.zeros((len(members), power.shape[1]))
    np.add.at(total, pair[known], power[known])
    mean = (total / np.maximum(members, 1)[:, None])[pair]
    return logarithm(np.where(known[:, None], mean, np.nan))

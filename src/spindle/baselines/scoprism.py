"""SCOPRISM (Bastianini et al., 2014): thresholds on the EEG's theta/delta ratio and the EMG's rms. Thesis A, 5.2."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import NDArray

from spindle.baselines.base import Baseline, Examples
from spindle.baselines.features import EegUse, band_power, eeg_features, logarithm, one_hot, standardise
from spindle.hypnogram import STAGES, Stage
from spindle.signals import EpochSignals

DELTA_HZ = (0.5, 4.0)
THETA_HZ = (6.0, 9.0)

LEVELS = 32
"""Thresholds that are tried for each feature, at equal steps of rank. Four thresholds make a million combinations."""

WAKE, NREM, REM = (stage.code for stage in STAGES)


@dataclass(frozen=True, kw_only=True)
class Thresholds:
    """Where the plane of EMG and theta/delta ratio is cut.

    Both are logarithms: the ratio standardised per recording, the EMG's rms relative to the recording's median.

    Above `active` the animal is awake. Below `quiet` it sleeps: REM from the ratio `rem_ratio` on, else NREM. Between
    the two, where quiet wake and twitching sleep meet, it is awake from the ratio `wake_ratio` on, else in NREM sleep.
    Errors: ValueError where a number is not finite, or `quiet` lies above `active`.
    """

    quiet: float
    active: float
    rem_ratio: float
    wake_ratio: float

    def __post_init__(self) -> None:
        if not np.isfinite([self.quiet, self.active, self.rem_ratio, self.wake_ratio]).all():
            raise ValueError("thresholds must be finite")
        if self.quiet > self.active:
            raise ValueError("the threshold of quiet must not lie above that of activity")

    def draft(self, ratio: Float[np.ndarray, " epochs"], emg: Float[np.ndarray, " epochs"]) -> NDArray[np.int8]:
        """Codes of the states before refinement; −1 where a feature is NaN."""
        asleep = np.where(ratio >= self.rem_ratio, REM, NREM)
        between = np.where(ratio >= self.wake_ratio, WAKE, NREM)
        codes = np.where(emg >= self.active, WAKE, np.where(emg < self.quiet, asleep, between))
        return np.where(np.isnan(ratio) | np.isnan(emg), Stage.UNSCORED.code, codes).astype(np.int8)


def best_thresholds(
    features: Float[np.ndarray, "examples 2"],
    codes: Int[np.ndarray, " examples"],
    ratios: Float[np.ndarray, " ratios"],
    emgs: Float[np.ndarray, " emgs"],
) -> Thresholds:
    """Of all combinations of these thresholds, ascending, the one whose draft has the highest mean F1.

    Features are ratio and EMG. Every combination is counted, from tables of how many epochs lie below both of two
    thresholds; the first of equal ones is taken.
    """
    low, under = _counts(features, codes, ratios, emgs)
    total = np.bincount(codes, minlength=len(STAGES))
    between = low[:, None] - low[:, :, None]  # state, quiet, active, wake_ratio
    # Axes from here on: state that the labels give, quiet, active, rem_ratio, wake_ratio.
    nrem = low[:, :, None, :, None] + between[:, :, :, None]
    rem = (under[:, :, None] - low)[:, :, None, :, None]
    wake = total[:, None, None, None, None] - nrem - rem
    f1 = sum(
        2 * found[code] / np.maximum(found.sum(axis=0) + total[code], 1)
        for code, found in ((WAKE, wake), (NREM, nrem), (REM, rem))
    )
    f1 = np.where((emgs[:, None] <= emgs)[:, :, None, None], f1, -1.0)
    i, j, k, m = np.unravel_index(int(f1.argmax()), f1.shape)
    return Thresholds(
        quiet=float(emgs[i]), active=float(emgs[j]), rem_ratio=float(ratios[k]), wake_ratio=float(ratios[m])
    )


def refine(codes: Int[np.ndarray, " epochs"]) -> NDArray[np.int8]:
    """Correct a draft by its neighbours: a single epoch between two that share another state takes that state.

    An unscored epoch is nobody's neighbour. On simulated laboratories, making wake of REM sleep that follows wake, too,
    cost whole bouts of REM sleep for one wrong epoch before them.
    """
    refined = codes.astype(np.int8)
    before, middle, after = codes[:-2], codes[1:-1], codes[2:]
    alone = (before == after) & (before != middle) & (before >= 0) & (middle >= 0)
    refined[1:-1] = np.where(alone, before, middle)
    return refined


@dataclass(frozen=True, kw_only=True)
class Scoprism(Baseline):
    """Thresholds that are learned from labelled recordings, and refinement by adjacent epochs.

    The published thresholds are those of one laboratory's electrodes and amplifiers. Here every recording's ratio is
    standardised first, and its EMG compared with its own median; of what was tried on simulated laboratories, this
    carried over best. With two EEGs side by side, the mean of the two ratios counts.
    """

    name: ClassVar[str] = "scoprism"
    gives_probabilities: ClassVar[bool] = False

    thresholds: Thresholds

    @classmethod
    def extract(cls, signals: EpochSignals, use: EegUse) -> Float[np.ndarray, "epochs features"]:
        """Theta/delta ratio (two with `EegUse.BOTH`) and, last, the EMG's rms, as `Thresholds` wants them."""
        ratio = standardise(eeg_features(signals, use, log_ratio))
        emg = logarithm(np.where(signals.usable, signals.emg.rms, np.float32(np.nan))[:, None])
        return np.concatenate([ratio, emg - np.nanmedian(emg)], axis=1)

    @classmethod
    def candidates(cls, recordings: Sequence[Examples], use: EegUse) -> Iterator[Scoprism]:
        """The thresholds that suit these recordings best, of `LEVELS` for each feature."""
        codes = np.concatenate([one.codes for one in recordings])
        known = codes >= 0
        plane = np.concatenate([_plane(one.features) for one in recordings])[known]
        ratios, emgs = (np.unique(np.quantile(values, (np.arange(LEVELS) + 0.5) / LEVELS)) for values in plane.T)
        yield cls(use=use, thresholds=best_thresholds(plane, codes[known], ratios, emgs))

    def classify(self, features: Float[np.ndarray, "epochs features"]) -> Float[np.ndarray, "epochs 3"]:
        """Refined states, each with a probability of 1; NaN where a feature is."""
        return one_hot(refine(self.thresholds.draft(*_plane(features).T)))

    def parameters(self) -> dict[str, Any]:
        """The four thresholds."""
        return asdict(self.thresholds)

    @classmethod
    def from_parameters(cls, use: EegUse, parameters: Mapping[str, Any]) -> Scoprism:
        """Invert `parameters`."""
        names = ("quiet", "active", "rem_ratio", "wake_ratio")
        return cls(use=use, thresholds=Thresholds(**{name: float(parameters[name]) for name in names}))


def log_ratio(samples: Float[np.ndarray, "epochs 512"]) -> Float[np.ndarray, "epochs 1"]:
    """Logarithm of theta power (6–9 Hz) over delta power (0.5–4 Hz)."""
    theta, delta = logarithm(band_power(samples, (THETA_HZ, DELTA_HZ))).T
    return np.asarray(theta - delta)[:, None]


def _plane(features: Float[np.ndarray, "epochs features"]) -> NDArray[np.floating[Any]]:
    return np.stack([features[:, :-1].mean(axis=1), features[:, -1]], axis=1)


def _counts(
    features: Float[np.ndarray, "examples 2"],
    codes: Int[np.ndarray, " examples"],
    ratios: Float[np.ndarray, " ratios"],
    emgs: Float[np.ndarray, " emgs"],
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Epochs of each state below an EMG and a ratio (state, emg, ratio), and below an EMG (state, emg)."""
    rows = np.searchsorted(emgs, features[:, 1], side="right")
    columns = np.searchsorted(ratios, features[:, 0], side="right")
    table = np.zeros((len(STAGES), len(emgs) + 1, len(ratios) + 1), dtype=np.int64)
    np.add.at(table, (codes, rows, columns), 1)
    summed = table.cumsum(axis=1).cumsum(axis=2)
    return summed[:, :-1, :-1], summed[:, :-1, -1]

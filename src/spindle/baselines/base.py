"""What the three rival methods have in common: how they are called, and how the best of their variants is chosen.

Thesis A, 5.2: each was made for one EEG; of five ways to use two, the one that does best on the training recordings
is kept.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, TypeVar

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy.typing import NDArray

from spindle.agreement import state_agreement
from spindle.baselines.features import EegUse
from spindle.errors import LabelError, SettingError
from spindle.hypnogram import STAGES, Hypnogram, Stage, agreed_codes
from spindle.signals import EpochSignals

Labelled = tuple[EpochSignals, Sequence[Hypnogram]]
"""Signals of one animal, and what each expert said of them."""


@dataclass(frozen=True, kw_only=True)
class Examples:
    """Features of one recording, NaN where unusable, and the states to learn from, −1 where there is none."""

    features: Float[np.ndarray, "epochs features"]
    codes: Int[np.ndarray, " epochs"]


Method = TypeVar("Method", bound="Baseline")


@dataclass(frozen=True, kw_only=True)
class Baseline(ABC):
    """A method as it is learned: it scores one recording at a time and knows no artifacts.

    `name` is what the command line calls it; `gives_probabilities` is False where each is 0 or 1; `use` says what
    becomes of two EEGs.
    """

    name: ClassVar[str]
    gives_probabilities: ClassVar[bool]

    use: EegUse

    @classmethod
    @abstractmethod
    def extract(cls, signals: EpochSignals, use: EegUse) -> Float[np.ndarray, "epochs features"]:
        """Features of a recording; NaN where it is unusable."""

    @classmethod
    @abstractmethod
    def candidates(cls: type[Method], recordings: Sequence[Examples], use: EegUse) -> Iterator[Method]:
        """What these recordings teach: one method, or several of which the best is to be chosen."""

    @abstractmethod
    def classify(self, features: Float[np.ndarray, "epochs features"]) -> Float[np.ndarray, "epochs 3"]:
        """Probabilities of the states, in the order of `STAGES`, from what `extract` gives; NaN where unusable."""

    @abstractmethod
    def parameters(self) -> dict[str, Any]:
        """What was learned, in a form that JSON holds."""

    @classmethod
    @abstractmethod
    def from_parameters(cls: type[Method], use: EegUse, parameters: Mapping[str, Any]) -> Method:
        """Invert `parameters`. Errors: KeyError, TypeError or ValueError where they are damaged."""

    def score(self, signals: EpochSignals) -> Float[np.ndarray, "epochs 3"]:
        """Probabilities of the states, in the order of `STAGES`; NaN where an epoch is unusable."""
        return self.classify(self.extract(signals, self.use))


@dataclass(frozen=True, kw_only=True)
class Learned(Generic[Method]):
    """The best variant, and how it and the best of every other way to use two EEGs did: mean F1 on the training."""

    method: Method
    mean_f1: dict[EegUse, float]


def learn(kind: type[Method], recordings: Iterable[Labelled]) -> Learned[Method]:
    """Learn from labelled recordings, which are taken one at a time; only their features are kept.

    Epochs count where all experts agree and none saw an artifact. Of all variants the one with the highest F1, averaged
    over the states, is kept, the earlier of two equal ones. Errors: SettingError where there is no recording, or a
    state of which there is no epoch; LabelError where labels and recording differ in length.
    """
    examples: dict[EegUse, list[Examples]] = {use: [] for use in EegUse}
    pairs = 0
    for signals, hypnograms in recordings:
        pairs += signals.eeg[0] is not signals.eeg[1]
        for use in EegUse:
            examples[use].append(examples_of(kind.extract(signals, use), hypnograms, signals.usable))
    _check_states(examples[EegUse.FIRST], kind.name)
    best = {use: best_of(kind, examples[use], use) for use in (EegUse if pairs else (EegUse.FIRST,))}
    method, _ = max(best.values(), key=lambda pair: pair[1])
    return Learned(method=method, mean_f1={use: figure for use, (_, figure) in best.items()})


def best_of(kind: type[Method], recordings: Sequence[Examples], use: EegUse) -> tuple[Method, float]:
    """The candidate with the highest mean F1 on the recordings that taught it, and that figure."""
    judged = [(one, mean_f1(one, recordings)) for one in kind.candidates(recordings, use)]
    return max(judged, key=lambda pair: pair[1])


def mean_f1(method: Baseline, recordings: Sequence[Examples]) -> float:
    """F1 of each state over all epochs together (thesis A, eq. 5.4), averaged over the states."""
    found = np.concatenate([codes_of(method.classify(one.features)) for one in recordings])
    agreement = state_agreement(np.concatenate([one.codes for one in recordings]), found)
    return float(np.mean([np.nan_to_num(agreement.state(stage).f1) for stage in STAGES]))


def codes_of(probability: Float[np.ndarray, "epochs 3"]) -> NDArray[np.int8]:
    """The most probable state of each epoch, −1 where it is unknown; of equal ones the first."""
    known = ~np.isnan(probability).any(axis=1)
    return np.where(known, np.nan_to_num(probability).argmax(axis=1), Stage.UNSCORED.code).astype(np.int8)


def examples_of(
    features: Float[np.ndarray, "epochs features"], hypnograms: Sequence[Hypnogram], usable: Bool[np.ndarray, " epochs"]
) -> Examples:
    """Join features with what the experts agree on.

    Errors: LabelError without an expert, or where lengths differ.
    """
    if not hypnograms:
        raise LabelError("Learning needs the labels of at least one expert.")
    for hypnogram in hypnograms:
        if len(hypnogram) != len(usable):
            raise LabelError(f"The recording has {len(usable)} epochs, but its labels are {len(hypnogram)}.")
    return Examples(features=features, codes=np.where(usable, agreed_codes(hypnograms), Stage.UNSCORED.code))


def _check_states(recordings: Sequence[Examples], name: str) -> None:
    if not recordings:
        raise SettingError(f"Learning {name} needs at least one labelled recording; there is none.")
    codes = np.concatenate([one.codes for one in recordings])
    missing = [stage for stage in STAGES if not (codes == stage.code).any()]
    if missing:
        raise SettingError(
            f"Learning {name} needs epochs of wake, NREM and REM on which all experts agree; the labels hold "
            f"no {' and no '.join(missing)}."
        )

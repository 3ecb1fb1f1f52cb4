"""How well scorings agree: experts with each other, and SPINDLE with them. Thesis A, 5.4.1 and 5.4.3.

States are compared in epochs that no expert marked as an artifact; artifacts are compared by themselves. Epochs that
one of the two sides left unscored count nowhere. All figures are fractions; only `render` shows percentages.
Epochs beside a change of state are also judged apart from steady ones, because experts themselves are unsure when a
state begins (5.4.1).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy.typing import NDArray

from spindle.errors import LabelError
from spindle.hypnogram import STAGES, Hypnogram, Stage
from spindle.reliability import Reliability, reliability_of

CATEGORIES = (*(str(stage) for stage in STAGES), "artifact")
"""Order of rows and columns where artifacts are a category of their own, whatever state they lie in (Fig. 5.5)."""

SCORER = "spindle"
INTERSECTION = "intersection"

_STATES = len(STAGES)
_ARTIFACT = CATEGORIES.index("artifact")


@dataclass(frozen=True, kw_only=True)
class StateAgreement:
    """Precision, recall, F1 as fractions, and Cohen's κ of one state against the rest; see `Agreement` for NaN."""

    precision: float
    recall: float
    f1: float
    kappa: float


@dataclass(frozen=True, kw_only=True, eq=False)
class Agreement:
    """Agreement on states, all of it from one confusion matrix.

    Equation: A 5.4

    `confusion[i, j]` counts epochs that the reference gives state i and the other side state j, in `STAGES`' order.
    Accuracy is the share of epochs on the diagonal, which is what the thesis' TP + TN means with three states. With
    TP, FP and FN of a state: precision TP / (TP + FP), NaN if the other side never gives that state; recall
    TP / (TP + FN), NaN if the reference never does; F1 = 2 TP / (2 TP + FP + FN), their harmonic mean, which is 0 if
    one side alone gives the state and NaN if neither does. Without any epoch all is NaN.

    Cohen's κ (Cohen 1960) is the accuracy beyond chance, (observed − expected) / (1 − expected), where chance gives
    each side's states independently: 1 is full agreement, 0 what chance alone would give, and less than 0 is worse.
    NaN where chance alone agrees in every epoch, that is, where both sides give one state only.
    """

    confusion: Int[np.ndarray, "3 3"]

    @property
    def epochs(self) -> int:
        """Number of epochs compared."""
        return int(self.confusion.sum())

    @property
    def accuracy(self) -> float:
        """Share of epochs in which both sides give the same state."""
        return _ratio(int(np.trace(self.confusion)), self.epochs)

    @property
    def kappa(self) -> float:
        """Cohen's κ over all states."""
        return _kappa(self.confusion)

    def state(self, stage: Stage) -> StateAgreement:
        """Return precision, recall, F1 and κ of a state."""
        hits = int(self.confusion[stage.code, stage.code])
        given = int(self.confusion[:, stage.code].sum())
        wanted = int(self.confusion[stage.code].sum())
        others = self.epochs - given - wanted + hits
        return StateAgreement(
            precision=_ratio(hits, given),
            recall=_ratio(hits, wanted),
            f1=_ratio(2 * hits, given + wanted),
            kappa=_kappa(np.array([[hits, wanted - hits], [given - hits, others]])),
        )


@dataclass(frozen=True, kw_only=True)
class ArtifactAgreement:
    """Epochs that both sides marked as artifacts, and epochs that at least one of them did.

    Equation: A 5.3
    """

    both: int
    either: int

    @property
    def agreement(self) -> float:
        """Intersection over union; NaN if nobody marked any."""
        return _ratio(self.both, self.either)


@dataclass(frozen=True, kw_only=True, eq=False)
class Comparison:
    """A scoring against a reference. `before_decoding` judges the CNN alone, where its probabilities are known.

    `near_changes` and `steady` share out the epochs of `states`: those beside a change of state in the reference, or
    in any expert's scoring where the reference is the intersection, and the others. `categories[i, j]` counts epochs
    in the order of `CATEGORIES`, reference first.
    """

    reference: str
    other: str
    states: Agreement
    near_changes: Agreement
    steady: Agreement
    before_decoding: Agreement | None
    artifacts: ArtifactAgreement
    categories: Int[np.ndarray, "4 4"]

    @property
    def title(self) -> str:
        """Both sides by name."""
        return f"{self.reference} vs {self.other}"

    @property
    def by_decoding(self) -> Iterator[tuple[str, Agreement]]:
        """The agreement on states before decoding, if known, and after."""
        if self.before_decoding is not None:
            yield "before", self.before_decoding
        yield "after", self.states

    @property
    def by_place(self) -> Iterator[tuple[str, Agreement]]:
        """The agreement on states, after decoding, near changes of state and elsewhere."""
        yield "near changes", self.near_changes
        yield "steady", self.steady

    @property
    def all_epochs(self) -> float:
        """Share of all epochs in which both sides give the same state without an artifact, or both an artifact."""
        return _ratio(int(np.trace(self.categories)), int(self.categories.sum()))


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """Everything that `evaluate` compares: SPINDLE with each expert and their intersection, and experts in pairs.

    `reliability` judges the probabilities of SPINDLE's states against the reference of `main`; None where they are
    not known in any epoch that counts.
    """

    epochs: int
    comparisons: tuple[Comparison, ...]
    reliability: Reliability | None = None

    @property
    def main(self) -> Comparison:
        """The comparison to quote: with the experts' intersection, or with the only expert."""
        found = (comparison for comparison in self.comparisons if comparison.reference == INTERSECTION)
        return next(found, self.comparisons[0])


@dataclass(frozen=True, kw_only=True, eq=False)
class _Side:
    """One scoring as codes. `seen` are the epochs it says something of; `category` has artifacts as a fourth code.

    `changing` are the epochs beside a change of its state.
    """

    name: str
    codes: NDArray[np.integer[Any]]
    artifact: NDArray[np.bool_]
    seen: NDArray[np.bool_]
    category: NDArray[np.integer[Any]]
    changing: NDArray[np.bool_]


def evaluate(
    prediction: Hypnogram,
    experts: Sequence[Hypnogram],
    *,
    network_probability: Float[np.ndarray, "epochs 3"] | None = None,
    stage_probability: Float[np.ndarray, "epochs 3"] | None = None,
) -> Evaluation:
    """Compare a scoring with one or more experts' (thesis A, 5.4.3).

    The intersection holds the epochs in which all experts give the same state; its artifacts are those that all of
    them marked. `network_probability` adds the CNN's own choice, before decoding; `stage_probability`, that of the
    states after decoding, adds their reliability.
    Errors: LabelError where there is no expert, or where numbers of epochs differ.
    """
    if not experts:
        raise LabelError("An evaluation needs the labels of at least one expert.")
    for number, expert in enumerate(experts, start=1):
        if len(expert) != len(prediction):
            raise LabelError(f"Expert {number} scored {len(expert):,} epochs, {SCORER} {len(prediction):,}.")
    sides = [_side(f"expert {number}", expert) for number, expert in enumerate(experts, start=1)]
    scorer = _side(SCORER, prediction)
    clean = ~np.any([expert.artifact for expert in experts], axis=0)
    network = None if network_probability is None else _most_likely(network_probability)
    references = [*sides, _intersection(sides)] if len(sides) > 1 else sides
    comparisons = [_compare(reference, scorer, clean, network) for reference in references]
    comparisons += [_compare(first, second, clean) for first, second in combinations(sides, 2)]
    trust = None
    if stage_probability is not None:
        trust = reliability_of(stage_probability, scorer.codes, references[-1].codes, clean)
    return Evaluation(
        epochs=len(prediction),
        comparisons=tuple(comparisons),
        reliability=trust if trust is not None and trust.epochs else None,
    )


def state_agreement(
    reference: Int[np.ndarray, " epochs"],
    other: Int[np.ndarray, " epochs"],
    counted: Bool[np.ndarray, " epochs"] | None = None,
) -> Agreement:
    """Compare two sequences of codes where both are scored and, if given, `counted`."""
    use = (reference >= 0) & (other >= 0)
    use = use if counted is None else use & counted
    return Agreement(confusion=_confusion(reference[use], other[use], _STATES))


def near_changes(codes: Int[np.ndarray, " epochs"]) -> Bool[np.ndarray, " epochs"]:
    """Tell which epochs lie beside a change of state: the last epoch of each bout and the first of the next.

    No change is seen next to an unscored epoch.
    """
    earlier, later = codes[:-1], codes[1:]
    change = (earlier != later) & (earlier >= 0) & (later >= 0)
    near = np.zeros(len(codes), dtype=bool)
    near[:-1] |= change
    near[1:] |= change
    return near


def _compare(
    reference: _Side, other: _Side, clean: NDArray[np.bool_], network: NDArray[np.int8] | None = None
) -> Comparison:
    # Where decoding gave no state, the CNN's choice does not count either: both are judged on the same epochs.
    judged = clean & (other.codes >= 0)
    seen = reference.seen & other.seen
    both, either = reference.artifact & other.artifact & seen, (reference.artifact | other.artifact) & seen
    known = (reference.category >= 0) & (other.category >= 0)
    return Comparison(
        reference=reference.name,
        other=other.name,
        states=state_agreement(reference.codes, other.codes, clean),
        near_changes=state_agreement(reference.codes, other.codes, clean & reference.changing),
        steady=state_agreement(reference.codes, other.codes, clean & ~reference.changing),
        before_decoding=None if network is None else state_agreement(reference.codes, network, judged),
        artifacts=ArtifactAgreement(both=int(both.sum()), either=int(either.sum())),
        categories=_confusion(reference.category[known], other.category[known], len(CATEGORIES)),
    )


def _side(name: str, hypnogram: Hypnogram) -> _Side:
    category = np.where(hypnogram.artifact, _ARTIFACT, hypnogram.codes)
    return _Side(
        name=name,
        codes=hypnogram.codes,
        artifact=hypnogram.artifact,
        seen=category >= 0,
        category=category,
        changing=near_changes(hypnogram.codes),
    )


def _intersection(experts: Sequence[_Side]) -> _Side:
    """What all experts agree on. Where they all looked but differ, there is neither a state nor a category.

    They differ most of all around changes of state, so that few changes are left within the intersection itself;
    an epoch counts as changing where it does for any expert.
    """
    return _Side(
        name=INTERSECTION,
        codes=_common([expert.codes for expert in experts]),
        artifact=np.all([expert.artifact for expert in experts], axis=0),
        seen=np.all([expert.seen for expert in experts], axis=0),
        category=_common([expert.category for expert in experts]),
        changing=np.any([expert.changing for expert in experts], axis=0),
    )


def _common(sequences: Sequence[NDArray[np.integer[Any]]]) -> NDArray[np.integer[Any]]:
    same = np.all([sequence == sequences[0] for sequence in sequences], axis=0)
    return np.where(same, sequences[0], Stage.UNSCORED.code)


def _most_likely(probability: NDArray[np.floating[Any]]) -> NDArray[np.int8]:
    """The CNN's own choice; unscored where its probabilities are NaN."""
    known = ~np.isnan(probability).any(axis=1)
    best = np.where(known[:, None], probability, 0.0).argmax(axis=1)
    return np.where(known, best, Stage.UNSCORED.code).astype(np.int8)


def _confusion(reference: NDArray[np.integer[Any]], other: NDArray[np.integer[Any]], size: int) -> NDArray[np.int64]:
    cells = reference.astype(np.int64) * size + other
    return np.bincount(cells, minlength=size * size).reshape(size, size)


def _kappa(confusion: NDArray[np.integer[Any]]) -> float:
    """Cohen's κ in whole numbers up to the one division: n·agreed − chance over n² − chance."""
    total = int(confusion.sum())
    chance = int(confusion.sum(axis=0) @ confusion.sum(axis=1))
    return _ratio(total * int(np.trace(confusion)) - chance, total**2 - chance)


def _ratio(part: int, whole: int) -> float:
    return part / whole if whole else math.nan

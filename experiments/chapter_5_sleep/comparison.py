"""SPINDLE beside its three rivals (thesis A, 5.4.4, Figures 5.9 and 5.10).

All are judged where both experts give the same state and neither saw an artifact. FASTER works on epochs of 8 s: it is
judged on those of its epochs whose two halves have the same label, as in the thesis, and so is SPINDLE beside it in
Figure 5.9.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Bool, Int
from numpy.typing import NDArray

from experiments.chapter_5_sleep.kept import EXPERTS, RIVALS, SPINDLE, KeptAnimal
from spindle.agreement import Agreement, state_agreement
from spindle.hypnogram import STAGES

METHODS = (SPINDLE, *RIVALS)
EIGHT_SECONDS = ("faster",)
"""Methods with epochs of 8 s."""


@dataclass(frozen=True, kw_only=True)
class Overlap:
    """Shares of the epochs of a state: both right, only one of the two, neither (Fig. 5.9)."""

    state: str
    epochs: int
    both: float
    only_spindle: float
    only_faster: float
    neither: float


def agreed(animal: KeptAnimal) -> NDArray[np.int64]:
    """The states on which both experts agree, -1 elsewhere and where either saw an artifact."""
    first, second = (animal.states(name) for name in EXPERTS)
    return np.where((first == second) & ~animal.artifact.any(axis=0), first, -1)


def pairs_that_agree(codes: Int[np.ndarray, " epochs"]) -> Bool[np.ndarray, " epochs"]:
    """Epochs of 8-s pairs whose halves have the same state; the odd last epoch has no other half."""
    whole = len(codes) // 2 * 2
    halves = codes[:whole].reshape(-1, 2)
    same = (halves[:, 0] == halves[:, 1]) & (halves[:, 0] >= 0)
    return np.concatenate([np.repeat(same, 2), np.zeros(len(codes) - whole, dtype=bool)])


def agreement_of(animal: KeptAnimal, method: str) -> Agreement:
    """Agreement of a method with the experts' intersection."""
    reference = agreed(animal)
    counted = pairs_that_agree(reference) if method in EIGHT_SECONDS else None
    return state_agreement(reference, animal.states(method), counted)


def errors(animals: Sequence[KeptAnimal]) -> pd.DataFrame:
    """Error rates of every method and animal in percent: ER = 100 - accuracy, CER = 100 - F1 (Fig. 5.10).

    A state that an animal has not by experts and method alike has no rate.
    """
    return pd.DataFrame([row for animal in animals for row in _errors(animal)])


def _errors(animal: KeptAnimal) -> Iterator[dict[str, object]]:
    for method in METHODS:
        agreement = agreement_of(animal, method)
        rates = {"all": agreement.accuracy, **{str(stage): agreement.state(stage).f1 for stage in STAGES}}
        for state, rate in rates.items():
            yield {
                "cohort": animal.cohort,
                "animal": animal.name,
                "trained_on": animal.trained_on,
                "method": method,
                "state": state,
                "error_percent": 100 * (1 - rate),
            }


def times(animals: Sequence[KeptAnimal]) -> pd.DataFrame:
    """Seconds that each method took for each animal, reading included."""
    rows = [
        {"cohort": animal.cohort, "animal": animal.name, "method": method, "seconds": float(seconds)}
        for animal in animals
        for method, seconds in zip(METHODS, animal.seconds, strict=True)
    ]
    return pd.DataFrame(rows)


def overlaps(animals: Sequence[KeptAnimal]) -> list[Overlap]:
    """How often SPINDLE and FASTER are right, together and alone, over all epochs of 8 s of these animals."""
    references, rights = [], []
    for animal in animals:
        reference = agreed(animal)
        known = animal.states("faster") >= 0
        chosen = (pairs_that_agree(reference) & known)[: len(reference) // 2 * 2].reshape(-1, 2).all(axis=1)
        first = reference[: len(reference) // 2 * 2 : 2][chosen]
        references.append(first)
        rights.append(np.stack([_of_pairs(animal, method)[chosen] == first for method in (SPINDLE, "faster")]))
    reference, (spindle, faster) = np.concatenate(references), np.concatenate(rights, axis=1)
    names = {"all": reference >= 0, **{str(stage): reference == stage.code for stage in STAGES}}
    return [
        Overlap(
            state=name,
            epochs=int(here.sum()),
            both=_share(spindle & faster, here),
            only_spindle=_share(spindle & ~faster, here),
            only_faster=_share(~spindle & faster, here),
            neither=_share(~spindle & ~faster, here),
        )
        for name, here in names.items()
    ]


def _of_pairs(animal: KeptAnimal, method: str) -> NDArray[np.int64]:
    """A method's states in epochs of 8 s: that of both halves, -2 where they differ, which is never right."""
    codes = animal.states(method)
    halves = codes[: len(codes) // 2 * 2].reshape(-1, 2)
    return np.where(halves[:, 0] == halves[:, 1], halves[:, 0], -2)


def _share(what: Bool[np.ndarray, " epochs"], here: Bool[np.ndarray, " epochs"]) -> float:
    return float(what[here].mean()) if here.any() else float("nan")

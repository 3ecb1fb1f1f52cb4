"""Vigilance states, and a recording's sequence of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np
from jaxtyping import Bool, Int

from spindle.errors import LabelError
from spindle.recording import EPOCH_S


class Stage(StrEnum):
    """A vigilance state. `UNSCORED` marks epochs without a usable signal or without a label."""

    WAKE = "wake"
    NREM = "nrem"
    REM = "rem"
    UNSCORED = "unscored"

    @property
    def code(self) -> int:
        """Place of the state in probability tables; −1 for `UNSCORED`."""
        return -1 if self is Stage.UNSCORED else STAGES.index(self)

    @classmethod
    def of_code(cls, code: int) -> Stage:
        """Invert `code`."""
        return Stage.UNSCORED if code < 0 else STAGES[code]


STAGES = (Stage.WAKE, Stage.NREM, Stage.REM)
"""The order of states in every table of probabilities, the thesis' own: c₁ WAKE, c₂ NREM, c₃ REM (eq. 5.1)."""


@dataclass(frozen=True, kw_only=True)
class Hypnogram:
    """One state and one artifact flag per epoch.

    `codes[i]` is the place in `STAGES` of the state in [i·epoch_s, (i+1)·epoch_s), or −1 where it is unscored.
    An artifact keeps its state: "artifact during wake" is a wake epoch with a flag (thesis A, Fig. 5.1 g).
    """

    codes: Int[np.ndarray, " epochs"]
    artifact: Bool[np.ndarray, " epochs"]
    epoch_s: float = EPOCH_S

    @classmethod
    def from_stages(cls, stages: Sequence[Stage], artifact: Sequence[bool] | None = None) -> Hypnogram:
        """Build from names; without `artifact` every epoch counts as clean."""
        codes = np.array([stage.code for stage in stages], dtype=np.int8)
        flags = np.zeros(len(codes), dtype=bool) if artifact is None else np.asarray(artifact, dtype=bool)
        return cls(codes=codes, artifact=flags)

    def __post_init__(self) -> None:
        if len(self.codes) != len(self.artifact):
            raise LabelError(f"{len(self.codes)} stages do not go with {len(self.artifact)} artifact flags.")

    def __len__(self) -> int:
        return len(self.codes)

    @property
    def stages(self) -> list[Stage]:
        """The states by name."""
        return [Stage.of_code(code) for code in self.codes.tolist()]

    @property
    def scored(self) -> Bool[np.ndarray, " epochs"]:
        """Which epochs have a state."""
        return self.codes >= 0

    def part(self, start: int, stop: int) -> Hypnogram:
        """Return epochs start … stop−1 alone."""
        return replace(self, codes=self.codes[start:stop], artifact=self.artifact[start:stop])

    def with_artifact(self, artifact: Bool[np.ndarray, " epochs"]) -> Hypnogram:
        """Return the same states with other artifact flags."""
        return replace(self, artifact=np.asarray(artifact, dtype=bool))

    def fractions(self) -> dict[Stage, float]:
        """Share of each state among scored epochs; artifacts count with their state. All 0 if none is scored."""
        total = max(int(self.scored.sum()), 1)
        return {stage: float((self.codes == stage.code).sum()) / total for stage in STAGES}


def agreed_codes(hypnograms: Sequence[Hypnogram]) -> Int[np.ndarray, " epochs"]:
    """Codes of the states that all experts give in epochs that none of them marked as an artifact; −1 elsewhere."""
    codes = np.stack([hypnogram.codes for hypnogram in hypnograms])
    clean = ~np.any([hypnogram.artifact for hypnogram in hypnograms], axis=0)
    return np.where(clean & (codes == codes[0]).all(axis=0), codes[0], Stage.UNSCORED.code).astype(np.int8)

"""What figures are drawn from: one NPZ file per animal, so that drawing needs neither simulation nor scoring."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float, Int

from experiments.cohorts import cohort_of
from latentia.files import atomic_path
from spindle.hypnogram import Hypnogram

EXPERTS = ("expert 1", "expert 2")
SPINDLE = "spindle"
RIVALS = ("faster", "scoprism", "autoscore")
SCORERS = (*EXPERTS, SPINDLE, *RIVALS)
CLEAN_ABOVE = (0.5, 0.7)
"""Probabilities of being clean above which an epoch counts in Fig. 5.12 and 5.13."""
SOURCES = (*EXPERTS, *(f"{SPINDLE}, clean above {limit:g}" for limit in CLEAN_ABOVE))
"""Whose states, and which epochs, Fig. 5.12 and 5.13 are made of."""


@dataclass(frozen=True, kw_only=True, eq=False)
class KeptAnimal:
    """One animal's states by every scorer, and the spectra of its first EEG.

    `codes` go with `SCORERS` and `artifact` with `EXPERTS`; `power[s, c]` is the spectrum of state c by `SOURCES[s]`,
    NaN where it has none of its epochs. `seconds` are the scoring times of SPINDLE and its rivals.
    """

    name: str
    start: datetime
    trained_on: bool
    codes: Int[np.ndarray, "scorers epochs"]
    artifact: Bool[np.ndarray, "experts epochs"]
    artifact_probability: Float[np.ndarray, " epochs"]
    stage_probability: Float[np.ndarray, "epochs 3"]
    frequencies_hz: Float[np.ndarray, " bins"]
    power: Float[np.ndarray, "sources 3 bins"]
    seconds: Float[np.ndarray, " methods"]

    @property
    def cohort(self) -> str:
        """A, B, C or D."""
        return cohort_of(self.name)

    def states(self, scorer: str) -> Int[np.ndarray, " epochs"]:
        """Codes of the states by a scorer, -1 where there is none."""
        return self.codes[SCORERS.index(scorer)].astype(np.int64)

    def hypnogram(self, scorer: str) -> Hypnogram:
        """States by a scorer; artifacts by an expert, or those that SPINDLE's network finds more probable than not."""
        place = SCORERS.index(scorer)
        artifact = self.artifact[place] if scorer in EXPERTS else self.artifact_probability > 1 - CLEAN_ABOVE[0]
        return Hypnogram(codes=self.codes[place], artifact=artifact)

    def seen_by(self, source: str) -> Hypnogram:
        """States of one of `SOURCES`, with its artifacts."""
        if source in EXPERTS:
            return self.hypnogram(source)
        limit = CLEAN_ABOVE[SOURCES.index(source) - len(EXPERTS)]
        return self.hypnogram(SPINDLE).with_artifact(self.artifact_probability >= 1 - limit)


def write_kept(animal: KeptAnimal, path: Path) -> None:
    """Write the file whole or not at all. Errors: OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_path(path) as temporary:
        np.savez_compressed(
            temporary,
            name=animal.name,
            start=animal.start.isoformat(),
            trained_on=animal.trained_on,
            codes=animal.codes.astype(np.int8),
            artifact=animal.artifact,
            artifact_probability=animal.artifact_probability.astype(np.float32),
            stage_probability=animal.stage_probability.astype(np.float16),
            frequencies_hz=animal.frequencies_hz,
            power=animal.power,
            seconds=animal.seconds,
        )


def read_kept(path: Path) -> KeptAnimal:
    """Read what `write_kept` wrote."""
    with np.load(path, allow_pickle=False) as kept:
        return KeptAnimal(
            name=str(kept["name"]),
            start=datetime.fromisoformat(str(kept["start"])),
            trained_on=bool(kept["trained_on"]),
            codes=kept["codes"],
            artifact=kept["artifact"],
            artifact_probability=kept["artifact_probability"],
            stage_probability=kept["stage_probability"].astype(np.float32),
            frequencies_hz=kept["frequencies_hz"],
            power=kept["power"],
            seconds=kept["seconds"],
        )

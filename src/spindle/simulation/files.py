"""Simulated recordings as files: an EDF+ and the labels of two experts beside it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np

from spindle.edf import write_edf
from spindle.labels import write_published_labels
from spindle.recording import EPOCH_S, Annotation
from spindle.simulation import COHORTS, Animal, Simulated, draw_animal, simulate

LIGHTS_ON = datetime(2021, 1, 1, 8, 0)
"""Recordings start at this time plus the animal's zeitgeber; the date means nothing."""

LABELS_SUFFIX = "_labels.csv"

MARK = "Simulated recording"
"""The annotation that every simulated file carries."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """One recording to simulate: same plan, same bytes."""

    name: str
    animal: Animal
    seconds: int
    seed: tuple[int, ...]

    def simulate(self) -> Simulated:
        """Run the simulation."""
        return simulate(self.animal, seconds=self.seconds, rng=np.random.default_rng((*self.seed, 1)))

    def write(self, folder: Path) -> Path:
        """Simulate, write NAME.edf and NAME_labels.csv into `folder`, and return the path of the EDF.

        The EDF is written last: where it stands, its labels stand too.
        """
        simulated = self.simulate()
        path = folder / f"{self.name}.edf"
        write_published_labels(folder / f"{self.name}{LABELS_SUFFIX}", simulated.experts)
        write_edf(
            path,
            simulated.channels,
            start=LIGHTS_ON + timedelta(hours=self.animal.zeitgeber_h),
            annotations=[Annotation(onset_s=0.0, duration_s=0.0, text=MARK)],
        )
        return path


def one(name: str, *, hours: float, seed: int) -> Plan:
    """Plan a mouse with the default traits, two EEGs and an EMG at 128 Hz, lights on at the start."""
    return Plan(name=name, animal=Animal(), seconds=_whole_epochs(hours), seed=(seed,))


def cohort(name: str, *, hours: float, seed: int) -> Iterator[Plan]:
    """Plan the animals of cohort A, B, C or D of Table 5.2 (thesis A)."""
    chosen = COHORTS[name]
    for index in range(chosen.wild + chosen.mutant):
        key = (seed, ord(name), index)
        animal = chosen.draw(index, np.random.default_rng(key))
        yield Plan(name=f"simulated_{name}{index + 1}", animal=animal, seconds=_whole_epochs(hours), seed=key)


def laboratories(count: int, *, hours: tuple[float, float], seed: int) -> Iterator[Plan]:
    """Plan one animal of each of `count` laboratories that differ in everything, lengths log-uniform in `hours`."""
    for index in range(count):
        key = (seed, index)
        rng = np.random.default_rng(key)
        length = float(np.exp(rng.uniform(*np.log(hours))))
        yield Plan(name=f"laboratory_{index:04d}", animal=draw_animal(rng), seconds=_whole_epochs(length), seed=key)


def _whole_epochs(hours: float) -> int:
    return max(1, round(hours * 3600 / EPOCH_S)) * int(EPOCH_S)

"""What the experiments on SIMULATED cohorts share: who trains and who is scored, records, claims on work, progress."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rich.progress import Progress

from experiments.common import read_json, write_json
from latentia.training import source_version
from spindle.errors import SettingError
from spindle.recording import EPOCH_S, Montage
from spindle.simulation import COHORTS, Simulated
from spindle.simulation.files import Plan, cohort
from spindle.training import TrainingProgress

TRAINING_ANIMALS = 2
TRAINED_ON = "2 simulated mice of A"


@dataclass(frozen=True, kw_only=True)
class Reports:
    """Where a run tells how far it is."""

    training: Callable[[TrainingProgress], None] = lambda progress: None
    animal: Callable[[str, int, int], None] = lambda name, done, total: None


def split(*, training_hours: float, test_hours: float, seed: int) -> tuple[list[Plan], list[Plan]]:
    """Plan the animals to train on, the first two of A, and the others, cohort by cohort (thesis A, 5.4.3)."""
    plans = [plan for name in COHORTS for plan in cohort(name, hours=test_hours, seed=seed)]
    seconds = round(training_hours * 3600 / EPOCH_S) * int(EPOCH_S)
    training = [replace(plan, seconds=seconds) for plan in plans[:TRAINING_ANIMALS]]
    return training, plans[TRAINING_ANIMALS:]


def cohort_of(name: str) -> str:
    """Cohort of a simulated animal: A, B, C or D."""
    return name.removeprefix("simulated_")[0]


def montage(simulated: Simulated) -> Montage:
    """Take the simulated channels as they are, without writing and reading a file."""
    first, second, emg = simulated.channels
    return Montage(eeg=(first, second), emg=emg)


def claim_folder(work: Path, settings: Mapping[str, Any]) -> None:
    """Begin or go on in a folder. Errors: SettingError where it holds a run with other settings."""
    path = work / "settings.json"
    if path.is_file() and (before := read_json(path)) != dict(settings):
        raise SettingError(f"{work} holds a run with other settings: {before}, and now {dict(settings)}.")
    write_json(settings, path)


def record_file(work: Path, plan: Plan) -> Path:
    """Where the record of an animal is."""
    return work / "animals" / f"{plan.name}.json"


def arrays_file(work: Path, name: str) -> Path:
    """Where the arrays of an animal are."""
    return work / "animals" / f"{name}.npz"


def record_of(plan: Plan, simulated: Simulated, source: Path) -> dict[str, Any]:
    """Say what an animal is, and by which version of `source` it was measured."""
    return {
        "name": plan.name,
        "cohort": cohort_of(plan.name),
        "simulated": True,
        "epochs": len(simulated.experts[0]),
        "rate_hz": simulated.animal.amplifier.rate_hz,
        "artifact_share": [float(expert.artifact.mean()) for expert in simulated.experts],
        "sha256": checksum(plan, simulated),
        "source": source_version(source),
    }


def checksum(plan: Plan, simulated: Simulated) -> str:
    """Tell simulated data apart by the plan and both experts' labels.

    Signals are left out: their last bits depend on the processor's libraries.
    """
    digest = hashlib.sha256(repr(plan).encode())
    for expert in simulated.experts:
        digest.update(expert.codes.astype("<i1").tobytes())
        digest.update(expert.artifact.tobytes())
    return digest.hexdigest()


def reports_on(bars: Progress) -> Reports:
    """Show trainings and animals on bars."""
    networks: dict[str, Any] = {}
    scoring = bars.add_task("Simulating and preparing 2 animals for the training", total=None)

    def training(at: TrainingProgress) -> None:
        progress = at.progress
        if at.network not in networks:
            networks[at.network] = bars.add_task("", total=progress.run_steps)
        bars.update(
            networks[at.network],
            completed=progress.run_step,
            description=f"Training the {at.network} network: pass {progress.pass_number + 1}, loss {progress.loss:.3f}",
        )

    def animal(name: str, done: int, total: int) -> None:
        what = f"Scoring {name}" if name else "Scored all animals"
        bars.update(scoring, completed=done, total=total, description=what)

    return Reports(training=training, animal=animal)

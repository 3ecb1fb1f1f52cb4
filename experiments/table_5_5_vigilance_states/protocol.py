"""The thesis' protocol (A, 5.4.3) on simulated cohorts: train on two animals of A, score the other twenty.

Whatever is finished stands in a file, so that a killed run goes on where it was: the training by its checkpoints,
the evaluation animal by animal.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from experiments.common import read_json, write_json
from latentia.training import source_version
from spindle.agreement import evaluate
from spindle.agreement_tables import as_dict
from spindle.errors import SettingError
from spindle.model_file import SpindleModel
from spindle.recording import EPOCH_S, Montage
from spindle.scoring import load_method, score_montage
from spindle.signals import load_signals
from spindle.simulation import COHORTS, Simulated
from spindle.simulation.files import Plan, cohort
from spindle.spectrogram import time_frequency
from spindle.training import RECORD, TrainingConfig, TrainingProgress, train
from spindle.training_set import LabelledRecording

TRAINING_ANIMALS = 2


@dataclass(frozen=True, kw_only=True)
class Budget:
    """How much is spent: simulated hours per animal, and the limits of the training."""

    training_hours: float
    test_hours: float
    passes: int
    patience: int


BUDGETS = {
    # Minutes of simulation, a network that has seen next to nothing: it shows that everything runs, and no more.
    "smoke": Budget(training_hours=0.6, test_hours=0.1, passes=2, patience=1),
    # The thesis' own animals and hours; its network converged after 5 passes.
    "hour": Budget(training_hours=24.0, test_hours=24.0, passes=10, patience=2),
    # As before, but early stopping alone decides, as `spindle train` does by default.
    "paper": Budget(training_hours=24.0, test_hours=24.0, passes=30, patience=3),
}


@dataclass(frozen=True, kw_only=True)
class Reports:
    """Where a run tells how far it is."""

    training: Callable[[TrainingProgress], None] = lambda progress: None
    animal: Callable[[str, int, int], None] = lambda name, done, total: None


def run(budget: Budget, *, seed: int, work: Path, reports: Reports | None = None) -> list[dict[str, Any]]:
    """Train and evaluate, or go on with it; return one record per animal, the two of the training first.

    Errors: SettingError where `work` holds a run with another budget or seed.
    """
    reports = reports or Reports()
    _claim(work, budget, seed)
    training, test = split(budget, seed)
    model = _train(training, budget, seed, work, reports)
    for done, plan in enumerate(test):
        reports.animal(plan.name, done, len(test))
        if not _result(work, plan).is_file():
            write_json(_evaluate(plan, model), _result(work, plan))
    reports.animal("", len(test), len(test))
    return [read_json(_result(work, plan)) for plan in [*training, *test]]


def split(budget: Budget, seed: int) -> tuple[list[Plan], list[Plan]]:
    """Plan the animals to train on, the first two of A, and the others, cohort by cohort."""
    plans = [plan for name in COHORTS for plan in cohort(name, hours=budget.test_hours, seed=seed)]
    seconds = round(budget.training_hours * 3600 / EPOCH_S) * int(EPOCH_S)
    training = [replace(plan, seconds=seconds) for plan in plans[:TRAINING_ANIMALS]]
    return training, plans[TRAINING_ANIMALS:]


def _claim(work: Path, budget: Budget, seed: int) -> None:
    settings = {**asdict(budget), "seed": seed}
    path = work / "settings.json"
    if path.is_file() and (before := read_json(path)) != settings:
        raise SettingError(f"{work} holds a run with other settings: {before}, and now {settings}.")
    write_json(settings, path)


def _train(plans: list[Plan], budget: Budget, seed: int, work: Path, reports: Reports) -> SpindleModel:
    folder = work / "training"
    config = TrainingConfig(passes=budget.passes, patience=budget.patience, seed=seed, name="2 simulated mice of A")

    def recordings() -> Iterator[LabelledRecording]:
        for plan in plans:
            simulated = plan.simulate()
            write_json(_record(plan, simulated), _result(work, plan))
            yield LabelledRecording(
                name=plan.name,
                time_frequency=time_frequency(load_signals(montage(simulated)), rows=config.rows),
                hypnograms=simulated.experts,
            )

    resume = (folder / RECORD).is_file()
    return train(recordings(), config, folder, resume=resume, on_progress=reports.training)


def _evaluate(plan: Plan, model: SpindleModel) -> dict[str, Any]:
    simulated = plan.simulate()
    scores = score_montage(montage(simulated), load_method(model, thesis=True), name=plan.name)
    evaluation = evaluate(scores.hypnogram, simulated.experts, network_probability=scores.network_probability)
    return {**_record(plan, simulated), "evaluation": as_dict(evaluation)}


def montage(simulated: Simulated) -> Montage:
    """Take the simulated channels as they are, without writing and reading a file."""
    first, second, emg = simulated.channels
    return Montage(eeg=(first, second), emg=emg)


def _record(plan: Plan, simulated: Simulated) -> dict[str, Any]:
    return {
        "name": plan.name,
        "cohort": plan.name.removeprefix("simulated_")[0],
        "simulated": True,
        "epochs": len(simulated.experts[0]),
        "rate_hz": simulated.animal.amplifier.rate_hz,
        "artifact_share": [float(expert.artifact.mean()) for expert in simulated.experts],
        "sha256": checksum(plan, simulated),
        "source": source_version(Path(__file__)),
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


def _result(work: Path, plan: Plan) -> Path:
    return work / "animals" / f"{plan.name}.json"

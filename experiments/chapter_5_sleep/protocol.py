"""The thesis' protocol (A, 5.4) on simulated cohorts: train on two animals of A, score the other twenty.

SPINDLE and its three rivals learn from the same two animals. Whatever is finished stands in a file, so that a killed
run goes on where it was: the training by its checkpoints, the measurements animal by animal.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from experiments.chapter_5_sleep.kept import write_kept
from experiments.chapter_5_sleep.measure import Methods, measure, montage
from experiments.common import read_json, write_json
from spindle.baselines import KINDS, Baseline, learn_model, load_baseline, save_baseline
from spindle.errors import SettingError
from spindle.hypnogram import Hypnogram
from spindle.model_file import SpindleModel
from spindle.recording import EPOCH_S
from spindle.signals import EpochSignals, load_signals
from spindle.simulation import COHORTS
from spindle.simulation.files import Plan, cohort
from spindle.spectrogram import time_frequency
from spindle.training import RECORD, TrainingConfig, TrainingProgress, train
from spindle.training_set import LabelledRecording

TRAINING_ANIMALS = 2
NAME = "2 simulated mice of A"


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
    """Train and measure, or go on with it; return one record per animal, the two of the training first.

    `kept_of` gives what figures are drawn from. The two animals of the training are measured too, and say so.

    Errors: SettingError where `work` holds a run with another budget or seed.
    """
    reports = reports or Reports()
    _claim(work, budget, seed)
    training, test = split(budget, seed)
    model = _train(training, budget, seed, work, reports)
    methods = Methods(spindle=model, rivals=_rivals(training, work))
    plans = [*training, *test]
    for done, plan in enumerate(plans):
        reports.animal(plan.name, done, len(plans))
        if not _result(work, plan).is_file():
            measured = measure(plan, methods, trained_on=plan in training)
            write_kept(measured.kept, kept_of(work, plan.name))
            write_json(measured.record, _result(work, plan))
    reports.animal("", len(plans), len(plans))
    return [read_json(_result(work, plan)) for plan in plans]


def kept_of(work: Path, name: str) -> Path:
    """Where the arrays of an animal are."""
    return work / "animals" / f"{name}.npz"


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
    config = TrainingConfig(passes=budget.passes, patience=budget.patience, seed=seed, name=NAME)

    def recordings() -> Iterator[LabelledRecording]:
        for plan in plans:
            simulated = plan.simulate()
            yield LabelledRecording(
                name=plan.name,
                time_frequency=time_frequency(load_signals(montage(simulated)), rows=config.rows),
                hypnograms=simulated.experts,
            )

    resume = (folder / RECORD).is_file()
    return train(recordings(), config, folder, resume=resume, on_progress=reports.training)


def _rivals(plans: list[Plan], work: Path) -> dict[str, Baseline]:
    """Learn the three rivals, or read what was learned."""
    paths = {kind: work / "rivals" / f"{kind}.json" for kind in KINDS}
    missing = [kind for kind, path in paths.items() if not path.is_file()]
    if missing:
        labelled = [_labelled_signals(plan) for plan in plans]
        for kind in missing:
            paths[kind].parent.mkdir(parents=True, exist_ok=True)
            save_baseline(learn_model(kind, labelled, name=NAME, data=NAME), paths[kind])
    return {kind: load_baseline(path, kind).method for kind, path in paths.items()}


def _labelled_signals(plan: Plan) -> tuple[EpochSignals, tuple[Hypnogram, ...]]:
    simulated = plan.simulate()
    return load_signals(montage(simulated)), simulated.experts


def _result(work: Path, plan: Plan) -> Path:
    return work / "animals" / f"{plan.name}.json"

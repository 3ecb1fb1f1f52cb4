"""The thesis' protocol (A, 5.4) on simulated cohorts: train on two animals of A, score the other twenty.

SPINDLE and its three rivals learn from the same two animals. Whatever is finished stands in a file, so that a killed
run goes on where it was: the training by its checkpoints, the measurements animal by animal.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from experiments.chapter_5_sleep.kept import write_kept
from experiments.chapter_5_sleep.measure import Methods, measure
from experiments.cohorts import TRAINED_ON, Reports, arrays_file, claim_folder, montage, record_file, split
from experiments.common import read_json, write_json
from spindle.baselines import KINDS, Baseline, learn_model, load_baseline, save_baseline
from spindle.hypnogram import Hypnogram
from spindle.model_file import SpindleModel
from spindle.signals import EpochSignals, load_signals
from spindle.simulation.files import Plan
from spindle.spectrogram import time_frequency
from spindle.training import RECORD, TrainingConfig, train
from spindle.training_set import LabelledRecording


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


def run(budget: Budget, *, seed: int, work: Path, reports: Reports | None = None) -> list[dict[str, Any]]:
    """Train and measure, or go on with it; return one record per animal, the two of the training first.

    `arrays_file` gives what figures are drawn from. The two animals of the training are measured too, and say so.
    Errors: SettingError where `work` holds a run with another budget or seed.
    """
    reports = reports or Reports()
    claim_folder(work, {**asdict(budget), "seed": seed})
    training, test = split(training_hours=budget.training_hours, test_hours=budget.test_hours, seed=seed)
    model = _train(training, budget, seed, work, reports)
    methods = Methods(spindle=model, rivals=_rivals(training, work))
    plans = [*training, *test]
    for done, plan in enumerate(plans):
        reports.animal(plan.name, done, len(plans))
        if not record_file(work, plan).is_file():
            measured = measure(plan, methods, trained_on=plan in training)
            write_kept(measured.kept, arrays_file(work, plan.name))
            write_json(measured.record, record_file(work, plan))
    reports.animal("", len(plans), len(plans))
    return [read_json(record_file(work, plan)) for plan in plans]


def _train(plans: list[Plan], budget: Budget, seed: int, work: Path, reports: Reports) -> SpindleModel:
    folder = work / "training"
    config = TrainingConfig(passes=budget.passes, patience=budget.patience, seed=seed, name=TRAINED_ON)

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
            save_baseline(learn_model(kind, labelled, name=TRAINED_ON, data=TRAINED_ON), paths[kind])
    return {kind: load_baseline(path, kind).method for kind, path in paths.items()}


def _labelled_signals(plan: Plan) -> tuple[EpochSignals, tuple[Hypnogram, ...]]:
    simulated = plan.simulate()
    return load_signals(montage(simulated)), simulated.experts

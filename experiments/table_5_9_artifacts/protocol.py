"""Artifacts by a network and by a density (thesis A, 5.3.4 and Table 5.9): train on two animals, score the others.

Simulated cohorts and their split are those of `experiments.cohorts`. Whatever is finished stands in a file, so that a
killed run goes on where it was.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from experiments.cohorts import (
    TRAINED_ON,
    Reports,
    arrays_file,
    claim_folder,
    cohort_of,
    montage,
    record_file,
    record_of,
    split,
)
from experiments.common import read_json, write_json
from latentia.evaluation import detection_curve
from latentia.files import atomic_path
from spindle.agreement import evaluate
from spindle.classifier import probabilities
from spindle.density import DensityConfig, DensityDetector, DensityModel, train_density
from spindle.density.networks import SizeName
from spindle.model_file import SpindleModel
from spindle.scoring import ARTIFACT
from spindle.signals import load_signals
from spindle.simulation import Simulated
from spindle.simulation.files import Plan
from spindle.spectrogram import TimeFrequency, time_frequency
from spindle.training import RECORD, TrainingConfig, train
from spindle.training_set import LabelledRecording

COHORTS = ("A", "B", "C")
"""D has practically no artifacts, and the thesis' table leaves it out."""
NETWORK, TOP_TWO, ALL_LAYERS = "artifact network", "density, top two layers", "density, all layers (k = 0)"
METHODS = (NETWORK, TOP_TWO, ALL_LAYERS)


@dataclass(frozen=True, kw_only=True)
class Budget:
    """How much is spent: simulated hours per animal, and the limits of both trainings."""

    training_hours: float
    test_hours: float
    passes: int
    """Of the networks, at most."""
    patience: int
    density: SizeName
    steps: int | None
    """Of the density; None leaves its end to patience, after 30 passes at most."""
    threshold_epochs: int


BUDGETS = {
    # It shows that everything runs, and no more.
    "smoke": Budget(
        training_hours=0.2, test_hours=0.04, passes=1, patience=1, density="small", steps=6, threshold_epochs=120
    ),
    # A third of the thesis' training, a tenth of its test recordings, the size for processors.
    "hour": Budget(
        training_hours=8.0, test_hours=2.5, passes=5, patience=2, density="small", steps=4000, threshold_epochs=4000
    ),
    # The thesis' hours, for a graphics card.
    "paper": Budget(
        training_hours=24.0, test_hours=24.0, passes=30, patience=3, density="large", steps=None, threshold_epochs=4000
    ),
}


@dataclass(frozen=True, kw_only=True)
class Scored:
    """What each method says of one animal, higher for what is more of an artifact, and where its threshold lies."""

    scores: dict[str, Float[np.ndarray, " epochs"]]
    thresholds: dict[str, float]


def run(budget: Budget, *, seed: int, work: Path, reports: Reports | None = None) -> list[dict[str, Any]]:
    """Train and evaluate, or go on with it; return one record per animal, the two of the training first.

    Errors: SettingError where `work` holds a run with another budget or seed.
    """
    reports = reports or Reports()
    claim_folder(work, {**asdict(budget), "seed": seed})
    training, others = split(training_hours=budget.training_hours, test_hours=budget.test_hours, seed=seed)
    test = [plan for plan in others if cohort_of(plan.name) in COHORTS]
    model = _train_networks(training, budget, seed, work, reports)
    density = _train_density(training, budget, seed, work, reports)
    for done, plan in enumerate(test):
        reports.animal(plan.name, done, len(test))
        if not record_file(work, plan).is_file():
            write_json(_evaluate(plan, model, density, work), record_file(work, plan))
    reports.animal("", len(test), len(test))
    return [read_json(record_file(work, plan)) for plan in [*training, *test]]


def _train_networks(plans: list[Plan], budget: Budget, seed: int, work: Path, reports: Reports) -> SpindleModel:
    folder = work / "training"
    config = TrainingConfig(passes=budget.passes, patience=budget.patience, seed=seed, name=TRAINED_ON)
    resume = (folder / RECORD).is_file()
    return train(_recordings(plans, work), config, folder, resume=resume, on_progress=reports.training)


def _train_density(plans: list[Plan], budget: Budget, seed: int, work: Path, reports: Reports) -> DensityModel:
    folder = work / "training"
    config = DensityConfig(
        size=budget.density,
        steps=budget.steps,
        threshold_epochs=budget.threshold_epochs,
        seed=seed,
        name=f"density of {TRAINED_ON}",
    )
    resume = (folder / "density-record.json").is_file()
    return train_density(_recordings(plans, work), config, folder, resume=resume, on_progress=reports.training)


def _recordings(plans: list[Plan], work: Path) -> Iterator[LabelledRecording]:
    for plan in plans:
        simulated = plan.simulate()
        write_json(record_of(plan, simulated, Path(__file__)), record_file(work, plan))
        yield LabelledRecording(name=plan.name, time_frequency=_rows(simulated), hypnograms=simulated.experts)


def _rows(simulated: Simulated) -> TimeFrequency:
    return time_frequency(load_signals(montage(simulated)))


def score(rows: TimeFrequency, model: SpindleModel, density: DensityModel) -> Scored:
    """Let every method score the same images."""
    scores = {NETWORK: probabilities(model.artifact, rows)[:, ARTIFACT]}
    thresholds = {NETWORK: 0.5}
    for name, top in ((TOP_TWO, 2), (ALL_LAYERS, len(density.calibrations))):
        found = DensityDetector(model=density, top=top).find(rows).density_nats
        assert found is not None  # a density gives it
        scores[name] = -found
        thresholds[name] = -density.calibrations[top - 1].threshold_nats
    return Scored(scores=scores, thresholds=thresholds)


def _evaluate(plan: Plan, model: SpindleModel, density: DensityModel, work: Path) -> dict[str, Any]:
    simulated = plan.simulate()
    scored = score(_rows(simulated), model, density)
    flags = np.stack([expert.artifact for expert in simulated.experts])
    with atomic_path(arrays_file(work, plan.name)) as temporary:
        np.savez_compressed(temporary, flags=flags, **scored.scores)
    first = simulated.experts[0]
    methods = {}
    for name, values in scored.scores.items():
        called = first.with_artifact(values > scored.thresholds[name])
        comparisons = evaluate(called, simulated.experts).comparisons
        counts = {one.title: [one.artifacts.both, one.artifacts.either] for one in comparisons}
        methods[name] = {"pairs": counts, **ranking(values, flags)}
    return {**record_of(plan, simulated, Path(__file__)), "methods": methods}


def ranking(values: Float[np.ndarray, " epochs"], flags: Bool[np.ndarray, "experts epochs"]) -> dict[str, float | None]:
    """How well scores rank the epochs on which the experts agree, whatever the threshold; None without both kinds."""
    agreed = (flags == flags[0]).all(axis=0)
    marked = flags[0][agreed]
    if not 0 < marked.sum() < len(marked):
        return {"average_precision": None, "area_under_roc": None}
    curve = detection_curve(values[agreed].astype(np.float64), marked)
    return {"average_precision": curve.average_precision, "area_under_roc": curve.area_under_roc}

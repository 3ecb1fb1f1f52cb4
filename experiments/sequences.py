"""What the experiments on sequences share: train each model from several seeds, measure it, side by side."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import joblib
import torch

from experiments.common import progress_bars, read_json, write_json
from latentia.data.sequence_sets import SequenceSet, ShuffledSequences
from latentia.errors import DataError, TrainingError
from latentia.models.base import SequenceModel
from latentia.models.recurrent_vae import RecurrentVAEConfig
from latentia.randomness import seeded
from latentia.training import Progress, fit, source_version
from latentia.training.sequence import SequenceTraining, sequence_task

JOBS = 1 if torch.cuda.is_available() else 2
"""Trainings at a time; on processors with one thread each."""
TOLD = 200
"""Points of the curve of what was dropped in training, where a run does not say."""


@dataclass(frozen=True, kw_only=True)
class SequenceParts:
    """The parts of a data set. Nothing is chosen by the test part."""

    train: SequenceSet
    validation: SequenceSet
    test: SequenceSet

    @property
    def checksums(self) -> dict[str, str]:
        """Checksum of each part's content."""
        return {str(part.split): part.sha256 for part in (self.train, self.validation, self.test)}


Measure = Callable[[SequenceModel, SequenceParts, int], dict[str, Any]]
"""What is measured of a trained model, with a seed for draws; goes into its result as it is."""


@dataclass(frozen=True, kw_only=True)
class SequenceRun:
    """One row of a table from one seed."""

    name: str
    model: RecurrentVAEConfig
    training: SequenceTraining
    seed: int
    told: int = TOLD
    """Points at most of the curve of what was dropped: where steps are more, each is a mean over several."""

    @property
    def label(self) -> str:
        """A name for files."""
        return f"{''.join(letter if letter.isalnum() else '-' for letter in self.name.lower())}-seed{self.seed}"


def show_runs(
    runs: Sequence[SequenceRun],
    parts: SequenceParts,
    measure: Measure,
    work: Path,
    on_results: Callable[[list[dict[str, Any]]], None] = lambda results: None,
) -> list[dict[str, Any]]:
    """Train and measure each run in a process of its own, with a bar, and give the results in the order of the runs.

    A result that is in `work` already is taken from there, and a training that was interrupted goes on. `on_results`
    is told of all results so far, in that order too, after each one.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    places = {run.label: place for place, run in enumerate(runs)}
    # What is done need not wait behind what is not.
    results = [read_json(path) for path in (work / f"{run.label}.json" for run in runs) if path.is_file()]
    left = [run for run in runs if not (work / f"{run.label}.json").is_file()]
    if results:
        on_results(results)
    parallel = joblib.Parallel(n_jobs=JOBS, return_as="generator_unordered")
    with progress_bars() as bars:
        task = bars.add_task("Training and measuring", total=len(runs), completed=len(results))
        for result in parallel(joblib.delayed(run_one)(run, parts, measure, work) for run in left):
            results.append(result)
            results.sort(key=lambda one: places[one["label"]])
            on_results(results)
            found = "unstable" if "unstable" in result else f"-ELBO {result['measured']['negative_elbo']:.1f} nats"
            bars.update(task, advance=1, description=f"{result['name']}, seed {result['seed']}: {found}")
    return results


def restore(results: Sequence[Mapping[str, Any]], work: Path) -> None:
    """Take results of an earlier run for done, where `work` was deleted since."""
    for result in results:
        if not (work / f"{result['label']}.json").is_file():
            write_json(result, work / f"{result['label']}.json")


def run_one(run: SequenceRun, parts: SequenceParts, measure: Measure, work: Path) -> dict[str, Any]:
    """Train one model and measure it; the result is kept in `work` and read from there the next time.

    The weights that are measured are those of the best evaluation by the training's own score. Where the training stops
    because nothing is finite any more, that is the result: "unstable", with the reason.
    """
    done = work / f"{run.label}.json"
    if done.is_file():
        return read_json(done)
    torch.set_num_threads(1)
    with seeded(run.seed):
        model = run.model.build(parts.train.format)
    model.begin_at(parts.train.sequences(slice(run.training.batch)))
    batches = ShuffledSequences(sequence_set=parts.train, batch=run.training.batch, seed=run.seed)
    task = sequence_task(model, batches, parts.validation.sequences(slice(None)), run.training)
    steps = run.training.steps or (run.training.passes or 1) * len(batches)
    curve = _Curve(every=max(1, -(-steps // run.told)))
    result: dict[str, Any] = {
        "name": run.name,
        "seed": run.seed,
        "label": run.label,
        "source": source_version(Path(__file__)),
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
    }
    checkpoint = work / f"{run.label}.safetensors"
    try:
        outcome = fit(task, run.training.loop(run.seed), checkpoint=checkpoint, resume=True, on_progress=curve.look)
        result |= {
            "steps": outcome.steps,
            "seconds": round(outcome.seconds, 1),
            "best_step": int(outcome.history[outcome.best]["step"]),
            "history": [_row(row) for row in outcome.history],
            "drop": curve.points,
            "measured": measure(model, parts, run.seed),
        }
    except (TrainingError, DataError) as problem:
        result["unstable"] = str(problem)
    write_json(result, done)
    return result


class _Curve:
    """How much was dropped in training, a mean over every so many steps; of what was seen since an interruption."""

    def __init__(self, *, every: int) -> None:
        self.every, self.points, self._sum, self._count = every, list[list[float]](), 0.0, 0

    def look(self, progress: Progress) -> None:
        """Take a step's figure."""
        drop = progress.figures.get("drop", math.nan)
        if progress.evaluation is not None or not math.isfinite(drop):
            return
        self._sum, self._count = self._sum + drop, self._count + 1
        if self._count == self.every:
            self.points.append([progress.run_step, round(self._sum / self._count, 5)])
            self._sum, self._count = 0.0, 0


def _row(row: Mapping[str, float]) -> dict[str, float | None]:
    return {name: value if math.isfinite(value) else None for name, value in row.items()}

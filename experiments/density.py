"""What the density experiments share: train each model from several seeds, measure it on test images, side by side."""

from __future__ import annotations

import json
import math
import os
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import joblib
import torch

from experiments.common import progress_bars, read_json, write_json
from latentia.data import ImageSet, ShuffledImages
from latentia.errors import DataError, SettingError, TrainingError
from latentia.evaluation import Provenance, bits_per_dimension, evaluate_bound, importance_weighted, layer_usage
from latentia.images import ImageFormat
from latentia.models.base import LatentVariableModel
from latentia.randomness import seeded
from latentia.training import fit, source_version
from latentia.training.density import DensityTraining, density_task

JOBS = 1 if torch.cuda.is_available() else 2
"""Trainings at a time. On processors with one thread each: small convolutions gain little from a second thread."""

Build = Callable[[ImageFormat], LatentVariableModel]


@dataclass(frozen=True, kw_only=True)
class Images:
    """The three parts of a data set. Nothing is chosen by the test part."""

    train: ImageSet
    validation: ImageSet
    test: ImageSet
    flip: bool

    @property
    def checksums(self) -> dict[str, str]:
        """Checksum of each part's content."""
        return {str(part.split): part.sha256 for part in (self.train, self.validation, self.test)}


@dataclass(frozen=True, kw_only=True)
class Run:
    """One model from one seed."""

    name: str
    build: Build
    training: DensityTraining
    seed: int

    @property
    def label(self) -> str:
        """A name for files."""
        return f"{''.join(letter if letter.isalnum() else '-' for letter in self.name.lower())}-seed{self.seed}"


@dataclass(frozen=True, kw_only=True)
class Measure:
    """How test images are measured."""

    importance_samples: int
    draws: int = 4
    """Draws of the bound per image, which take the noise of a single one out of −ELBO."""
    batch: int = 64


def claim_work(work: Path, record: Mapping[str, Any]) -> Path:
    """Make the folder of what is done so far, or go on in it where it was made with the same settings and data.

    Errors: SettingError where it was made with others, whose results would silently mix with these.
    """
    path = work / "settings.json"
    settings = json.loads(json.dumps({name: record[name] for name in ("config", "seed", "data_sha256")}))
    if path.is_file() and read_json(path) != settings:
        raise SettingError(
            f"{work} holds results of other settings or data; delete it, or name another folder by --out."
        )
    write_json(settings, path)
    return work


def show_runs(runs: Sequence[Run], images: Images, measure: Measure, work: Path) -> list[dict[str, Any]]:
    """Train and measure each run in a process of its own, with a bar, and give the results in the order of the runs.

    A result that is in `work` already is taken from there, and a training that was interrupted goes on.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    parallel = joblib.Parallel(n_jobs=JOBS, return_as="generator_unordered")
    done: dict[tuple[str, int], dict[str, Any]] = {}
    with progress_bars() as bars:
        task = bars.add_task("Training and measuring", total=len(runs))
        for result in parallel(joblib.delayed(run_one)(run, images, measure, work) for run in runs):
            done[result["name"], result["seed"]] = result
            found = "unstable" if "unstable" in result else f"{result['elbo']['bits_per_dimension']:.3f} bits/dim"
            bars.update(task, advance=1, description=f"{result['name']}, seed {result['seed']}: {found}")
    return [done[run.name, run.seed] for run in runs]


def run_one(run: Run, images: Images, measure: Measure, work: Path) -> dict[str, Any]:
    """Train one model and measure it; the result is kept in `work` and read from there the next time.

    Where the training stops because nothing is finite any more, that is the result: "unstable", with the reason.
    """
    done = work / f"{run.label}.json"
    if done.is_file():
        return read_json(done)
    torch.set_num_threads(1)
    with seeded(run.seed):
        model = run.build(images.train.format)
    batches = ShuffledImages(image_set=images.train, batch=run.training.batch, seed=run.seed, flip=images.flip)
    task = density_task(model, batches, images.validation.tensor(slice(None)), run.training)
    checkpoint = work / f"{run.label}.safetensors"
    result: dict[str, Any] = {
        "name": run.name,
        "seed": run.seed,
        "source": source_version(Path(__file__)),
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
    }
    try:
        outcome = fit(task, run.training.loop(run.seed), checkpoint=checkpoint, resume=True)
        result |= {
            "steps": outcome.steps,
            "skipped": outcome.skipped,
            "seconds": round(outcome.seconds, 1),
            "seconds_per_step": outcome.seconds / outcome.steps,
            "best_step": int(outcome.history[outcome.best]["step"]),
            "history": [finite_row(row) for row in outcome.history],
            **_measured(model, images.test, measure, run.seed),
        }
    except (TrainingError, DataError) as problem:
        result["unstable"] = str(problem)
    write_json(result, done)
    return result


def finite_row(row: Mapping[str, float]) -> dict[str, float | None]:
    """Give a row of a history as JSON can say it: what is not finite is None."""
    return {name: value if math.isfinite(value) else None for name, value in row.items()}


def _measured(model: LatentVariableModel, test: ImageSet, measure: Measure, seed: int) -> dict[str, Any]:
    pixels = test.tensor(slice(None))
    terms = evaluate_bound(model, pixels, draws=measure.draws, batch=measure.batch, seed=seed)
    bound = bits_per_dimension(terms.elbo, Provenance.of(test, importance_samples=1, seed=seed))
    result: dict[str, Any] = {
        "elbo": bound.as_record(),
        "divergence_nats": [one.divergence_nats for one in layer_usage(terms.divergence, test.format.dimensions)],
    }
    if measure.importance_samples > 1:
        estimate = importance_weighted(
            model, pixels, samples=measure.importance_samples, batch=measure.batch, seed=seed
        )
        provenance = Provenance.of(test, importance_samples=measure.importance_samples, seed=seed)
        result["likelihood"] = bits_per_dimension(estimate.log_likelihood, provenance).as_record()
    return result


@dataclass(frozen=True, kw_only=True)
class Figure:
    """A mean over seeds, and its standard error where there are several."""

    mean: float
    error: float | None

    @classmethod
    def of(cls, values: Sequence[float]) -> Figure:
        """Take the mean of what the seeds gave."""
        error = statistics.stdev(values) / math.sqrt(len(values)) if len(values) > 1 else None
        return cls(mean=statistics.fmean(values), error=error)

    def __str__(self) -> str:
        return f"{self.mean:.3f}" if self.error is None else f"{self.mean:.3f} ± {self.error:.3f}"


def at_seconds(history: Sequence[Mapping[str, Any]], seconds: float) -> float | None:
    """Best validation figure that was reached within a time; None before the first one that is finite."""
    reached = [
        row["bits_per_dimension"]
        for row in history
        if row["seconds"] <= seconds and row["bits_per_dimension"] is not None  # not finite
    ]
    return min(reached, default=None)

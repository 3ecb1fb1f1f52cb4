"""Train one network from one seed and measure it on the test images."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import torch

from experiments.common import read_json, write_json
from experiments.table_4_5_segmentation.protocol import NETWORKS, Budget, Parts
from latentia.data.segmentation_batches import ShuffledPairs
from latentia.errors import TrainingError
from latentia.evaluation.segmentation import THRESHOLD, agreement, segment
from latentia.files import atomic_path
from latentia.models.base import SegmentationModel
from latentia.randomness import seeded
from latentia.training import Outcome, Task, fit, source_version
from latentia.training.segmentation import Pair, SegmentationTraining, segmentation_task

JOBS = 1 if torch.cuda.is_available() else 2
"""Trainings at a time, on processors with one thread each."""
PICTURED = 6
"""Test images of which the masks are kept for the figure."""

Build = Callable[[int], SegmentationModel]
"""Makes a network for so many channels."""


@dataclass(frozen=True, kw_only=True)
class Run:
    """One training."""

    name: str
    """Of the network."""
    seed: int
    build: Build
    training: SegmentationTraining

    @property
    def label(self) -> str:
        """A name for files."""
        letters = self.name.lower().replace("++", " plus plus")  # whose other letters are those of another network
        return f"{''.join(letter if letter.isalnum() else '-' for letter in letters)}-seed{self.seed}"


def runs_of(setting: Budget, seed: int) -> list[Run]:
    """Give all trainings of the table; each seed's one after the other, so that an interruption leaves whole seeds."""
    networks = setting.networks
    return [
        Run(name=name, seed=seed + place, build=networks[name], training=setting.training)
        for place in range(setting.seeds)
        for name in NETWORKS
    ]


def results(runs: Sequence[Run], parts: Parts, work: Path) -> Iterator[dict[str, Any]]:
    """Train and measure, in processes of their own; what is in `work` already is taken from there."""
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    parallel = joblib.Parallel(n_jobs=JOBS, return_as="generator_unordered")
    yield from parallel(joblib.delayed(run_one)(run, parts, work) for run in runs)


def run_one(run: Run, parts: Parts, work: Path) -> dict[str, Any]:
    """Train one network and measure it; the result is kept in `work`, and an interrupted training goes on there."""
    done = work / f"{run.label}.json"
    if done.is_file():
        return read_json(done)
    model, task = task_of(run, parts)
    result: dict[str, Any] = {
        "name": run.name,
        "seed": run.seed,
        "source": source_version(Path(__file__)),
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
    }
    try:
        outcome = go_on(run, task, work)
    except TrainingError as problem:
        result["unstable"] = str(problem)
    else:
        images, masks = parts.test.pairs(slice(None))
        found = segment(model, images) > THRESHOLD
        both = agreement(found, masks)
        with atomic_path(work / f"{run.label}.npz") as temporary:
            np.savez_compressed(temporary, found=found[:PICTURED].numpy())
        result |= {
            "masks": f"{run.label}.npz",
            "steps": outcome.steps,
            "skipped": outcome.skipped,
            "seconds": round(outcome.seconds, 1),
            "best_step": int(outcome.history[outcome.best]["step"]),
            "history": [
                {key: value if math.isfinite(value) else None for key, value in row.items()} for row in outcome.history
            ],
            "dice": float(both.dice.mean()),
            "jaccard": float(both.jaccard.mean()),
        }
    write_json(result, done)
    return result


def task_of(run: Run, parts: Parts) -> tuple[SegmentationModel, Task[Pair]]:
    """Make the network, with fresh weights, and the task of training it."""
    torch.set_num_threads(1)
    with seeded(run.seed):
        model = run.build(parts.train.images.shape[1])
    batches = ShuffledPairs(pairs=parts.train, batch=run.training.batch, seed=run.seed)
    return model, segmentation_task(model, batches, parts.validation.pairs(slice(None)), run.training)


def go_on(run: Run, task: Task[Pair], work: Path) -> Outcome:
    """Train, or go on where it was interrupted; after the end the network has its best weights."""
    return fit(task, run.training.loop(run.seed), checkpoint=work / f"{run.label}.safetensors", resume=True)

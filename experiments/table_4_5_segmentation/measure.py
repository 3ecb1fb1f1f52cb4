"""Train one network from one seed and measure it on the test images."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import torch

from experiments.common import read_json, write_json
from experiments.table_4_5_segmentation.protocol import BUDGETS, Nuclei
from latentia.data.segmentation_batches import ShuffledPairs
from latentia.errors import TrainingError
from latentia.evaluation.segmentation import THRESHOLD, agreement, segment
from latentia.files import atomic_path
from latentia.randomness import seeded
from latentia.training import fit, source_version
from latentia.training.segmentation import segmentation_task

JOBS = 1 if torch.cuda.is_available() else 2
"""Trainings at a time, on processors with one thread each."""
PICTURED = 6
"""Test images of which the masks are kept for the figure."""

Run = tuple[str, int]


def results(budget: str, runs: Sequence[Run], nuclei: Nuclei, work: Path) -> Iterator[dict[str, Any]]:
    """Train and measure, in processes of their own; what is in `work` already is taken from there."""
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    parallel = joblib.Parallel(n_jobs=JOBS, return_as="generator_unordered")
    yield from parallel(joblib.delayed(run_one)(budget, name, seed, nuclei, work) for name, seed in runs)


def run_one(budget: str, name: str, seed: int, nuclei: Nuclei, work: Path) -> dict[str, Any]:
    """Train one network and measure it; the result is kept in `work`, and an interrupted training goes on there."""
    letters = name.lower().replace("++", " plus plus")  # whose other letters are those of another network
    label = f"{''.join(letter if letter.isalnum() else '-' for letter in letters)}-seed{seed}"
    done = work / f"{label}.json"
    if done.is_file():
        return read_json(done)
    torch.set_num_threads(1)
    setting = BUDGETS[budget]
    build: Callable[[int], Any] = setting.networks[name]
    with seeded(seed):
        model = build(nuclei.train.images.shape[1])
    batches = ShuffledPairs(pairs=nuclei.train, batch=setting.training.batch, seed=seed)
    task = segmentation_task(model, batches, nuclei.validation.pairs(slice(None)), setting.training)
    result: dict[str, Any] = {
        "name": name,
        "seed": seed,
        "source": source_version(Path(__file__)),
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
    }
    try:
        outcome = fit(task, setting.training.loop(seed), checkpoint=work / f"{label}.safetensors", resume=True)
    except TrainingError as problem:
        result["unstable"] = str(problem)
    else:
        images, masks = nuclei.test.pairs(slice(None))
        found = segment(model, images) > THRESHOLD
        both = agreement(found, masks)
        with atomic_path(work / f"{label}.npz") as temporary:
            np.savez_compressed(temporary, found=found[:PICTURED].numpy())
        result |= {
            "masks": f"{label}.npz",
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

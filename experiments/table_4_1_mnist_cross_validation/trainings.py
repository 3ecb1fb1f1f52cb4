"""Train the rows side by side, each in a process of its own, and keep what each gave."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import joblib
import torch

from experiments.common import progress_bars, read_json, write_json
from experiments.table_4_1_mnist_cross_validation.protocol import Budget, Job, jobs
from latentia.errors import TrainingError
from latentia.runs import train
from latentia.runs.cross_validation import COUNTERS
from latentia.training import source_version

JOBS = 1 if torch.cuda.is_available() else 2
"""Trainings at a time; on processors with one thread each."""


def show_jobs(
    budget: Budget, seed: int, work: Path, on_results: Callable[[list[dict[str, Any]]], None] = lambda results: None
) -> list[dict[str, Any]]:
    """Do every training, with a bar, and give the results in the order of the jobs.

    A result that is in `work` already is taken from there, and a training that was interrupted goes on. `on_results`
    is told of all results so far, in that order too, after each one.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    parallel = joblib.Parallel(n_jobs=JOBS, return_as="generator_unordered")
    todo = jobs(budget)
    places = {(job.family, job.method, job.fold): place for place, job in enumerate(todo)}
    # What is done need not wait behind what is not.
    results = [read_json(path) for path in (work / f"{job.label}.json" for job in todo) if path.is_file()]
    left = [job for job in todo if not (work / f"{job.label}.json").is_file()]
    if results:
        on_results(results)
    with progress_bars() as bars:
        task = bars.add_task("Training", total=len(todo), completed=len(results))
        for result in parallel(joblib.delayed(do)(job, budget, seed, work) for job in left):
            results.append(result)
            results.sort(key=lambda one: places[one["family"], one["method"], one["fold"]])
            on_results(results)
            figures = result["figures"]
            told = "unstable" if figures is None else f"error {figures['unconditioned_error']:.4f}"
            bars.update(task, advance=1, description=f"{result['family']}, {result['method']}: {told}")
    return results


def restore(runs: Sequence[Mapping[str, Any]], work: Path) -> None:
    """Take results of an earlier run for done, where `work` was deleted since."""
    for run in runs:
        job = Job(family=run["family"], method=run["method"], fold=run["fold"])
        if not (work / f"{job.label}.json").is_file():
            write_json(run, work / f"{job.label}.json")


def do(job: Job, budget: Budget, seed: int, work: Path) -> dict[str, Any]:
    """Train one row on one fold; the result is kept in `work` and read from there the next time."""
    done = work / f"{job.label}.json"
    if done.is_file():
        return read_json(done)
    torch.set_num_threads(1)
    folder = work / job.label
    result: dict[str, Any] = {
        "family": job.family,
        "method": job.method,
        "fold": job.fold,
        "source": source_version(Path(__file__)),
        "figures": None,
    }
    try:
        outcome = train(job.configuration(budget, seed), folder, resume=True, pictures=False)
        best = outcome.history[outcome.best]
        result |= {
            "figures": {name: value for name, value in best.items() if name not in COUNTERS},
            "best_step": int(best["step"]),
            "steps": outcome.steps,
            "seconds": round(outcome.seconds, 1),
            "history": [dict(row) for row in outcome.history],
        }
    except TrainingError as problem:
        result["unstable"] = str(problem)
    write_json(result, done)
    if job.fold == 1 and (folder / "model.safetensors").is_file():
        (folder / "checkpoint.safetensors").unlink(missing_ok=True)  # the model is kept, for pictures
    else:
        shutil.rmtree(folder, ignore_errors=True)
    return result

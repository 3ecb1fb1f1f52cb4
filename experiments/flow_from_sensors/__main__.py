"""Run the experiment from the command line; see README.md in this folder."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console

from experiments.common import command_line, progress_bars, read_json, real_data, write_json, write_text
from experiments.density import claim_work
from experiments.flow_from_sensors.baselines import nearest_snapshot, relative_error
from experiments.flow_from_sensors.figures import draw
from experiments.flow_from_sensors.measure import CHOICE_SEED, TEST_SEED, Methods, masks_of, measure
from experiments.flow_from_sensors.protocol import BUDGETS, PICTURED, Budget, Job, jobs, trainings
from experiments.flow_from_sensors.splits import FILE, Parts, load_parts
from experiments.flow_from_sensors.tables import markdown
from experiments.flow_from_sensors.trainings import train_model
from latentia.data import Split
from latentia.data.archives import read_array
from latentia.models.base import Decoders
from latentia.models.multitask_gaussian_vae import MultitaskGaussianVAE
from latentia.training import run_record, source_version

CLAIM = (
    "Thesis B, 2.3 and 3.1: a semi-conditional VAE gives a whole flow field from a few sensors, and says how sure it "
    "is. It has to beat interpolation, memory, and POD."
)
RESULTS = Path(__file__).with_name("results")
DOCS_FIGURE = Path(__file__).resolve().parents[2] / "docs" / "images" / "flow_from_sensors.png"
Models = Mapping[Decoders, MultitaskGaussianVAE]


def main(words: Sequence[str] | None = None) -> int:
    """Run with these words, or with the command line's own; return the exit code."""
    return command_line(
        experiment,
        name="flow_from_sensors",
        says="A flow around a cylinder from few sensors, by VAEs and by classical methods. A killed run goes on.",
        budgets=tuple(BUDGETS),
        results=RESULTS,
        words=words,
    )


def experiment(budget: str, folder: Path, seed: int) -> None:
    """Train and measure, or go on with it; write BUDGET.json, BUDGET.md and BUDGET-flow.png to `folder`."""
    torch.set_num_threads(1)
    setting, data = BUDGETS[budget], real_data()
    todo = jobs(setting, seed)
    parts = load_parts(data, "ordered", seed)
    checksums = {str(split): one.sha256 for split, one in ((Split.TRAIN, parts.train), (Split.TEST, parts.test))}
    config = {**asdict(setting), "trainings": {name: asdict(one) for name, one in trainings(setting.steps).items()}}
    record = run_record(config=config, seed=seed, data=checksums, source=Path(__file__))
    work = claim_work(folder / "work" / f"{budget}-seed{seed}", record)
    runs: list[dict[str, Any]] = []
    with progress_bars() as bars:
        task = bars.add_task("Training and measuring", total=len(todo))
        for job in todo:
            bars.update(task, description=f"{job.split}, seed {job.seed}")
            runs.append(do(job, setting, data, work))
            bars.advance(task)
            result = {
                "experiment": "flow_from_sensors",
                "claim": CLAIM,
                "simulated": False,
                "budget": budget,
                "jobs": len(todo),
                **record,
                "runs": runs,
            }
            write_json(result, folder / f"{budget}.json")
            write_text(markdown(result), folder / f"{budget}.md")
    figure = folder / f"{budget}-flow.png"
    draw_flow(setting, seed, data, work, figure)
    if (folder, budget) == (RESULTS, "hour"):
        shutil.copyfile(figure, DOCS_FIGURE)
    Console().print(f"The table is in {folder / f'{budget}.md'}, the figure in {figure}.")


def do(job: Job, budget: Budget, data: Path, work: Path) -> dict[str, Any]:
    """Train both models and measure all methods; the result is kept in `work` and read from there the next time."""
    done = work / f"{job.label}.json"
    if done.is_file():
        return read_json(done)
    started = time.monotonic()
    parts = load_parts(data, job.split, job.seed)
    models, trained = train_both(job, budget, parts, work)
    methods = Methods.of(parts, models, budget, job.seed)
    result = {
        "split": job.split,
        "seed": job.seed,
        "source": source_version(Path(__file__)),
        "snapshots": {str(one.split): len(one) for one in (parts.train, parts.validation, parts.test)},
        "trainings": trained,
        **measure(methods, budget),
        "seconds": round(time.monotonic() - started, 1),
    }
    write_json(result, done)
    return result


def train_both(job: Job, budget: Budget, parts: Parts, work: Path) -> tuple[Models, dict[str, dict[str, float]]]:
    """Train the model with two decoders and that with a single one, or take them from their checkpoints."""
    models: dict[Decoders, MultitaskGaussianVAE] = {}
    trained = {}
    for decoders, training in trainings(budget.steps).items():
        checkpoint = work / f"{job.label}-{decoders}.safetensors"
        models[decoders], outcome = train_model(training, parts, job.seed, checkpoint)
        best = outcome.history[outcome.best]
        trained[str(decoders)] = {
            "steps": outcome.steps,
            "best_step": int(best["step"]),
            "seconds": round(outcome.seconds, 1),
            "score": best["score"],
            "latent_cost": best["latent_cost"],
        }
    return models, trained


def draw_flow(budget: Budget, seed: int, data: Path, work: Path, path: Path) -> None:
    """Draw a typical test snapshot of the split by phase: of median distance to the nearest training snapshot."""
    job = Job(split="phase", seed=seed)
    parts = load_parts(data, job.split, job.seed)
    models, _ = train_both(job, budget, parts, work)
    methods = Methods.of(parts, models, budget, job.seed)
    settings = methods.choose(masks_of(PICTURED, budget.draws_to_choose, parts.solid, CHOICE_SEED))
    mask = masks_of(PICTURED, 1, parts.solid, TEST_SEED)[0]
    truth = parts.physical(Split.TEST)
    nearest = nearest_snapshot(parts.physical(Split.TRAIN), truth, ~parts.solid)
    place = int(relative_error(truth, nearest, parts.solid).argsort()[len(truth) // 2])
    one = parts.test.at(np.array([place]), Split.TEST)
    grid = (read_array(data / FILE, "x", wanted="numbers"), read_array(data / FILE, "y", wanted="numbers"))
    estimates = methods.estimates(one, mask, settings)
    draw(truth[[place]], estimates, mask, parts.solid, grid, path)


if __name__ == "__main__":
    sys.exit(main())

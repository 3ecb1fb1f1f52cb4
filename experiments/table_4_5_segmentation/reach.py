"""How far the networks of Table 4.5 look.

    python -m experiments.table_4_5_segmentation.reach --budget hour

Takes the networks that a run of the experiment trained, with and without spatial dependency layers, and asks how much
the middle pixel's logit changes with each pixel of a test image: the magnitude of its gradient, by distance. Writes
BUDGET-reach.json and BUDGET-reach.md beside the results.
"""

from __future__ import annotations

import statistics
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from rich.console import Console
from torch import Tensor

from experiments.common import command_line, markdown_table, progress_bars, read_json, write_json, write_text
from experiments.table_4_5_segmentation.measure import Run, go_on, runs_of, task_of
from experiments.table_4_5_segmentation.protocol import BUDGETS, NETWORKS, Parts, load_nuclei
from latentia.errors import SettingError
from latentia.evaluation.segmentation import as_values
from latentia.models.base import SegmentationModel
from latentia.training import run_record

RESULTS = Path(__file__).with_name("results")
CLAIM = "Thesis A, 4.4.1: convolutions see too little of an image, and spatial dependency layers bring in the rest."
SHARES = (4, 8, 16)
"""Distances, in pixels, beyond which the gradient is summed."""


def main(words: Sequence[str] | None = None) -> int:
    """Run with these words, or with the command line's own; return the exit code."""
    return command_line(
        experiment,
        name="table_4_5_segmentation.reach",
        says="How far the networks of Table 4.5 look, after a run of table_4_5_segmentation.",
        budgets=tuple(BUDGETS),
        results=RESULTS,
        words=words,
    )


def experiment(budget: str, folder: Path, seed: int) -> None:
    """Measure every network that is trained, and write the table. Errors: SettingError without a run."""
    setting, parts = BUDGETS[budget], load_nuclei(budget)
    work = folder / "work" / f"{budget}-seed{seed}"
    there = [run for run in runs_of(setting, seed) if _is_trained(run, work)]
    if not there:
        raise SettingError(f"{work} holds no networks that are trained; run table_4_5_segmentation first.")
    with progress_bars() as bars:
        found = [_of(run, parts, work) for run in bars.track(there, description="Looking how far they look")]
    result = {
        "experiment": "table_4_5_segmentation.reach",
        "claim": CLAIM,
        "simulated": setting.simulated,
        "budget": budget,
        **run_record(config=asdict(setting), seed=seed, data=parts.checksums, source=Path(__file__)),
        "runs": found,
    }
    write_json(result, folder / f"{budget}-reach.json")
    write_text(markdown(result), folder / f"{budget}-reach.md")
    Console().print(f"The table is in {folder / f'{budget}-reach.md'}.")


def _is_trained(run: Run, work: Path) -> bool:
    path = work / f"{run.label}.json"
    return path.is_file() and "unstable" not in read_json(path)


def _of(run: Run, parts: Parts, work: Path) -> dict[str, Any]:
    model, task = task_of(run, parts)
    go_on(run, task, work)
    images = as_values(parts.test.pairs(slice(None))[0])
    return {"name": run.name, "seed": run.seed, **reach(model, images)}


def reach(model: SegmentationModel, images: Float[Tensor, "images channels height width"]) -> dict[str, Any]:
    """Measure the mean distance, in pixels, at which the middle pixel's logit looks, and the shares beyond `SHARES`.

    A pixel counts by the magnitude of the logit's gradient, and each image alike, but one without any gradient
    as 0. The model is put into evaluation mode.
    """
    rows, columns = (torch.arange(size) - size // 2 for size in images.shape[-2:])
    distance = torch.hypot(rows[:, None].float(), columns[None].float())
    model.eval()
    images = images.clone().requires_grad_()
    logits = torch.stack(model(images)).mean(0)
    middle = logits[:, 0, images.shape[-2] // 2, images.shape[-1] // 2]
    (gradient,) = torch.autograd.grad(middle.sum(), images)
    magnitude = gradient.abs().sum(1)
    total = magnitude.sum((1, 2), keepdim=True)
    shares = magnitude / total.clamp_min(torch.finfo(total.dtype).tiny)
    return {
        "distance": float((shares * distance).sum((1, 2)).mean()),
        "beyond": {str(limit): float(shares[:, distance > limit].sum(1).mean()) for limit in SHARES},
    }


def markdown(result: Mapping[str, Any]) -> str:
    """Lay out how far each network looks."""
    size, rows = result["config"]["size"], []
    for name in NETWORKS:
        if mine := [run for run in result["runs"] if run["name"] == name]:
            shares = [_figure([100 * run["beyond"][str(limit)] for run in mine]) for limit in SHARES]
            rows.append([name, _figure([run["distance"] for run in mine]), *shares, str(len(mine))])
    head = ["network", "mean distance, pixels", *(f"beyond {limit}, %" for limit in SHARES), "runs"]
    kind = "SIMULATED images" if result["simulated"] else "real images"
    return (
        f"# How far the networks of Table 4.5 look, budget {result['budget']}: {kind}\n\n{result['claim']}\n\n"
        f"Magnitude of the gradient of the middle pixel's logit in test images of {size}×{size}, by the distance of "
        "the pixel that it is the gradient by; mean ± standard deviation over runs.\n\n" + markdown_table(head, rows)
    )


def _figure(values: Sequence[float]) -> str:
    spread = f" ± {statistics.stdev(values):.1f}" if len(values) > 1 else ""
    return f"{statistics.fmean(values):.1f}{spread}"


if __name__ == "__main__":
    sys.exit(main())

"""When spatial dependency layers help a U-Net: a task in which what is near does not tell.

    python -m experiments.table_4_5_segmentation.context --budget hour

On SIMULATED images of two discs the larger one is to be marked, which takes a look at the other, wherever it is.
U-Nets of several depths see more or less of the image; each is trained with and without spatial dependency layers.
Writes BUDGET-context.json and BUDGET-context.md beside the results.
"""

from __future__ import annotations

import statistics
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from experiments.common import command_line, markdown_table, progress_bars, write_json, write_text
from experiments.density import claim_work
from experiments.table_4_5_segmentation.measure import Run, results
from experiments.table_4_5_segmentation.protocol import Parts
from latentia.data import Split
from latentia.data.segmentation_sets import SegmentationSet
from latentia.layers.segmentation_block import DependencyConfig
from latentia.models.u_net import UNetConfig
from latentia.randomness import stream
from latentia.training import run_record
from latentia.training.segmentation import SegmentationTraining

RESULTS = Path(__file__).with_name("results")
CLAIM = (
    "Thesis A, 4.4.1: what limits U-Nets is how far their convolutions see, and spatial dependency layers bring in the "
    "whole image."
)
SMALLEST, LARGEST, APART = 4.0, 8.0, 1.3
"""Radii of the smaller disc, in pixels of an image of 64×64, and by how much the other one is larger: most radii may be
either's."""


@dataclass(frozen=True, kw_only=True)
class Setting:
    """What is trained on what."""

    size: int
    counts: tuple[int, int, int]
    """Images to train on, to validate with, to test with."""
    widths: tuple[tuple[int, ...], ...]
    """Of the networks, the shallowest first."""
    sdn: DependencyConfig
    training: SegmentationTraining
    seeds: int


SETTINGS = {
    "smoke": Setting(
        size=32,
        counts=(8, 4, 4),
        widths=((2, 4), (2, 4, 4)),
        sdn=DependencyConfig(features=2, layers=1),
        training=SegmentationTraining(steps=2, batch=4, evaluate_steps=1),
        seeds=1,
    ),
    "hour": Setting(
        size=64,
        counts=(2000, 200, 400),
        widths=((8, 16, 32), (8, 16, 32, 64, 128)),
        sdn=DependencyConfig(features=48, layers=1),
        training=SegmentationTraining(steps=1000, batch=16, evaluate_steps=100, checkpoint_steps=100),
        seeds=3,
    ),
}


def receptive_field(scales: int) -> int:
    """How many pixels across an output of a U-Net with so many scales can see.

    Two 3×3 convolutions see 4 more pixels of their scale, in the encoder at each scale and in the decoder at each but
    the lowest; a pooling sees one more pixel of its scale. Doubled convolutions see no more.
    """
    encoder, without_lowest = sum(1 << scale for scale in range(scales)), sum(1 << scale for scale in range(scales - 1))
    return 1 + 4 * encoder + 4 * without_lowest + without_lowest


def two_discs(count: int, size: int, generator: np.random.Generator, split: Split) -> SegmentationSet:
    """Draw two discs on noise, nowhere over each other; the larger one is the mask."""
    rows, columns = np.mgrid[:size, :size]
    images, masks = np.empty((2, count, 1, size, size))
    for place in range(count):
        small = generator.uniform(SMALLEST, LARGEST) * size / 64
        radii = np.array([APART * small, small])
        while True:
            centres = generator.uniform(radii[:, None], size - radii[:, None], (2, 2))
            if np.hypot(*(centres[0] - centres[1])) > radii.sum() + 1:
                break
        discs = [np.hypot(rows - y, columns - x) < radius for (y, x), radius in zip(centres, radii, strict=True)]
        images[place] = 120 * (discs[0] | discs[1]) + generator.integers(0, 100, (size, size))
        masks[place] = discs[0]
    names = tuple(f"{split} {number}" for number in range(count))
    return SegmentationSet(
        images=images.astype(np.uint8), masks=masks > 0, names=names, groups=names, name="two discs", split=split
    )


def main(words: Sequence[str] | None = None) -> int:
    """Run with these words, or with the command line's own; return the exit code."""
    return command_line(
        experiment,
        name="table_4_5_segmentation.context",
        says="When spatial dependency layers help a U-Net, on SIMULATED images of two discs.",
        budgets=tuple(SETTINGS),
        results=RESULTS,
        words=words,
    )


def experiment(budget: str, folder: Path, seed: int) -> None:
    """Train and measure, or go on with it, and write the table after each run."""
    setting = SETTINGS[budget]
    splits = (Split.TRAIN, Split.VALIDATION, Split.TEST)
    drawn = [
        two_discs(count, setting.size, np.random.default_rng(stream(seed, place)), split)
        for place, (count, split) in enumerate(zip(setting.counts, splits, strict=True))
    ]
    parts = Parts(train=drawn[0], validation=drawn[1], test=drawn[2])
    record = run_record(config=asdict(setting), seed=seed, data=parts.checksums, source=Path(__file__))
    work = claim_work(folder / "work" / f"{budget}-context-seed{seed}", record)
    runs = [
        Run(name=name, seed=seed + place, build=config.build, training=setting.training)
        for place in range(setting.seeds)
        for name, config in _networks(setting).items()
    ]
    done: list[dict[str, Any]] = []
    with progress_bars() as bars:
        for one in bars.track(results(runs, parts, work), total=len(runs), description="Training and measuring"):
            done.append(one)
            result = {
                "experiment": "table_4_5_segmentation.context",
                "claim": CLAIM,
                "simulated": True,
                "budget": budget,
                **record,
                "runs_planned": len(runs),
                "runs": sorted(done, key=lambda run: (run["seed"], run["name"])),
            }
            write_json(result, folder / f"{budget}-context.json")
            write_text(markdown(result), folder / f"{budget}-context.md")
    Console().print(f"The table is in {folder / f'{budget}-context.md'}.")


def _networks(setting: Setting) -> dict[str, UNetConfig]:
    found = {}
    for widths in setting.widths:
        found[f"U-Net, {len(widths)} scales"] = UNetConfig(widths=widths)
        found[f"SDU-Net, {len(widths)} scales"] = UNetConfig(widths=widths, sdn=setting.sdn)
    return found


def markdown(result: Mapping[str, Any]) -> str:
    """Lay out the Dice of each depth, with and without the layers."""
    config, rows = result["config"], []
    for widths in config["widths"]:
        for kind in ("U-Net", "SDU-Net"):
            name = f"{kind}, {len(widths)} scales"
            dice = [100 * run["dice"] for run in result["runs"] if run["name"] == name and "unstable" not in run]
            spread = f" ± {statistics.stdev(dice):.1f}" if len(dice) > 1 else ""
            told = f"{statistics.fmean(dice):.1f}{spread}" if dice else "–"
            sees = f"{receptive_field(len(widths))} pixels" if kind == "U-Net" else "the whole image"
            rows.append([name, sees, told, str(len(dice))])
    made, planned = len(result["runs"]), result["runs_planned"]
    unfinished = "" if made == planned else f" **Unfinished: {made} of {planned} runs.**"
    head = ["network", "an output sees", "Dice", "runs"]
    return (
        f"# When spatial dependency layers help a U-Net, budget {result['budget']}: SIMULATED images\n\n"
        f"{result['claim']}\n\nTwo discs on noise, of which the larger one is to be marked, in images of "
        f"{config['size']}×{config['size']}. Mean Dice over {config['counts'][2]} test images in percent, ± standard "
        f"deviation over runs; {config['training']['steps']} steps.{unfinished}\n\n" + markdown_table(head, rows)
    )


if __name__ == "__main__":
    sys.exit(main())

"""Run the experiment from the command line; see README.md in this folder."""

from __future__ import annotations

import math
import statistics
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console

from experiments.common import command_line, markdown_table, progress_bars, write_json, write_text
from experiments.density import claim_work
from experiments.table_4_5_segmentation.figure import draw
from experiments.table_4_5_segmentation.measure import results, runs_of
from experiments.table_4_5_segmentation.protocol import (
    BUDGETS,
    NETWORKS,
    PUBLISHED,
    WITHOUT,
    load_nuclei,
    mean_published,
)
from latentia.training import run_record

CLAIM = (
    "Thesis A, Table 4.5, on nuclei: spatial dependency layers make U-Net and U-Net++ better. Dice 91.8 for U-Net, "
    "92.6 for U-Net++, 93.3 for SDU-Net, 94.1 for SDNU-Net."
)
RESULTS = Path(__file__).with_name("results")


def main(words: Sequence[str] | None = None) -> int:
    """Run with these words, or with the command line's own; return the exit code."""
    return command_line(
        experiment,
        name="table_4_5_segmentation",
        says="Table 4.5 of thesis A: four U-Nets and MONAI's on images of nuclei.",
        budgets=tuple(BUDGETS),
        results=RESULTS,
        words=words,
    )


def experiment(budget: str, folder: Path, seed: int) -> None:
    """Train and measure all networks, or go on with it, and write BUDGET.json, BUDGET.md and BUDGET.png to `folder`.

    After each run the files say what is done so far.
    """
    setting, nuclei = BUDGETS[budget], load_nuclei(budget)
    record = run_record(config=asdict(setting), seed=seed, data=nuclei.checksums, source=Path(__file__))
    work = claim_work(folder / "work" / f"{budget}-seed{seed}", record)
    runs = runs_of(setting, seed)
    places = [(run.name, run.seed) for run in runs]
    done: dict[tuple[str, int], dict[str, Any]] = {}
    with progress_bars() as bars:
        task = bars.add_task("Training and measuring", total=len(runs))
        for one in results(runs, nuclei, work):
            done[one["name"], one["seed"]] = one
            bars.update(task, advance=1, description=f"{one['name']}, seed {one['seed']}: {_dice(one)}")
            finished = [done[place] for place in places if place in done]
            result = {
                "experiment": "table_4_5_segmentation",
                "claim": CLAIM,
                "simulated": setting.simulated,
                "budget": budget,
                **record,
                "images": {str(part.split): len(part) for part in (nuclei.train, nuclei.validation, nuclei.test)},
                "runs_planned": len(runs),
                "runs": finished,
            }
            write_json(result, folder / f"{budget}.json")
            write_text(markdown(result), folder / f"{budget}.md")
            draw(finished, nuclei.test, work, seed, folder / f"{budget}.png")
    Console().print(f"The table is in {folder / f'{budget}.md'}, all figures in {folder / f'{budget}.json'}.")


def _dice(run: Mapping[str, Any]) -> str:
    return "unstable" if "unstable" in run else f"Dice {100 * run['dice']:.2f} %"


def markdown(result: Mapping[str, Any]) -> str:
    """Lay out the result beside what was published."""
    kind = "SIMULATED images" if result["simulated"] else "real images"
    config, images, lines = result["config"], result["images"], []
    for name in NETWORKS:
        mine = [run for run in result["runs"] if run["name"] == name]
        stable = [run for run in mine if "unstable" not in run]
        steps = sum(run["steps"] for run in stable)
        lines.append(
            [
                name,
                *PUBLISHED.get(name, ("–", "–")),
                f"{mine[0]['parameters'] / 1e6:.2f} M" if mine else "–",
                f"{sum(run['seconds'] for run in stable) / steps:.2f} s" if stable else "–",
                f"{steps / len(stable):.0f}" if stable else "–",
                str(len(stable)) if len(stable) == len(mine) else f"{len(stable)}, {len(mine) - len(stable)} unstable",
                _figure([run["dice"] for run in stable]),
                _figure([run["jaccard"] for run in stable]),
            ]
        )
    headings = [
        "network",
        "published Dice",
        "published Jaccard",
        "size",
        "per step",
        "steps",
        "runs",
        "Dice",
        "Jaccard",
    ]
    made, planned = len(result["runs"]), result["runs_planned"]
    unfinished = "" if made == planned else f" **Unfinished: {made} of {planned} runs.**"
    return (
        f"# Table 4.5, budget {result['budget']}: {kind}\n\n"
        f"Mean over the test images in percent, ± standard deviation over runs. {images['train']} training, "
        f"{images['validation']} validation and {images['test']} test images of {config['size']}×{config['size']}, the "
        f"same for every run; weights and length by the validation loss.{unfinished}\n\n"
        + markdown_table(headings, lines)
        + _gains(result)
        + f"\n![White: right; red: false positives; blue: false negatives]({result['budget']}.png)\n"
    )


def _gains(result: Mapping[str, Any]) -> str:
    """Say what the layers bring from the same seeds, which have the same batches: mean and standard error."""
    dice = {(run["name"], run["seed"]): 100 * run["dice"] for run in result["runs"] if "unstable" not in run}
    told = []
    for name, without in WITHOUT.items():
        gains = [
            dice[name, seed] - dice[without, seed] for one, seed in dice if one == name and (without, seed) in dice
        ]
        if len(gains) > 1:
            error = statistics.stdev(gains) / math.sqrt(len(gains))
            published = mean_published(name) - mean_published(without)
            told.append(
                f"{name} over {without}: {statistics.fmean(gains):+.2f} ± {error:.2f} (published: {published:+.2f})"
            )
    if not told:
        return ""
    return f"\nDice points that the layers bring, mean ± standard error over seeds: {'; '.join(told)}.\n"


def _figure(values: Sequence[float]) -> str:
    if not values:
        return "–"
    spread = f" ± {100 * statistics.stdev(values):.2f}" if len(values) > 1 else ""
    return f"{100 * statistics.fmean(values):.2f}{spread}"


if __name__ == "__main__":
    sys.exit(main())

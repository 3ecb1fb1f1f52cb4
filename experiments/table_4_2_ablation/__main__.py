"""Run the experiment from the command line; see README.md in this folder."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console

from experiments.common import command_line, markdown_table, write_json, write_text
from experiments.density import Figure, claim_work, show_runs
from experiments.table_4_1_density.protocol import BUDGETS as DENSITY
from experiments.table_4_1_density.protocol import load_images
from experiments.table_4_2_ablation.protocol import BUDGETS, millions, rows
from latentia.training import run_record

CLAIM = (
    "Thesis A, Table 4.2: the spatial dependency layer, and not its number of parameters, makes the density better: "
    "larger kernels and deeper blocks with as many parameters do not reach it."
)
RESULTS = Path(__file__).with_name("results")


def main(words: Sequence[str] | None = None) -> int:
    """Run with these words, or with the command line's own; return the exit code."""
    return command_line(
        experiment,
        name="table_4_2_ablation",
        says="Table 4.2 of thesis A: the residual SDN layer against five convolutional ones.",
        budgets=tuple(BUDGETS),
        results=RESULTS,
        words=words,
    )


def experiment(budget: str, folder: Path, seed: int) -> None:
    """Train and measure all rows, or go on with it, and write BUDGET.json and BUDGET.md to `folder`."""
    setting, images = BUDGETS[budget], load_images(budget)
    record = run_record(config=asdict(setting), seed=seed, data=images.checksums, source=Path(__file__))
    work = claim_work(folder / "work" / f"{budget}-seed{seed}", record)
    runs = show_runs(setting.runs(seed), images, setting.measure, work)
    paper = {row.name: millions(row.build) for row in rows(BUDGETS["paper"].ladder)}
    result = {
        "experiment": "table_4_2_ablation",
        "claim": CLAIM,
        "simulated": DENSITY[budget].simulated,
        "budget": budget,
        **record,
        "parameters_at_thesis_width_millions": paper,
        "runs": runs,
    }
    write_json(result, folder / f"{budget}.json")
    write_text(markdown(result), folder / f"{budget}.md")
    Console().print(f"The table is in {folder / f'{budget}.md'}, all figures in {folder / f'{budget}.json'}.")


def markdown(result: Mapping[str, Any]) -> str:
    """Lay out the result beside what was published."""
    kind = "SIMULATED images" if result["simulated"] else "real images"
    lines = []
    for row in rows(BUDGETS[result["budget"]].ladder):
        mine = [run for run in result["runs"] if run["name"] == row.name]
        stable = [run for run in mine if "unstable" not in run]
        bits = str(Figure.of([run["elbo"]["bits_per_dimension"] for run in stable])) if stable == mine else "unstable"
        lines.append(
            [
                row.name,
                row.layer,
                f"{row.published_millions} M",
                f"{result['parameters_at_thesis_width_millions'][row.name]:.0f} M",
                "unstable" if row.published_bits is None else f"{row.published_bits:.3f}",
                f"{mine[0]['parameters'] / 1e6:.2f} M",
                f"{stable[0]['seconds_per_step']:.3f} s" if stable else "–",
                str(sum(run["skipped"] for run in stable)) if stable else "–",
                bits,
            ]
        )
    headings = [
        "layer",
        "kind",
        "published size",
        "ours at that width",
        "published −ELBO",
        "trained size",
        "per step",
        "skipped",
        "−ELBO",
    ]
    return (
        f"# Table 4.2, budget {result['budget']}: {kind}\n\n"
        f"Test images, bits per dimension; {result['config']['training']['steps']} steps for every row. "
        "B1–B4 are reconstructed.\n\n" + markdown_table(headings, lines)
    )


if __name__ == "__main__":
    sys.exit(main())

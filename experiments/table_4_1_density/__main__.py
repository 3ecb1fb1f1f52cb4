"""Run the experiment from the command line; see README.md in this folder."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from rich.console import Console

from experiments.common import command_line, write_json, write_text
from experiments.density import claim_work, show_runs
from experiments.table_4_1_density.protocol import BUDGETS, load_images
from experiments.table_4_1_density.tables import markdown
from latentia.training import run_record

CLAIM = (
    "Thesis A, Table 4.1: a hierarchical VAE whose way down has spatial dependency layers is a better density model of "
    "images than the same VAE with convolutions, IAF-VAE+, and both are better than a VAE without hierarchy."
)
RESULTS = Path(__file__).with_name("results")


def main(words: Sequence[str] | None = None) -> int:
    """Run with these words, or with the command line's own; return the exit code."""
    return command_line(
        experiment,
        name="table_4_1_density",
        says="Table 4.1 of thesis A: SDN-VAE, IAF-VAE+ and a flat Gaussian VAE. A run that was killed goes on.",
        budgets=tuple(BUDGETS),
        results=RESULTS,
        words=words,
    )


def experiment(budget: str, folder: Path, seed: int) -> None:
    """Train and measure all models, or go on with it, and write BUDGET.json and BUDGET.md to `folder`."""
    setting, images = BUDGETS[budget], load_images(budget)
    record = run_record(config=asdict(setting), seed=seed, data=images.checksums, source=Path(__file__))
    work = claim_work(folder / "work" / f"{budget}-seed{seed}", record)
    runs = show_runs(setting.runs(seed), images, setting.measure, work)
    result = {
        "experiment": "table_4_1_density",
        "claim": CLAIM,
        "simulated": setting.simulated,
        "budget": budget,
        **record,
        "runs": runs,
    }
    write_json(result, folder / f"{budget}.json")
    write_text(markdown(result), folder / f"{budget}.md")
    Console().print(f"The table is in {folder / f'{budget}.md'}, all figures in {folder / f'{budget}.json'}.")


if __name__ == "__main__":
    sys.exit(main())

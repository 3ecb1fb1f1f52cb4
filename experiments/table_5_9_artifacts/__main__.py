"""Run the experiment from the command line; see README.md in this folder."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console

from experiments.cohorts import reports_on
from experiments.common import command_line, progress_bars, write_json, write_text
from experiments.table_5_9_artifacts.figures import draw_curves
from experiments.table_5_9_artifacts.protocol import BUDGETS, run
from experiments.table_5_9_artifacts.tables import compare, markdown, rankings
from latentia.training import run_record

CLAIM = (
    "Thesis A, 5.3.4 and Table 5.9: a density of clean epochs finds artifacts about as human experts do, and by its "
    "top two layers more robustly than by the usual bound (k = 0). Done again on simulated cohorts, beside the "
    "artifact network of 2019."
)
RESULTS = Path(__file__).with_name("results")


def main(words: Sequence[str] | None = None) -> int:
    """Run with these words, or with the command line's own; return the exit code."""
    return command_line(
        experiment,
        name="table_5_9_artifacts",
        says="Table 5.9 of thesis A by network and density, on SIMULATED cohorts. A killed run goes on where it was.",
        budgets=tuple(BUDGETS),
        results=RESULTS,
        words=words,
    )


def experiment(budget: str, folder: Path, seed: int) -> None:
    """Run the protocol, or go on with it, and write BUDGET.json, BUDGET.md and BUDGET.png to `folder`."""
    started = time.monotonic()
    work = folder / "work" / f"{budget}-seed{seed}"
    with progress_bars() as bars:
        animals = run(BUDGETS[budget], seed=seed, work=work, reports=reports_on(bars))
    result: dict[str, Any] = {
        "experiment": "table_5_9_artifacts",
        "claim": CLAIM,
        "simulated": True,
        "budget": budget,
        "seconds": round(time.monotonic() - started, 1),
        "sources": sorted({animal["source"] for animal in animals}),
        **run_record(
            config=asdict(BUDGETS[budget]),
            seed=seed,
            data={animal["name"]: animal["sha256"] for animal in animals},
            source=Path(__file__),
        ),
        "rows": compare(animals),
        "rankings": rankings(animals),
        "animals": animals,
    }
    write_json(result, folder / f"{budget}.json")
    draw_curves(animals, work, folder / f"{budget}.png")
    write_text(markdown(result, f"{budget}.png"), folder / f"{budget}.md")
    Console().print(f"The tables are in {folder / f'{budget}.md'}, all figures in {folder / f'{budget}.json'}.")


if __name__ == "__main__":
    sys.exit(main())

"""Run the experiment from the command line; see README.md in this folder."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import Progress

from experiments.common import command_line, progress_bars, write_json, write_text
from experiments.table_5_5_vigilance_states.protocol import BUDGETS, Reports, run
from experiments.table_5_5_vigilance_states.tables import compare, markdown
from latentia.training import run_record
from spindle.training import TrainingProgress

CLAIM = (
    "Thesis A, Tables 5.5, 5.7 and 5.9: trained on two wildtype mice of cohort A, SPINDLE scores twenty other rodents "
    "of four cohorts about as human experts do. Done again on simulated cohorts."
)
RESULTS = Path(__file__).with_name("results")


def main(words: Sequence[str] | None = None) -> int:
    """Run with these words, or with the command line's own; return the exit code."""
    return command_line(
        experiment,
        name="table_5_5_vigilance_states",
        says="Tables 5.5, 5.7 and 5.9 of thesis A on SIMULATED cohorts. A run that was killed goes on where it was.",
        budgets=tuple(BUDGETS),
        results=RESULTS,
        words=words,
    )


def experiment(budget: str, folder: Path, seed: int) -> None:
    """Run the protocol, or go on with it, and write BUDGET.json and BUDGET.md to `folder`."""
    started = time.monotonic()
    work = folder / "work" / f"{budget}-seed{seed}"
    with progress_bars() as bars:
        animals = run(BUDGETS[budget], seed=seed, work=work, reports=_reports(bars))
    data = {animal["name"]: animal["sha256"] for animal in animals}
    result: dict[str, Any] = {
        "experiment": "table_5_5_vigilance_states",
        "claim": CLAIM,
        "simulated": True,
        "budget": budget,
        "seconds": round(time.monotonic() - started, 1),
        "sources": sorted({animal["source"] for animal in animals}),
        **run_record(config=asdict(BUDGETS[budget]), seed=seed, data=data, source=Path(__file__)),
        "rows": compare(animals),
        "animals": animals,
    }
    write_json(result, folder / f"{budget}.json")
    write_text(markdown(result), folder / f"{budget}.md")
    Console().print(f"The tables are in {folder / f'{budget}.md'}, all figures in {folder / f'{budget}.json'}.")


def _reports(bars: Progress) -> Reports:
    networks: dict[str, Any] = {}
    scoring = bars.add_task("Simulating and preparing 2 animals for the training", total=None)

    def training(at: TrainingProgress) -> None:
        progress = at.progress
        if at.network not in networks:
            networks[at.network] = bars.add_task("", total=progress.passes * progress.steps)
        bars.update(
            networks[at.network],
            completed=progress.pass_number * progress.steps + progress.step,
            description=f"Training the {at.network} network: pass {progress.pass_number + 1}, loss {progress.loss:.3f}",
        )

    def animal(name: str, done: int, total: int) -> None:
        what = f"Scoring {name}" if name else "Scored all animals"
        bars.update(scoring, completed=done, total=total, description=what)

    return Reports(training=training, animal=animal)


if __name__ == "__main__":
    sys.exit(main())

"""Run the experiment from the command line; see README.md in this folder."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd
from rich.console import Console

from experiments.chapter_5_sleep.comparison import errors, times
from experiments.chapter_5_sleep.figures import draw
from experiments.chapter_5_sleep.kept import read_kept
from experiments.chapter_5_sleep.protocol import BUDGETS, run
from experiments.chapter_5_sleep.sleep_figures import differences, scorer_tests
from experiments.chapter_5_sleep.tables import compare, markdown
from experiments.cohorts import arrays_file, reports_on, split
from experiments.common import command_line, progress_bars, write_json, write_text
from latentia.training import run_record

CLAIM = (
    "Thesis A, Tables 5.5, 5.7 and 5.9 and Figures 5.5 to 5.13: trained on two wildtype mice of cohort A, SPINDLE "
    "scores twenty other rodents of four cohorts about as human experts do, better than three other methods, and well "
    "enough to find what a mutation changes. Done again on simulated cohorts."
)
SHOWN = "simulated_C1"
"""Of Figure 5.8: the thesis found its cohort the hardest."""
RESULTS = Path(__file__).with_name("results")


def main(words: Sequence[str] | None = None) -> int:
    """Run with these words, or with the command line's own; return the exit code."""
    return command_line(
        experiment,
        name="chapter_5_sleep",
        says=(
            "Tables 5.5, 5.7 and 5.9 and Figures 5.5 to 5.13 of thesis A on SIMULATED cohorts. A run that was killed "
            "goes on where it was."
        ),
        budgets=tuple(BUDGETS),
        results=RESULTS,
        words=words,
    )


def experiment(budget: str, folder: Path, seed: int) -> None:
    """Run the protocol, or go on with it, and write BUDGET.json, BUDGET.md and figures to `folder`."""
    started = time.monotonic()
    work = folder / "work" / f"{budget}-seed{seed}"
    with progress_bars() as bars:
        animals = run(BUDGETS[budget], seed=seed, work=work, reports=reports_on(bars))
    kept = [read_kept(arrays_file(work, animal["name"])) for animal in animals]
    data = {animal["name"]: animal["sha256"] for animal in animals}
    result: dict[str, Any] = {
        "experiment": "chapter_5_sleep",
        "claim": CLAIM,
        "simulated": True,
        "budget": budget,
        "seconds": round(time.monotonic() - started, 1),
        "sources": sorted({animal["source"] for animal in animals}),
        **run_record(config=asdict(BUDGETS[budget]), seed=seed, data=data, source=Path(__file__)),
        "rows": compare(animals),
        "errors": records(errors(kept)),
        "seconds_per_recording": times(kept).groupby("method")["seconds"].median().to_dict(),
        "scorer_tests": records(scorer_tests(kept)),
        "differences": records(differences(kept)),
        "animals": animals,
    }
    write_json(result, folder / f"{budget}.json")
    write_text(markdown(result), folder / f"{budget}.md")
    hours = BUDGETS[budget]
    _, others = split(training_hours=hours.training_hours, test_hours=hours.test_hours, seed=seed)
    shown = next(plan for plan in others if plan.name == SHOWN)
    draw(kept, shown, folder / "figures" / budget)
    Console().print(f"The tables are in {folder / f'{budget}.md'}, all figures in {folder / f'{budget}.json'}.")


def records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows of a table as JSON holds them: None for NaN."""
    found: list[dict[str, Any]] = json.loads(table.to_json(orient="records"))
    return found


if __name__ == "__main__":
    sys.exit(main())

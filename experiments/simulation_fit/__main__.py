"""Run the experiment from the command line; see README.md in this folder."""

from __future__ import annotations

import hashlib
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import Progress

from experiments.common import command_line, markdown_table, progress_bars, real_data, write_json, write_text
from experiments.simulation_fit.figure import draw
from experiments.simulation_fit.samples import (
    MOUSE_FILE,
    RAT_FILE,
    Sample,
    join,
    real_mouse,
    real_rat,
    simulated_mouse,
    simulated_rat,
)
from experiments.simulation_fit.summary import compare, summarise
from latentia.training import run_record

CLAIM = (
    "The default simulated mouse and the rats of cohort C sleep like real ones, and the mouse's power is like theirs."
)
RESULTS = Path(__file__).with_name("results")
DOCS_FIGURE = Path(__file__).resolve().parents[2] / "docs" / "images" / "simulation_fit.png"


@dataclass(frozen=True, kw_only=True)
class Budget:
    """How many animals of each kind are simulated, and how long each."""

    runs: int
    hours: float


BUDGETS = {"smoke": Budget(runs=2, hours=2.0), "hour": Budget(runs=8, hours=42.0)}


def main(words: Sequence[str] | None = None) -> int:
    """Run with these words, or with the command line's own; return the exit code."""
    return command_line(
        experiment,
        name="simulation_fit",
        says="Compare SIMULATED mice and rats with real labelled ones.",
        budgets=tuple(BUDGETS),
        results=RESULTS,
        words=words,
    )


def experiment(budget: str, folder: Path, seed: int) -> None:
    """Write BUDGET.json, BUDGET.md and BUDGET.png to `folder`, the figure of the published results to the docs."""
    started = time.monotonic()
    source = real_data() / "sleep"
    data = {name: hashlib.sha256((source / name).read_bytes()).hexdigest() for name in (MOUSE_FILE, RAT_FILE)}
    with progress_bars() as bars:
        mouse = _compared(real_mouse(source), simulated_mouse, BUDGETS[budget], seed, bars)
        rat = _compared(real_rat(source), simulated_rat, BUDGETS[budget], seed, bars)
    rows = [
        row
        for name, animal in (("mouse", mouse), ("rat", rat))
        for row in compare(name, animal["real"], animal["simulated"], animal["runs"])
    ]
    result = {
        "experiment": "simulation_fit",
        "claim": CLAIM,
        "simulated": True,
        "budget": budget,
        "seconds": round(time.monotonic() - started, 1),
        **run_record(config=asdict(BUDGETS[budget]), seed=seed, data=data, source=Path(__file__)),
        "rows": rows,
        "mouse": mouse,
        "rat": rat,
    }
    write_json(result, folder / f"{budget}.json")
    write_text(_markdown(rows, budget), folder / f"{budget}.md")
    figure = DOCS_FIGURE if (folder, budget) == (RESULTS, "hour") else folder / f"{budget}.png"
    draw(mouse, rat, figure)
    Console().print(f"The table is in {folder / f'{budget}.md'}, the figure in {figure}.")


def _compared(
    real: Sample, one: Callable[[float, int], Sample], budget: Budget, seed: int, bars: Progress
) -> dict[str, Any]:
    task = bars.add_task(one.__name__.replace("_", " ").capitalize(), total=budget.runs)
    samples = []
    for number in range(budget.runs):
        samples.append(one(budget.hours, seed + number))
        bars.advance(task)
    runs = [summarise(sample) for sample in samples]
    return {"real": summarise(real), "simulated": summarise(join(samples)), "runs": runs}


def _markdown(rows: Sequence[dict[str, Any]], budget: str) -> str:
    def number(value: float | None) -> str:
        return "–" if value is None else f"{value:.3f}" if abs(value) < 10 else f"{value:.0f}"

    cells = [
        [
            f"{row['animal']}: {row['statistic']}",
            number(row["real"]),
            f"**{number(row['simulated'])}**",
            f"{number(row['lowest'])} … {number(row['highest'])}",
        ]
        for row in rows
    ]
    return (
        f"# One real mouse, one real rat, and SIMULATED ones (budget: {budget})\n\n"
        "Shares and correlations as fractions, times in seconds, power in natural logarithms. The real EEG stands\n"
        "beside the simulated parietal one (EEG2). The range is over simulated animals of the same traits.\n\n"
        + markdown_table(["", "real", "**simulated**", "range"], cells)
    )


if __name__ == "__main__":
    sys.exit(main())

"""From one record per animal to the table of the thesis for each method, and the ranking that no threshold decides."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from experiments.common import markdown_table
from experiments.table_5_9_artifacts.protocol import COHORTS, METHODS

PUBLISHED = Path(__file__).with_name("published.csv")
EXPERTS = "expert 1 vs expert 2"
RANKINGS = {"average_precision": "average precision", "area_under_roc": "area under the ROC"}

Row = dict[str, Any]


def published() -> list[Row]:
    """Read the thesis' figures, in percent."""
    with PUBLISHED.open(encoding="utf-8", newline="") as file:
        rows: list[Row] = list(csv.DictReader(file))
    return [{**row, "percent": float(row["percent"])} for row in rows]


def compare(animals: Sequence[Row]) -> list[Row]:
    """Put each method's figure beside each published one; all epochs of a cohort count alike."""
    rows = []
    for row in published():
        mates = _mates(animals, row["cohort"])
        key = {name: row[name] for name in ("source", "cohort", "comparison")}
        ours = {method: _agreement(mates, method, row["comparison"]) for method in METHODS}
        rows.append({**key, "published": row["percent"], "ours": ours, "animals": len(mates)})
    return rows


def rankings(animals: Sequence[Row]) -> list[Row]:
    """Mean and sample standard deviation over animals of what no threshold decides."""
    rows = []
    for cohort in COHORTS:
        for method in METHODS:
            for figure in RANKINGS:
                values = [animal["methods"][method][figure] for animal in _mates(animals, cohort)]
                known = [value for value in values if value is not None]
                rows.append(
                    {
                        "cohort": cohort,
                        "method": method,
                        "figure": figure,
                        "mean": float(np.mean(known)) if known else None,
                        "deviation": float(np.std(known, ddof=1)) if len(known) > 1 else None,
                        "animals": len(known),
                    }
                )
    return rows


def _mates(animals: Sequence[Row], cohort: str) -> list[Row]:
    return [animal for animal in animals if animal["cohort"] == cohort and "methods" in animal]


def _agreement(animals: Sequence[Row], method: str, comparison: str) -> float | None:
    counts = [animal["methods"][method]["pairs"][comparison] for animal in animals]
    both, either = (sum(column) for column in zip(*counts, strict=True)) if counts else (0, 0)
    return 100 * both / either if either else None


def markdown(result: Row, figure: str) -> str:
    """Draw the tables; `figure` is the curve's file beside the text."""
    parts = [
        f"# Table 5.9: artifacts by network and density, on **simulated cohorts** (budget: {result['budget']})\n",
        "Agreement on artifacts, eq. 5.3, in percent. The thesis' figures are of real recordings, ours of SIMULATED\n"
        "ones; side by side they say whether the methods behave alike. Thresholds were chosen on the two animals of A\n"
        "that trained: 0.5 for the network, the best agreement for the density.\n",
        _table(result["rows"]),
        "## Ranking, whatever the threshold\n",
        "On epochs whose artifact flag both experts share; mean ± sample standard deviation over animals.\n",
        _ranking_table(result["rankings"]),
        f"![Precision over recall for each cohort]({figure})\n",
    ]
    if len(result["sources"]) > 1:
        parts.insert(1, f"**Mixed run**: several versions of the code took part, {', '.join(result['sources'])}.\n")
    return "\n".join(parts)


def _table(rows: Sequence[Row]) -> str:
    lines = []
    for row in rows:
        told = ["" if value is None else f"{value:.1f}" for value in row["ours"].values()]
        if row["comparison"] == EXPERTS:  # by no method
            told = [f"{told[0]} (experts)", *[""] * (len(METHODS) - 1)]
        lines.append([f"{row['cohort']}, {row['comparison']}", f"{row['published']:.1f}", *told])
    return markdown_table(["", "thesis", *METHODS], lines)


def _ranking_table(rows: Sequence[Row]) -> str:
    by_place = {(row["cohort"], row["figure"], row["method"]): row for row in rows}
    lines = [
        [f"{cohort}, {name}", *(_cell(by_place[cohort, figure, method]) for method in METHODS)]
        for cohort in COHORTS
        for figure, name in RANKINGS.items()
    ]
    return markdown_table(["", *METHODS], lines)


def _cell(row: Row) -> str:
    if row["mean"] is None:
        return ""
    return f"{row['mean']:.3f}" + ("" if row["deviation"] is None else f" ± {row['deviation']:.3f}")

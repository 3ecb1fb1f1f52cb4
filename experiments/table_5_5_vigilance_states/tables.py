"""From one record per animal to the thesis' tables, published figures beside ours."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from experiments.common import markdown_table

PUBLISHED = Path(__file__).with_name("published.csv")
KEYS = ("source", "cohort", "comparison", "decoding", "metric", "state")
STATES, METRICS = ("wake", "nrem", "rem"), ("precision", "recall", "f1")

Row = dict[str, Any]


def published() -> list[Row]:
    """Read the thesis' figures, in percent; `deviation` is None where the thesis gives none."""
    with PUBLISHED.open(encoding="utf-8", newline="") as file:
        rows: list[Row] = list(csv.DictReader(file))
    for row in rows:
        row["percent"] = float(row["percent"])
        row["deviation"] = float(row["deviation"]) if row["deviation"] else None
    return rows


def compare(animals: Sequence[Row]) -> list[Row]:
    """Put our figure beside each published one.

    Figures of Table 5.5 are mean and sample standard deviation over the animals that have one: a state that occurs in
    no epoch has none. Those of Tables 5.7 and 5.9 are taken over all epochs of a cohort.
    """
    tested = [animal for animal in animals if "evaluation" in animal]
    rows = []
    for row in published():
        mates = [animal for animal in tested if animal["cohort"] == row["cohort"]]
        ours = _over_animals(row, mates) if row["source"].endswith("5.5") else _over_epochs(row, mates)
        key = {name: row[name] for name in KEYS}
        rows.append({**key, "published": row["percent"], "published_deviation": row["deviation"], **ours})
    return rows


def _over_animals(row: Row, animals: Sequence[Row]) -> Row:
    values = []
    for animal in animals:
        states = _comparison(animal, row["comparison"])["states"][row["decoding"]]
        value = states[row["state"]][row["metric"]] if row["state"] else states[row["metric"]]
        if value is not None:
            values.append(100 * value)
    return {
        "ours": float(np.mean(values)) if values else None,
        "ours_deviation": float(np.std(values, ddof=1)) if len(values) > 1 else None,
        "animals": len(values),
    }


def _over_epochs(row: Row, animals: Sequence[Row]) -> Row:
    part = whole = 0
    for animal in animals:
        compared = _comparison(animal, row["comparison"])
        if row["metric"] == "accuracy":
            confusion = np.array(compared["states"]["after"]["confusion"])
            part, whole = part + int(np.trace(confusion)), whole + int(confusion.sum())
        else:
            part, whole = part + compared["artifacts"]["both"], whole + compared["artifacts"]["either"]
    return {"ours": 100 * part / whole if whole else None, "ours_deviation": None, "animals": len(animals)}


def _comparison(animal: Row, title: str) -> Row:
    found: Iterator[Row] = (
        comparison
        for comparison in animal["evaluation"]["comparisons"]
        if f"{comparison['reference']} vs {comparison['other']}" == title
    )
    return next(found)


def markdown(result: Row) -> str:
    """Draw the three tables: the thesis' figure, then ours in bold, in percent."""
    rows: list[Row] = result["rows"]
    parts = [
        f"# Tables 5.5, 5.7 and 5.9: published, and **ours on simulated cohorts** (budget: {result['budget']})\n",
        "Left the thesis' figure, on real recordings. Right, in bold, ours, on SIMULATED recordings. The two do not\n"
        "measure the same thing; side by side they say whether the method behaves alike. All in percent.\n",
    ]
    if len(result["sources"]) > 1:
        parts.append(f"**Mixed run**: several versions of the code took part, {', '.join(result['sources'])}.\n")
    for decoding, heading in (("before", "CNN alone"), ("after", "after Markov decoding")):
        chosen = [row for row in rows if row["source"].endswith("5.5") and row["decoding"] == decoding]
        parts += [f"## Table 5.5, {heading}\n", _table_5_5(chosen)]
    for number, heading in (("5.7", "states, pairs of scorers"), ("5.9", "artifacts, pairs of scorers")):
        chosen = [row for row in rows if row["source"].endswith(number)]
        parts += [f"## Table {number}, {heading}\n", _table_of_pairs(chosen)]
    return "\n".join(parts)


def _table_5_5(rows: Sequence[Row]) -> str:
    cohorts = sorted({row["cohort"] for row in rows})
    by_place = {(row["cohort"], row["metric"], row["state"]): row for row in rows}
    places = [("accuracy", ""), *((metric, state) for state in STATES for metric in METRICS)]
    lines = [
        [f"{state} {metric}".strip(), *(_cell(by_place[cohort, metric, state]) for cohort in cohorts)]
        for metric, state in places
    ]
    return markdown_table(["", *(f"cohort {cohort}" for cohort in cohorts)], lines)


def _table_of_pairs(rows: Sequence[Row]) -> str:
    cohorts = sorted({row["cohort"] for row in rows})
    by_place = {(row["comparison"], row["cohort"]): row for row in rows}
    titles = list(dict.fromkeys(row["comparison"] for row in rows))
    lines = [[title, *(_cell(by_place[title, cohort]) for cohort in cohorts)] for title in titles]
    return markdown_table(["", *(f"cohort {cohort}" for cohort in cohorts)], lines)


def _cell(row: Row) -> str:
    theirs = f"{row['published']:g}" + _spread(row["published_deviation"])
    ours = "–" if row["ours"] is None else f"{row['ours']:.1f}" + _spread(row["ours_deviation"])
    return f"{theirs} / **{ours}**"


def _spread(deviation: float | None) -> str:
    return "" if deviation is None else f" ± {deviation:.1f}"

"""From one record per animal to the thesis' tables, published figures beside ours."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from experiments.common import markdown_table

PUBLISHED = Path(__file__).with_name("published.csv")
KEYS = ("source", "cohort", "comparison", "decoding", "metric", "state")
APART = "spindle stands apart, {}"
SHOWN = {
    "figure_5_5_agreement_C": "Figure 5.5: both experts and SPINDLE on the SIMULATED rats of C.",
    "reliability_C": "How often SPINDLE's states are right, by their probability, on the SIMULATED rats of C.",
    "figure_5_6_profiles": "Figure 5.6: spectral profiles of the SIMULATED cohorts by their first experts.",
    "figure_5_8_strip": "Figure 5.8: ten minutes of a SIMULATED rat.",
    "figure_5_9_overlap": "Figure 5.9: SPINDLE and FASTER on epochs of 8 s of SIMULATED animals.",
    "figure_5_10_errors": "Figure 5.10: SPINDLE and its rivals on SIMULATED animals.",
    "figure_5_11_architecture_C": "Figure 5.11: sleep of the SIMULATED rats of C by each scorer.",
    "figure_5_12_timing_spindle_05": "Figure 5.12: SIMULATED wildtypes and mutants over the day, by SPINDLE.",
    "figure_5_13_spectra_spindle_05": "Figure 5.13: SIMULATED wildtypes and mutants over frequencies, by SPINDLE.",
}
"""Figures that the page shows; the others are beside them in the folder."""
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
    tested = [animal for animal in animals if not animal["trained_on"]]
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
        f"# Chapter 5 of thesis A: published, and **ours on SIMULATED cohorts** (budget: {result['budget']})\n",
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
    parts += [*rivals(result["errors"], result["seconds_per_recording"]), *sleep(result), "## Figures\n"]
    parts += [
        f"![{caption}](figures/{result['budget']}/{name}.png)\n\n*{caption}*\n" for name, caption in SHOWN.items()
    ]
    return "\n".join(parts)


def rivals(errors: Sequence[Row], seconds: Mapping[str, float]) -> list[str]:
    """Draw what Figure 5.10 shows: error rates as mean and standard deviation over animals, and who is ahead."""
    tested = [row for row in errors if not row["trained_on"]]
    methods = list(dict.fromkeys(row["method"] for row in tested))
    cohorts = sorted({row["cohort"] for row in tested})
    lines = []
    for cohort in cohorts:
        for state in ("all", *STATES):
            cells = {
                method: [
                    row["error_percent"]
                    for row in tested
                    if (row["cohort"], row["state"], row["method"]) == (cohort, state, method)
                    and row["error_percent"] is not None
                ]
                for method in methods
            }
            means = {method: float(np.mean(values)) if values else np.inf for method, values in cells.items()}
            best = min(means, key=means.__getitem__)
            lines.append(
                [f"{cohort}, {state}", *(_mean_cell(cells[method], bold=method == best) for method in methods)]
            )
    lines.append(["seconds per recording, median", *(f"{seconds[method]:.1f}" for method in methods)])
    return [
        "## Figures 5.9 and 5.10: SPINDLE and its rivals\n",
        "Error rates in percent, 100 − accuracy for all epochs and 100 − F1 for a state, against the experts' "
        "intersection: mean ± standard deviation over animals that no method learned from; the lowest in bold. FASTER "
        "is judged on its epochs of 8 s. The thesis shows its figures in a diagram only; there SPINDLE is ahead of all "
        "three on every cohort.\n",
        markdown_table(["cohort, state", *methods], lines),
    ]


def sleep(result: Row) -> list[str]:
    """Draw what Figures 5.11 to 5.13 come to."""
    tests, differences = result["scorer_tests"], result["differences"]
    apart = [f"{row['state']} {row['parameter']} in {row['cohort']}" for row in tests if row[APART.format("p")]]
    paired = [f"{row['state']} {row['parameter']} in {row['cohort']}" for row in tests if row[APART.format("paired_p")]]
    columns = [name for name in differences[0] if name not in ("what", "source", "state")] if differences else []
    lines = [
        [f"{row['what']}, {row['state']}, {row['source']}", *(_p_cell(row.get(name)) for name in columns)]
        for row in differences
    ]
    return [
        "## Figure 5.11: architecture by SPINDLE and by the experts\n",
        f"Of {len(tests)} comparisons, hour by hour and unpaired as in the thesis, SPINDLE differs from both experts "
        f"while these do not differ in {len(apart)} (thesis: 2 of 48)"
        + (f": {', '.join(apart)}" if apart else "")
        + f". Compared animal by animal instead, in {len(paired)}"
        + (f": {', '.join(paired)}.\n" if paired else ".\n"),
        "## Figures 5.12 and 5.13: the mutants of B and the wildtypes of A\n",
        "p-values of the mixed model with the animal as random effect, of the thesis' two-way ANOVA, which takes the "
        "bins of an animal for further animals, and the number of bins that differ by t tests, uncorrected as in the "
        "thesis and with Holm's correction. Two of A's four animals trained SPINDLE.\n",
        markdown_table(["", *columns], lines),
    ]


def _mean_cell(values: Sequence[float], *, bold: bool) -> str:
    if not values:
        return "–"
    spread = f" ± {np.std(values, ddof=1):.1f}" if len(values) > 1 else ""
    text = f"{np.mean(values):.1f}{spread}"
    return f"**{text}**" if bold else text


def _p_cell(value: float | None) -> str:
    if value is None:
        return "–"
    if isinstance(value, int):
        return str(value)
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


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

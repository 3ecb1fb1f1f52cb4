"""Evaluations as tables for the screen and as files with every figure."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
from rich.table import Table

from spindle.agreement import CATEGORIES, Agreement, Comparison, Evaluation
from spindle.hypnogram import STAGES
from spindle.tables import write_lines


def rows(evaluation: Evaluation) -> list[dict[str, str | float]]:
    """Return every figure as one row: comparison, decoding (before, after or none), metric, state, value."""
    found: list[dict[str, str | float]] = []

    def add(comparison: str, decoding: str, metric: str, state: str, value: float) -> None:
        names = {"comparison": comparison, "decoding": decoding, "metric": metric, "state": state}
        found.append({**names, "value": value})

    for comparison in evaluation.comparisons:
        title = comparison.title
        for decoding, agreement in comparison.by_decoding:
            add(title, decoding, "epochs", "", agreement.epochs)
            add(title, decoding, "accuracy", "", agreement.accuracy)
            for stage in STAGES:
                state = agreement.state(stage)
                add(title, decoding, "precision", stage, state.precision)
                add(title, decoding, "recall", stage, state.recall)
                add(title, decoding, "f1", stage, state.f1)
            for (i, j), count in np.ndenumerate(agreement.confusion):
                add(title, decoding, "confusion", f"{STAGES[i]} as {STAGES[j]}", int(count))
        add(title, "", "artifacts of both", "", comparison.artifacts.both)
        add(title, "", "artifacts of either", "", comparison.artifacts.either)
        add(title, "", "artifact agreement", "", comparison.artifacts.agreement)
        for (i, j), count in np.ndenumerate(comparison.categories):
            add(title, "", "confusion with artifacts", f"{CATEGORIES[i]} as {CATEGORIES[j]}", int(count))
    return found


def as_dict(evaluation: Evaluation) -> dict[str, Any]:
    """Return every figure in a form that JSON can hold; NaN becomes None."""
    return {
        "epochs": evaluation.epochs,
        "states": [str(stage) for stage in STAGES],
        "categories": list(CATEGORIES),
        "comparisons": [
            {
                "reference": comparison.reference,
                "other": comparison.other,
                "states": {name: _agreement_dict(agreement) for name, agreement in comparison.by_decoding},
                "artifacts": {
                    "both": comparison.artifacts.both,
                    "either": comparison.artifacts.either,
                    "agreement": _or_none(comparison.artifacts.agreement),
                },
                "confusion_with_artifacts": comparison.categories.tolist(),
            }
            for comparison in evaluation.comparisons
        ],
    }


def write_evaluation_json(evaluation: Evaluation, path: Path) -> None:
    """Write `as_dict`. Errors: OutputError."""
    write_lines(path, [json.dumps(as_dict(evaluation), indent=2)])


def write_evaluation_csv(evaluation: Evaluation, path: Path) -> None:
    """Write `rows`, with an empty cell for NaN. Errors: OutputError."""
    table = rows(evaluation)
    cells = [["" if isinstance(v, float) and math.isnan(v) else str(v) for v in row.values()] for row in table]
    write_lines(path, (",".join(line) for line in [list(table[0]), *cells]))


def render(evaluation: Evaluation) -> list[Table]:
    """Return tables for a terminal: all comparisons, then states and confusion of the main one, in percent."""
    return [_overview(evaluation), _by_state(evaluation.main), _confusion_table(evaluation.main)]


def _overview(evaluation: Evaluation) -> Table:
    table = Table(title="Agreement on states in clean epochs, and on artifacts (%)")
    table.add_column("Compared")
    for heading in ("Epochs", "Accuracy", *(f"F1 {stage}" for stage in STAGES), "Artifacts"):
        table.add_column(heading, justify="right")
    for comparison in evaluation.comparisons:
        for decoding, agreement in reversed(list(comparison.by_decoding)):
            before = decoding == "before"
            table.add_row(
                "  before decoding" if before else comparison.title,
                f"{agreement.epochs:,}",
                _percent(agreement.accuracy),
                *(_percent(agreement.state(stage).f1) for stage in STAGES),
                "" if before else _percent(comparison.artifacts.agreement),
            )
    return table


def _by_state(comparison: Comparison) -> Table:
    table = Table(title=f"{comparison.title}, by state (%)")
    table.add_column("State")
    for heading in ("Precision", "Recall", "F1"):
        table.add_column(heading, justify="right")
    for decoding, agreement in comparison.by_decoding:
        for stage in STAGES:
            state = agreement.state(stage)
            name = f"{stage}{', before decoding' if decoding == 'before' else ''}"
            table.add_row(name, *map(_percent, (state.precision, state.recall, state.f1)))
    return table


def _confusion_table(comparison: Comparison) -> Table:
    table = Table(title="Numbers of epochs")
    table.add_column(f"{comparison.reference} ↓ {comparison.other} →")
    for category in CATEGORIES:
        table.add_column(category, justify="right")
    for category, counts in zip(CATEGORIES, comparison.categories.tolist(), strict=True):
        table.add_row(category, *(f"{count:,}" for count in counts))
    return table


def _agreement_dict(agreement: Agreement) -> dict[str, Any]:
    states = {stage: agreement.state(stage) for stage in STAGES}
    return {
        "epochs": agreement.epochs,
        "accuracy": _or_none(agreement.accuracy),
        **{
            str(stage): {
                "precision": _or_none(state.precision),
                "recall": _or_none(state.recall),
                "f1": _or_none(state.f1),
            }
            for stage, state in states.items()
        },
        "confusion": agreement.confusion.tolist(),
    }


def _or_none(value: float) -> float | None:
    return None if math.isnan(value) else value


def _percent(value: float) -> str:
    return "–" if math.isnan(value) else f"{100 * value:.1f}"

"""Evaluations as tables for the screen and as files with every figure."""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from rich.table import Table

from spindle.agreement import CATEGORIES, Agreement, Comparison, Evaluation
from spindle.hypnogram import STAGES
from spindle.reliability import Reliability
from spindle.tables import write_lines

ALL, AFTER = "all", "after"

Figures = list[dict[str, str | float]]
"""One figure per row: `comparison`, `decoding`, `epochs`, `metric`, `state`, `value`."""


def rows(evaluation: Evaluation) -> Figures:
    """Return every figure as one row.

    `decoding` is before, after or none; `epochs` says which are counted: all, those near changes of state, or steady
    ones. `state` names a state, two of a confusion, or a range of probabilities.
    """
    found: Figures = []
    for comparison in evaluation.comparisons:
        title = comparison.title
        for decoding, agreement in comparison.by_decoding:
            found += _agreement_rows(agreement, comparison=title, decoding=decoding, epochs=ALL)
        for place, agreement in comparison.by_place:
            found += _agreement_rows(agreement, comparison=title, decoding=AFTER, epochs=place)
        found += _category_rows(comparison)
    if evaluation.reliability is not None:
        found += _reliability_rows(evaluation.reliability, evaluation.main.title)
    return found


def _agreement_rows(agreement: Agreement, **where: str) -> Figures:
    found: Figures = [
        {**where, "metric": "epochs", "state": "", "value": agreement.epochs},
        {**where, "metric": "accuracy", "state": "", "value": agreement.accuracy},
        {**where, "metric": "kappa", "state": "", "value": agreement.kappa},
    ]
    for stage in STAGES:
        measures = asdict(agreement.state(stage))
        found += [{**where, "metric": name, "state": stage, "value": value} for name, value in measures.items()]
    for (i, j), count in np.ndenumerate(agreement.confusion):
        found.append({**where, "metric": "confusion", "state": f"{STAGES[i]} as {STAGES[j]}", "value": int(count)})
    return found


def _category_rows(comparison: Comparison) -> Figures:
    where = {"comparison": comparison.title, "decoding": "", "epochs": ALL}
    artifacts = comparison.artifacts
    found: Figures = [
        {**where, "metric": "artifacts of both", "state": "", "value": artifacts.both},
        {**where, "metric": "artifacts of either", "state": "", "value": artifacts.either},
        {**where, "metric": "artifact agreement", "state": "", "value": artifacts.agreement},
        {**where, "metric": "agreement with artifacts", "state": "", "value": comparison.all_epochs},
    ]
    for (i, j), count in np.ndenumerate(comparison.categories):
        cell = f"{CATEGORIES[i]} as {CATEGORIES[j]}"
        found.append({**where, "metric": "confusion with artifacts", "state": cell, "value": int(count)})
    return found


def _reliability_rows(reliability: Reliability, title: str) -> Figures:
    where = {"comparison": title, "decoding": AFTER, "epochs": ALL}
    error, brier = reliability.expected_calibration_error, reliability.brier_score
    found: Figures = [
        {**where, "metric": "expected calibration error", "state": "", "value": error},
        {**where, "metric": "brier score", "state": "", "value": brier},
    ]
    for one in reliability.bins:
        measures = asdict(one)
        span = f"p {measures.pop('low'):g} to {measures.pop('high'):g}"
        found += [
            {**where, "metric": f"reliability: {name.replace('_', ' ')}", "state": span, "value": value}
            for name, value in measures.items()
        ]
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
                "by_place": {name: _agreement_dict(agreement) for name, agreement in comparison.by_place},
                "artifacts": {
                    "both": comparison.artifacts.both,
                    "either": comparison.artifacts.either,
                    "agreement": _or_none(comparison.artifacts.agreement),
                },
                "agreement_with_artifacts": _or_none(comparison.all_epochs),
                "confusion_with_artifacts": comparison.categories.tolist(),
            }
            for comparison in evaluation.comparisons
        ],
        "reliability": None if evaluation.reliability is None else _reliability_dict(evaluation.reliability),
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
    """Return tables for a terminal: all comparisons, then those of the main one in detail, in percent but for κ."""
    tables = [_overview(evaluation), _places(evaluation), _by_state(evaluation.main), _confusion_table(evaluation.main)]
    if evaluation.reliability is not None:
        tables.append(_reliability_table(evaluation.reliability, evaluation.main))
    return tables


def _overview(evaluation: Evaluation) -> Table:
    table = Table(title="Agreement on states in clean epochs, and on artifacts (%)")
    table.add_column("Compared")
    for heading in ("Epochs", "Accuracy", "κ", *(f"F1 {stage}" for stage in STAGES), "Artifacts"):
        table.add_column(heading, justify="right")
    for comparison in evaluation.comparisons:
        for decoding, agreement in reversed(list(comparison.by_decoding)):
            before = decoding == "before"
            table.add_row(
                "  before decoding" if before else comparison.title,
                f"{agreement.epochs:,}",
                _percent(agreement.accuracy),
                _plain(agreement.kappa),
                *(_percent(agreement.state(stage).f1) for stage in STAGES),
                "" if before else _percent(comparison.artifacts.agreement),
            )
    return table


def _places(evaluation: Evaluation) -> Table:
    table = Table(title="Agreement on states beside changes of state, and in steady epochs (%)")
    table.add_column("Compared")
    for place in ("Near changes", "Steady"):
        for heading in (f"{place}: epochs", "Accuracy", "κ"):
            table.add_column(heading, justify="right")
    for comparison in evaluation.comparisons:
        cells = [
            (f"{agreement.epochs:,}", _percent(agreement.accuracy), _plain(agreement.kappa))
            for _, agreement in comparison.by_place
        ]
        table.add_row(comparison.title, *(cell for place in cells for cell in place))
    return table


def _by_state(comparison: Comparison) -> Table:
    table = Table(title=f"{comparison.title}, by state (%)")
    table.add_column("State")
    for heading in ("Precision", "Recall", "F1", "κ"):
        table.add_column(heading, justify="right")
    for decoding, agreement in comparison.by_decoding:
        for stage in STAGES:
            state = agreement.state(stage)
            name = f"{stage}{', before decoding' if decoding == 'before' else ''}"
            table.add_row(name, *map(_percent, (state.precision, state.recall, state.f1)), _plain(state.kappa))
    return table


def _confusion_table(comparison: Comparison) -> Table:
    table = Table(title="Numbers of epochs")
    table.add_column(f"{comparison.reference} ↓ {comparison.other} →")
    for category in CATEGORIES:
        table.add_column(category, justify="right")
    for category, counts in zip(CATEGORIES, comparison.categories.tolist(), strict=True):
        table.add_row(category, *(f"{count:,}" for count in counts))
    return table


def _reliability_table(reliability: Reliability, comparison: Comparison) -> Table:
    error, brier = _plain(reliability.expected_calibration_error), _plain(reliability.brier_score)
    title = f"Probabilities of {comparison.other}'s states, and how often the {comparison.reference} agrees (%)"
    caption = f"Expected calibration error {error}, Brier score {brier} (0 is best, 2 worst)"
    table = Table(title=title, caption=caption)
    for heading in ("Probability", "Epochs", "On average", "Agreement", "95 % interval"):
        table.add_column(heading, justify="right")
    for one in reliability.bins:
        if one.epochs:
            table.add_row(
                f"{100 * one.low:.0f}–{100 * one.high:.0f}",
                f"{one.epochs:,}",
                _percent(one.mean_probability),
                _percent(one.agreement),
                f"{_percent(one.interval_low)}–{_percent(one.interval_high)}",
            )
    return table


def _agreement_dict(agreement: Agreement) -> dict[str, Any]:
    return {
        "epochs": agreement.epochs,
        "accuracy": _or_none(agreement.accuracy),
        "kappa": _or_none(agreement.kappa),
        **{str(stage): _known(asdict(agreement.state(stage))) for stage in STAGES},
        "confusion": agreement.confusion.tolist(),
    }


def _reliability_dict(reliability: Reliability) -> dict[str, Any]:
    return {
        "epochs": reliability.epochs,
        "expected_calibration_error": _or_none(reliability.expected_calibration_error),
        "brier_score": _or_none(reliability.brier_score),
        "bins": [_known(asdict(one)) for one in reliability.bins],
    }


def _known(measures: dict[str, float]) -> dict[str, float | None]:
    return {name: _or_none(value) for name, value in measures.items()}


def _or_none(value: float) -> float | None:
    return None if math.isnan(value) else value


def _percent(value: float) -> str:
    return "–" if math.isnan(value) else f"{100 * value:.1f}"


def _plain(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:.3f}"

"""A learning curve as a figure and as tables."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from rich.table import Table

from spindle.curve import LearningCurve, Measure
from spindle.drawing import COLOURS, LABELS, SIGNAL_COLOUR
from spindle.figure_files import save_figure
from spindle.hypnogram import STAGES, Stage
from spindle.tables import write_lines

FIGURES = ("accuracy", *(f"f1_{stage}" for stage in STAGES), "artifact_agreement")
MARKS = {Stage.WAKE: "o", Stage.NREM: "s", Stage.REM: "^"}


def write_curve(curve: LearningCurve, folder: Path) -> tuple[Path, ...]:
    """Write the figure with its numbers, `learning_curve.*`, and each measure, `held_out.csv`; return all paths.

    Errors: OutputError.
    """
    figure = draw_curve(curve)
    paths = save_figure(figure, folder / "learning_curve", curve_data(curve))
    measures = pd.DataFrame([asdict(measure) for measure in curve.measures])
    table = folder / "held_out.csv"
    write_lines(table, measures.to_csv(index=False, float_format="%.6f").splitlines())
    return (*paths, table)


def curve_data(curve: LearningCurve) -> pd.DataFrame:
    """Give what the figure shows: for each number of animals and each repeat the means over held-out animals."""
    rows = []
    repeats = sorted({measure.repeat for measure in curve.measures})
    for size in curve.sizes:
        columns = {name: curve.by_repeat(name, size) for name in (*FIGURES, "mean_f1")}
        rows += [
            {"animals": size, "repeat": repeat, **{name: values[place] for name, values in columns.items()}}
            for place, repeat in enumerate(repeats)
        ]
    return pd.DataFrame(rows)


def draw_curve(curve: LearningCurve) -> Figure:
    """Draw accuracy and F1 of each state against the number of animals: a point for each repeat, lines for means."""
    figure = Figure(figsize=(7.2, 3.2), layout="constrained")
    left, right = figure.subplots(1, 2, sharex=True, sharey=True)
    _line(left, curve, "accuracy", SIGNAL_COLOUR, "D", "accuracy")
    left.set_ylabel("on held-out animals (%)")
    left.set_title("Epochs in the right state", fontsize=10)
    for stage in STAGES:
        _line(right, curve, f"f1_{stage}", COLOURS[stage], MARKS[stage], LABELS[stage])
    right.set_title("F1 of each state", fontsize=10)
    right.legend(frameon=False, fontsize=8, loc="best")
    for axes in (left, right):
        axes.set_xticks(range(len(curve.sizes)), [str(size) if size else curve.start for size in curve.sizes])
        axes.set_xlabel("animals that it learned from")
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(axis="y", alpha=0.3)
    return figure


def curve_table(curve: LearningCurve) -> Table:
    """Give the means for the screen, in percent."""
    table = Table(title="Agreement on held-out animals (%), mean over repeats")
    table.add_column("Learned from")
    for heading in ("Accuracy", *(f"F1 {stage}" for stage in STAGES), "Artifacts", "Mean F1"):
        table.add_column(heading, justify="right")
    for size in curve.sizes:
        values = [curve.mean(name, size) for name in (*FIGURES, "mean_f1")]
        table.add_row(_learned_from(size, curve.start), *map(_percent, values))
    return table


def measures_in_words(measures: Sequence[Measure]) -> str:
    """Say what the models of a repeat reach on one held-out recording."""
    accuracies = [f"{_percent(one.accuracy)} ({one.animals or 'untrained'})" for one in measures]
    name = Path(measures[0].held_out).name
    return f"Repeat {measures[0].repeat}, {name} held out: accuracy in % (animals) {', '.join(accuracies)}."


def _line(axes: Axes, curve: LearningCurve, name: str, colour: str, mark: str, label: str) -> None:
    places = range(len(curve.sizes))
    axes.plot(places, [100 * curve.mean(name, size) for size in curve.sizes], color=colour, label=label)
    for place, size in zip(places, curve.sizes, strict=True):
        values = [100 * value for value in curve.by_repeat(name, size)]
        axes.plot([place] * len(values), values, mark, color=colour, alpha=0.5, markersize=4, linestyle="none")


def _learned_from(size: int, start: str) -> str:
    return f"none: {start} as it is" if size == 0 else "one animal" if size == 1 else f"{size} animals"


def _percent(value: float) -> str:
    return "–" if math.isnan(value) else f"{100 * value:.1f}"

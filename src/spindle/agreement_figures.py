"""Pictures of an evaluation: confusion as in Fig. 5.5 of thesis A, and how far probabilities can be trusted."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from spindle.agreement import CATEGORIES, INTERSECTION, SCORER, Comparison, Evaluation
from spindle.agreement_strip import Strip, strip_data
from spindle.agreement_strip_figure import strip_figure
from spindle.drawing import COLOURS, LABELS, SIGNAL_COLOUR, UNSCORED_COLOUR
from spindle.figure_files import save_figure
from spindle.hypnogram import STAGES, Stage
from spindle.reliability import Reliability

PANEL_IN = (3.5, 3.75)
TICKS = (*(LABELS[stage] for stage in STAGES), "artifact")
DARK = 0.55
"""A cell with a larger share is so dark that its text is white."""
POINT_COLOUR, BAR_COLOUR = COLOURS[Stage.NREM], "#a9c3dc"


def write_figures(evaluation: Evaluation, strip: Strip, folder: Path, stem: str) -> list[Path]:
    """Write each figure as PNG, SVG and CSV into a folder that exists, and return the paths.

    They are `stem`_confusion, `stem`_strip and, where probabilities are known, `stem`_reliability.
    Errors: OutputError.
    """
    written = [*save_figure(confusion_figure(evaluation), folder / f"{stem}_confusion", confusion_data(evaluation))]
    if evaluation.reliability is not None:
        figure = reliability_figure(evaluation.reliability, evaluation.main)
        written += save_figure(figure, folder / f"{stem}_reliability", reliability_data(evaluation.reliability))
    return [*written, *save_figure(strip_figure(strip), folder / f"{stem}_strip", strip_data(strip))]


def confusion_figure(evaluation: Evaluation) -> Figure:
    """Draw the confusion of every pair: experts among themselves first, then with SPINDLE (thesis A, Fig. 5.5).

    Each cell holds a number of epochs and its share of the row, the epochs that the reference gives that category.
    Above stand the agreement on states in epochs that no expert marked, on artifacts (equation 5.3) and on all.
    """
    comparisons = _ordered(evaluation.comparisons)
    columns = 2 if len(comparisons) == 4 else min(len(comparisons), 4)
    lines = math.ceil(len(comparisons) / columns)
    size = (columns * PANEL_IN[0], lines * PANEL_IN[1])
    figure = Figure(figsize=size, layout=ConstrainedLayoutEngine(h_pad=0.1, w_pad=0.1), facecolor="white")
    FigureCanvasAgg(figure)
    axes = figure.subplots(lines, columns, squeeze=False).ravel()
    for axis, comparison in zip(axes, comparisons, strict=False):
        _confusion(axis, comparison)
    for axis in axes[len(comparisons) :]:
        axis.set_axis_off()
    return figure


def confusion_data(evaluation: Evaluation) -> pd.DataFrame:
    """Return one row per cell of `confusion_figure`, with the agreements, as fractions, of its panel."""
    return pd.DataFrame(
        {
            "reference": comparison.reference,
            "other": comparison.other,
            "category_of_reference": CATEGORIES[i],
            "category_of_other": CATEGORIES[j],
            "epochs": int(count),
            "share_of_reference": shares[i, j],
            "agreement_on_clean_epochs": comparison.states.accuracy,
            "agreement_on_artifacts": comparison.artifacts.agreement,
            "agreement_on_all_epochs": comparison.all_epochs,
        }
        for comparison in _ordered(evaluation.comparisons)
        for shares in [_shares(comparison)]
        for (i, j), count in np.ndenumerate(comparison.categories)
    )


def reliability_figure(reliability: Reliability, comparison: Comparison) -> Figure:
    """Draw how often states with a given probability are right, with intervals of 95 %, over numbers of epochs."""
    figure = Figure(figsize=(5.2, 5.6), layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    _diagram(above, reliability)
    above.set_ylabel(f"agreement with {_in_print(comparison.reference)}", fontsize=10)
    above.set_title(
        f"Expected calibration error {reliability.expected_calibration_error:.3f}, "
        f"Brier score {reliability.brier_score:.3f}",
        loc="left",
        fontsize=10,
        pad=26,
    )
    _counts(below, reliability)
    below.set_xlabel(f"probability of the state that {_in_print(comparison.other)} gives", fontsize=10)
    for axis in (above, below):
        axis.set_xlim(-0.02, 1.02)
        axis.tick_params(labelsize=9)
        axis.spines[["top", "right"]].set_visible(False)
    figure.align_ylabels([above, below])
    return figure


def reliability_data(reliability: Reliability) -> pd.DataFrame:
    """Return one row per bin."""
    return pd.DataFrame([asdict(one) for one in reliability.bins])


def _ordered(comparisons: Sequence[Comparison]) -> list[Comparison]:
    """Experts among themselves, which is the mark to reach, then each with SPINDLE, then all that agree."""
    return sorted(comparisons, key=lambda one: (one.other == SCORER, one.reference == INTERSECTION))


def _shares(comparison: Comparison) -> np.ndarray:
    """Share of each row's epochs; 0 in a row without any."""
    counts = comparison.categories
    return np.asarray(counts / np.maximum(counts.sum(axis=1, keepdims=True), 1))


def _confusion(axis: Axes, comparison: Comparison) -> None:
    shares = _shares(comparison)
    axis.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for (i, j), count in np.ndenumerate(comparison.categories):
        ink = "white" if shares[i, j] > DARK else "black"
        axis.text(j, i, f"{count:,}\n{100 * shares[i, j]:.1f} %", ha="center", va="center", fontsize=9, color=ink)
    places = range(len(TICKS))
    axis.set_xticks(places, TICKS, fontsize=9)
    axis.set_yticks(places, TICKS, fontsize=9, rotation=90, va="center")
    axis.set_xlabel(_in_print(comparison.other), fontsize=10)
    axis.set_ylabel(_in_print(comparison.reference), fontsize=10)
    axis.tick_params(length=0)
    axis.spines[:].set_visible(False)
    clean, artifacts = _percent(comparison.states.accuracy), _percent(comparison.artifacts.agreement)
    axis.set_title(
        f"clean epochs {clean}\nartifacts {artifacts}\nall epochs {_percent(comparison.all_epochs)}",
        fontsize=10,
    )


def _diagram(axis: Axes, reliability: Reliability) -> None:
    filled = [one for one in reliability.bins if one.epochs]
    mean, agreement = ([getattr(one, name) for one in filled] for name in ("mean_probability", "agreement"))
    # Rounding may put an end of the interval beyond the agreement by a hair, which matplotlib refuses.
    lower = [max(one.agreement - one.interval_low, 0) for one in filled]
    upper = [max(one.interval_high - one.agreement, 0) for one in filled]
    axis.plot(
        [0, 1], [0, 1], color=SIGNAL_COLOUR, linewidth=1, linestyle="--", label="as often as the probability says"
    )
    axis.errorbar(
        mean,
        agreement,
        yerr=[lower, upper],
        color=POINT_COLOUR,
        marker="o",
        markersize=5,
        capsize=3,
        linestyle="none",
        label="observed, with 95 % interval",
    )
    axis.set_ylim(-0.02, 1.02)
    # Above the axes: any place within them may hold an interval.
    axis.legend(
        loc="lower left",
        bbox_to_anchor=(0, 1),
        borderaxespad=0.2,
        ncols=2,
        fontsize=8,
        frameon=False,
        columnspacing=1.0,
    )
    axis.grid(color=UNSCORED_COLOUR, linewidth=0.5)


def _counts(axis: Axes, reliability: Reliability) -> None:
    for one in reliability.bins:
        if one.epochs:
            axis.bar((one.low + one.high) / 2, one.epochs, width=0.9 * (one.high - one.low), color=BAR_COLOUR)
            axis.text((one.low + one.high) / 2, one.epochs, f"{one.epochs:,}", ha="center", va="bottom", fontsize=8)
    axis.set_yscale("log")
    most = max(one.epochs for one in reliability.bins)
    axis.set_ylim(0.5, 5 * max(most, 1))
    axis.set_ylabel("epochs", fontsize=10)


def _in_print(side: str) -> str:
    return {SCORER: "SPINDLE", INTERSECTION: "the experts' intersection"}.get(side, side)


def _percent(value: float) -> str:
    return "not known" if math.isnan(value) else f"{100 * value:.1f} %"

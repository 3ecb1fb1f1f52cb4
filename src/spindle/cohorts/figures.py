"""Figures of sleep architecture and of its timing (thesis A, Fig. 5.11 and 5.12)."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, MultipleLocator

from spindle.cohorts.comparisons import LABELS_IN_TEXT, Comparisons, Curves, marked, timing_rows
from spindle.cohorts.looks import SMALL, USUAL, Drawn, legend_of, looks_of, mean_and_spread, tidy_axis
from spindle.cohorts.pool import Pool
from spindle.drawing import LABELS
from spindle.hypnogram import STAGES
from spindle.options import AnalysisOptions

DARK_COLOUR = "#ececec"
PARAMETERS = {
    "fraction": ("share (%)", 100.0),
    "mean_bout_s": ("bout duration (s)", 1.0),
    "bouts_per_h": ("bouts per hour", 1.0),
}
SHOWN_TRANSITIONS = {"wake_to_nrem": "Wake → NREM", "nrem_to_wake": "NREM → Wake", "nrem_to_rem": "NREM → REM"}
"""The transitions of Fig. 5.11; the tables have every kind."""


def architecture_figure(pooled: Pool, comparisons: Comparisons, options: AnalysisOptions) -> Drawn:
    """Draw box plots over bins and animals (Fig. 5.11), with each animal's own value over the recording as a point."""
    figure = Figure(figsize=(8.2, 9.6), layout="constrained")
    axes = figure.subplots(4, 3)
    drawn = []
    for row, (parameter, (label, factor)) in enumerate(PARAMETERS.items()):
        for column, stage in enumerate(STAGES):
            axis = axes[row, column]
            drawn.append(_boxes(axis, pooled, stage.value, parameter, factor))
            axis.set_ylabel(label if column == 0 else "", fontsize=USUAL)
            axis.set_title(LABELS[stage] if row == 0 else "", fontsize=USUAL + 1, fontweight="bold")
            _say_p(axis, comparisons, stage.value, parameter)
    for column, (kind, title) in enumerate(SHOWN_TRANSITIONS.items()):
        drawn.append(_boxes(axes[3, column], pooled, kind, "transitions_per_h", 1.0))
        axes[3, column].set_title(title, fontsize=USUAL)
        axes[3, column].set_ylabel("transitions per hour" if column == 0 else "", fontsize=USUAL)
        _say_p(axes[3, column], comparisons, kind, "transitions_per_h")
    legend_of(figure, pooled.groups, pooled.counts())
    caption = (
        f"Boxes: all bins of {options.bin_hours:g} h of all animals of a group, quartiles and median, whiskers to the "
        "last value within 1.5 times the box. Points: each animal over its whole recording; p tests these (Welch's t, "
        "or its analysis of variance for three or more groups), because the bins of one animal are not further animals."
    )
    data = pd.concat(drawn, ignore_index=True)
    return Drawn(name="architecture", title="Sleep architecture", caption=caption, figure=figure, data=data)


def timing_figure(pooled: Pool, comparisons: Comparisons, options: AnalysisOptions) -> Drawn:
    """Draw each state's share per bin as mean ± SEM over animals, dark shaded, bins that differ marked (Fig. 5.12)."""
    figure = Figure(figsize=(7.4, 7.2), layout="constrained")
    axes = figure.subplots(len(STAGES), 1, sharex=True)
    drawn = []
    for axis, stage in zip(axes, STAGES, strict=True):
        table = mean_and_spread(timing_rows(pooled, stage.value), ["group", "bin"]).assign(state=stage.value)
        drawn.append(table)
        curves = comparisons.timing[stage.value]
        _curves(axis, table, pooled.groups, offset=options.timing_hours / 2)
        mark_bins(axis, curves, options.timing_hours, at_start=True)
        axis.set_ylabel(f"{LABELS[stage]} (%)", fontsize=USUAL)
        axis.set_title(overall_in_words(curves), loc="right", fontsize=SMALL)
        if pooled.by_zeitgeber:
            _shade_dark(axis, table, options)
    axes[-1].set_xlabel("zeitgeber time (h)" if pooled.by_zeitgeber else "hours since the start", fontsize=USUAL)
    _ticks_of_hours(axes[-1], drawn, options.timing_hours)
    legend_of(figure, pooled.groups, pooled.counts())
    shading = " Grey: lights off." if pooled.by_zeitgeber else ""
    caption = (
        f"Share of each state per {options.timing_hours:g} h, mean ± SEM over animals.{shading} "
        f"Black bars: {_bin_rule(next(iter(comparisons.timing.values())))}."
    )
    data = pd.concat(drawn, ignore_index=True)
    return Drawn(name="timing", title="Sleep over the day", caption=caption, figure=figure, data=data)


def mark_bins(axis: Axes, curves: Curves, width: float, *, at_start: bool) -> None:
    """Draw a bar along the top of a panel over bins that differ; `at_start`: bins are named by their start."""
    low, high = axis.get_ylim()
    axis.set_ylim(low, high + 0.08 * (high - low))
    bins = {float(str(test.bin)) for test in curves.bins.significant}
    shift = 0.0 if at_start else -width / 2
    spans = [(one + shift, width) for one in sorted(bins)]
    axis.broken_barh(spans, (high + 0.03 * (high - low), 0.03 * (high - low)), facecolor="#111111", linewidth=0)


def overall_in_words(curves: Curves) -> str:
    """The tests over all bins, short enough for a panel; why there is none stands on the page."""
    said = [f"{term.name}: {marked(term.p)}" for term in curves.terms if marked(term.p)]
    return f"{curves.overall.method}: {', '.join(said)}" if said else "no test"


def _bin_rule(curves: Curves) -> str:
    how = {"holm": ", Holm's correction", "fdr_bh": ", Benjamini and Hochberg's correction", "none": ", not corrected"}
    return f"bins in which two groups differ (two-tailed t test, p < 0.05{how[curves.bins.correction]})"


def _boxes(axis: Axes, pooled: Pool, state: str, parameter: str, factor: float) -> pd.DataFrame:
    """Draw one panel; return its numbers, bins and whole recordings, the latter without a bin."""
    table = pooled.architecture
    chosen = (table["state"] == state) & (table["parameter"] == parameter) & table["phase"].isin(["bin", "recording"])
    rows = table[chosen].assign(value=table["value"] * factor).dropna(subset=["value"])
    for place, (group, (colour, marker)) in enumerate(looks_of(pooled.groups).items()):
        mine = rows[rows["group"] == group]
        bins = mine.loc[mine["phase"] == "bin", "value"]
        whole = mine.loc[mine["phase"] == "recording", "value"]
        if len(bins):
            axis.boxplot(
                [bins],
                positions=[place],
                widths=0.55,
                patch_artist=True,
                boxprops={"facecolor": f"{colour}33", "edgecolor": colour},
                medianprops={"color": colour, "linewidth": 2},
                whiskerprops={"color": colour},
                capprops={"color": colour},
                flierprops={"marker": ".", "markersize": 3, "markeredgecolor": colour},
            )
        spread = place + 0.36 + np.zeros(len(whole))
        axis.plot(spread, whole, linestyle="", marker=marker, markersize=4, color=colour, alpha=0.8)
    axis.set_xticks(range(len(pooled.groups)), ["" for _ in pooled.groups])
    axis.set_xlim(-0.6, len(pooled.groups) - 0.3)
    axis.set_ylim(bottom=0)
    axis.yaxis.set_major_locator(MaxNLocator(5))
    tidy_axis(axis)
    return rows[["animal", "group", "phase", "bin", "state", "parameter", "value"]]


def _say_p(axis: Axes, comparisons: Comparisons, state: str, parameter: str) -> None:
    single = next(one for one in comparisons.singles if (one.state, one.parameter) == (state, parameter))
    comparison = single.comparison
    pairs = comparison.pairs
    p = comparison.welch_anova.p if comparison.welch_anova else pairs[0].test.p if pairs else float("nan")
    axis.annotate(marked(p), (0.98, 1.0), xycoords="axes fraction", ha="right", va="bottom", fontsize=SMALL)


def _curves(axis: Axes, table: pd.DataFrame, groups: tuple[str, ...], *, offset: float) -> None:
    for group, (colour, marker) in looks_of(groups).items():
        mine = table[table["group"] == group]
        x = mine["bin"] + offset
        axis.errorbar(
            x, mine["mean"], mine["sem"].fillna(0), color=colour, marker=marker, markersize=4, linewidth=1.5, capsize=2
        )
    axis.set_ylim(bottom=0)
    tidy_axis(axis)


def _shade_dark(axis: Axes, table: pd.DataFrame, options: AnalysisOptions) -> None:
    start = float(table["bin"].min()) if len(table) else 0.0
    stop = float(table["bin"].max()) + options.timing_hours if len(table) else options.light_hours
    low, high = max(start, options.light_hours), min(stop, options.light_hours + options.dark_hours)
    if high > low:
        axis.axvspan(low, high, color=DARK_COLOUR, zorder=0, linewidth=0)
    axis.set_xlim(start, stop)


def _ticks_of_hours(axis: Axes, drawn: list[pd.DataFrame], width: float) -> None:
    bins = pd.concat(drawn)["bin"]
    span = float(bins.max() - bins.min()) if len(bins) else 0.0
    axis.xaxis.set_major_locator(MultipleLocator(max(width, 2.0 if span > 8 else width) * (1 if span <= 26 else 3)))
    axis.set_xlabel(axis.get_xlabel())


def state_title(state: str) -> str:
    """A state as a title of a panel."""
    return LABELS_IN_TEXT[state][:1].upper() + LABELS_IN_TEXT[state][1:]

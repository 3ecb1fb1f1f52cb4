"""Figures 5.9 and 5.10: SPINDLE beside its rivals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from experiments.chapter_5_sleep.comparison import METHODS, Overlap, errors, overlaps, times
from experiments.chapter_5_sleep.kept import KeptAnimal
from spindle.figure_files import save_figure
from spindle.hypnogram import STAGES

NAMES = {"spindle": "SPINDLE", "faster": "FASTER", "scoprism": "SCOPRISM", "autoscore": "Autoscore"}
SHADES = {"spindle": "#2f6da8", "faster": "#d98c00", "scoprism": "#7a9a01", "autoscore": "#6b1a5c"}
STATES = ("all", *(str(stage) for stage in STAGES))
TITLES = {"all": "all", "wake": "Wake", "nrem": "NREM", "rem": "REM"}
PARTS = {
    "both": ("both right", "#2f6da8"),
    "only_spindle": ("SPINDLE alone", "#8fb8de"),
    "only_faster": ("FASTER alone", "#d98c00"),
    "neither": ("neither", "#bdbdbd"),
}


def draw_overlap(animals: Sequence[KeptAnimal], stem: Path) -> None:
    """Figure 5.9: how often SPINDLE and FASTER are right, on epochs of 8 s."""
    found = overlaps(animals)
    figure = Figure(figsize=(7.0, 3.2), layout="constrained")
    axis = figure.subplots()
    left = np.zeros(len(found))
    for part, (label, colour) in PARTS.items():
        shares = np.nan_to_num([100 * getattr(one, part) for one in found])
        axis.barh(range(len(found)), shares, left=left, color=colour, label=label, height=0.7)
        for place, (start, share) in enumerate(zip(left, shares, strict=True)):
            if share >= 4:
                shade = "white" if part == "both" else "black"
                axis.text(start + share / 2, place, f"{share:.1f}", ha="center", va="center", fontsize=8, color=shade)
        left += shares
    axis.set_yticks(range(len(found)), [_named(one) for one in found])
    axis.invert_yaxis()
    axis.set_xlim(0, 100)
    axis.set_xlabel("% of epochs of 8 s on which both experts agree (SIMULATED animals)")
    axis.spines[["top", "right"]].set_visible(False)
    figure.legend(loc="outside upper center", ncols=len(PARTS), frameon=False, fontsize=9)
    save_figure(figure, stem, pd.DataFrame([asdict(one) for one in found]))


def draw_errors(animals: Sequence[KeptAnimal], stem: Path) -> None:
    """Figure 5.10: error rates of all methods on each cohort, over animals, and times of a recording."""
    table, seconds = errors(animals), times(animals)
    cohorts = sorted(table["cohort"].unique())
    figure = Figure(figsize=(11.0, 6.4), layout="constrained")
    axes = figure.subplots(2, 3).ravel()
    for axis, cohort in zip(axes, cohorts, strict=False):
        mine = table[table["cohort"] == cohort]
        _boxes(axis, mine)
        count = mine["animal"].nunique()
        axis.set_title(f"cohort {cohort}, {count} SIMULATED animals", fontsize=10, loc="left")
    for axis in axes[len(cohorts) : -1]:
        axis.axis("off")
    _times(axes[-1], seconds)
    handles = [Patch(color=SHADES[method], label=NAMES[method]) for method in METHODS]
    figure.legend(handles=handles, loc="outside upper center", ncols=len(METHODS), frameon=False)
    table = table.assign(kind="error")
    save_figure(figure, stem, pd.concat([table, seconds.assign(kind="time")], ignore_index=True))


def _named(one: Overlap) -> str:
    return f"{TITLES[one.state]}\n{one.epochs:,} epochs"


def _boxes(axis: Axes, table: pd.DataFrame) -> None:
    """Groups of boxes: one group for each state, one box for each method; single animals as points."""
    width = 0.8 / len(METHODS)
    for place, state in enumerate(STATES):
        for number, method in enumerate(METHODS):
            here = table[(table["state"] == state) & (table["method"] == method)]
            values = here["error_percent"].dropna().to_numpy()
            x = place + (number - (len(METHODS) - 1) / 2) * width
            if len(values):
                box = axis.boxplot([values], positions=[x], widths=0.8 * width, patch_artist=True, showfliers=False)
                box["boxes"][0].set(facecolor=SHADES[method], alpha=0.55, edgecolor=SHADES[method])
                box["medians"][0].set(color="black")
                axis.plot(np.full(len(values), x), values, ".", color=SHADES[method], markersize=4)
    axis.set_xticks(range(len(STATES)), [TITLES[state] for state in STATES])
    axis.set_ylabel("error, %")
    axis.set_ylim(bottom=0)
    axis.spines[["top", "right"]].set_visible(False)


def _times(axis: Axes, table: pd.DataFrame) -> None:
    medians = table.groupby("method")["seconds"].median()
    values = [float(medians[method]) for method in METHODS]
    axis.bar(range(len(METHODS)), values, color=[SHADES[method] for method in METHODS])
    for place, value in enumerate(values):
        axis.text(place, value, f"{value:.1f} s", ha="center", va="bottom", fontsize=8)
    axis.set_xticks(range(len(METHODS)), [NAMES[method] for method in METHODS], fontsize=8)
    axis.set_ylabel("seconds per recording")
    axis.set_title("time, median over animals", fontsize=10, loc="left")
    axis.spines[["top", "right"]].set_visible(False)

"""What the figures of a cohort share: colours of groups, tidy axes, bands around means."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle, islice

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

GROUP_COLOURS = ("#333333", "#d1495b", "#00798c", "#edae49", "#7b5ea7", "#66a182")
"""Told apart with every common colour blindness together with the markers; grey for the group of comparison."""
MARKERS = ("o", "s", "^", "D", "v", "P")
SMALL, USUAL = 8, 9


@dataclass(frozen=True, kw_only=True, eq=False)
class Drawn:
    """A figure, the numbers that it shows, and what it is called in files and on the page."""

    name: str
    title: str
    caption: str
    figure: Figure
    data: pd.DataFrame


def looks_of(groups: Sequence[str]) -> dict[str, tuple[str, str]]:
    """Give each group a colour and a marker."""
    pairs = islice(cycle(zip(GROUP_COLOURS, MARKERS, strict=True)), len(groups))
    return dict(zip(groups, pairs, strict=True))


def tidy_axis(axis: Axes) -> None:
    """Take away what says nothing."""
    axis.spines[["top", "right"]].set_visible(False)
    axis.tick_params(labelsize=SMALL)


def legend_of(figure: Figure, groups: Sequence[str], counts: dict[str, int]) -> None:
    """Name the groups and their numbers of animals above the panels."""
    handles = [
        Line2D([], [], color=colour, marker=marker, markersize=5, label=f"{group} (n = {counts[group]})")
        for group, (colour, marker) in looks_of(groups).items()
    ]
    figure.legend(handles=handles, loc="outside upper center", ncols=len(handles), frameon=False, fontsize=USUAL)


def mean_and_spread(rows: pd.DataFrame, by: Sequence[str]) -> pd.DataFrame:
    """Return animals, mean, SD and SEM of `value` for each combination that occurs."""
    grouped = rows.groupby(list(by), observed=True, as_index=False)["value"]
    table = grouped.agg(animals="count", mean="mean", sd="std", sem="sem")
    return table[table["animals"] > 0].reset_index(drop=True)

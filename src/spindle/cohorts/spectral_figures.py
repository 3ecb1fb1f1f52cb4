"""Figures of spectra: profiles of states, and groups compared per frequency (thesis A, Fig. 5.6, 5.7 and 5.13)."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from spindle.cohorts.comparisons import SPECTRA, Comparisons, spectrum_rows
from spindle.cohorts.figures import mark_bins, overall_in_words, state_title
from spindle.cohorts.looks import SMALL, USUAL, Drawn, legend_of, looks_of, mean_and_spread, tidy_axis
from spindle.cohorts.pool import Pool
from spindle.drawing import COLOURS, LABELS, in_print
from spindle.hypnogram import STAGES
from spindle.options import AnalysisOptions
from spindle.spectra import BIN_HZ

FINE_BINS = 2
"""Half-hertz bins in a bar of the fine histogram: 1 Hz."""


def profiles_figure(pooled: Pool, eeg: int) -> Drawn:
    """Draw each group's profile per state, its power in the classical bands and in bins of 1 Hz (Fig. 5.6)."""
    figure = Figure(figsize=(10.5, 2.5 * len(pooled.groups) + 0.8), layout="constrained")
    axes = figure.subplots(
        len(pooled.groups), 3, squeeze=False, sharex="col", sharey="col", width_ratios=[1.2, 0.8, 1.2]
    )
    unit = f"{in_print(pooled.unit or 'unit')}²"
    drawn = []
    for row, group in zip(axes, pooled.groups, strict=True):
        profile = _of_group(pooled, eeg, "relative", group).assign(panel="profile")
        bands = _bands(pooled, eeg, group)
        fine = _fine(pooled, eeg, group)
        _profile(row[0], profile)
        row[0].set_ylabel(f"{group}\nshare of the power (%)", fontsize=USUAL)
        _bars(row[1], bands, unit)
        _bars(row[2], fine, unit)
        drawn += [profile, bands, fine]
    for axis, title in zip(axes[0], ("profile", "bands", "bins of 1 Hz"), strict=True):
        axis.set_title(title, fontsize=USUAL + 1, fontweight="bold")
    for axis in (axes[-1, 0], axes[-1, 2]):
        axis.set_xlabel("frequency (Hz)", fontsize=USUAL)
    _legend_of_states(figure)
    caption = (
        f"EEG {eeg}, a row for each group. Left: spectra relative to their state's power, mean over animals and half a "
        "standard deviation to both sides. Middle and right: power summed in the classical bands and in bins of 1 Hz, "
        "mean over animals."
    )
    data = pd.concat(drawn, ignore_index=True)
    name, title = f"profiles_eeg{eeg}", f"Spectral profiles, EEG {eeg}"
    return Drawn(name=name, title=title, caption=caption, figure=figure, data=data)


def preprocessing_figure(pooled: Pool, eeg: int) -> Drawn:
    """Draw what logarithm and standardisation do to the profiles (Fig. 5.7): a column for each group."""
    figure = Figure(figsize=(3.2 * len(pooled.groups) + 1.2, 5.4), layout="constrained")
    axes = figure.subplots(2, len(pooled.groups), squeeze=False, sharex=True, sharey="row")
    drawn = []
    for column, group in enumerate(pooled.groups):
        relative = _of_group(pooled, eeg, "relative_db", group).assign(panel="relative_db")
        standard = _standardised(pooled, eeg, group).assign(panel="standardised")
        for axis, table in zip(axes[:, column], (relative, standard), strict=True):
            _profile(axis, table)
        axes[0, column].set_title(group, fontsize=USUAL + 1, fontweight="bold")
        axes[1, column].set_xlabel("frequency (Hz)", fontsize=USUAL)
        drawn += [relative, standard]
    axes[0, 0].set_ylabel("dB above the state's mean", fontsize=USUAL)
    axes[1, 0].set_ylabel("standard deviations", fontsize=USUAL)
    _legend_of_states(figure)
    caption = (
        f"EEG {eeg}, mean over animals and half a standard deviation to both sides. Top: decibels less their mean over "
        "frequencies, so that amplifiers and animals of different amplitude meet. Bottom: decibels with mean 0 and "
        "standard deviation 1 at each frequency over the states and animals of a group, which shows how states differ."
    )
    data = pd.concat(drawn, ignore_index=True)
    name, title = f"preprocessing_eeg{eeg}", f"Logarithm and standardisation, EEG {eeg}"
    return Drawn(name=name, title=title, caption=caption, figure=figure, data=data)


def spectra_figure(pooled: Pool, eeg: int, comparisons: Comparisons, options: AnalysisOptions) -> Drawn:
    """Draw the spectra of each state, mean ± SEM per group, with the bins that differ marked (Fig. 5.13)."""
    figure = Figure(figsize=(11, 4.0), layout="constrained")
    axes = figure.subplots(1, len(STAGES))
    words = SPECTRA[options.spectrum][0].format(in_print(pooled.unit or "unit"))
    drawn = []
    for axis, stage in zip(axes, STAGES, strict=True):
        rows = spectrum_rows(pooled, eeg, stage.value, options.spectrum)
        table = mean_and_spread(rows, ["group", "bin"]).assign(state=stage.value)
        drawn.append(table.rename(columns={"bin": "frequency_hz"}))
        _groups(axis, table, pooled.groups)
        if options.spectrum != "db":
            axis.set_ylim(bottom=0)
        axis.set_title(state_title(stage.value), fontsize=USUAL + 1, fontweight="bold")
        axis.set_xlabel("frequency (Hz)", fontsize=USUAL)
        if curves := comparisons.spectra.get((eeg, stage.value)):
            mark_bins(axis, curves, BIN_HZ, at_start=False)
            axis.text(
                0.98,
                0.9,
                _below(overall_in_words(curves)),
                transform=axis.transAxes,
                ha="right",
                va="top",
                fontsize=SMALL,
            )
    axes[0].set_ylabel(words, fontsize=USUAL)
    legend_of(figure, pooled.groups, pooled.counts())
    rule = {"holm": "Holm's correction", "fdr_bh": "Benjamini and Hochberg's correction", "none": "not corrected"}
    how = "none" if options.statistics == "thesis" else options.correction
    caption = (
        f"EEG {eeg}, {words}, mean ± SEM over animals, clean epochs only. Black bars: bins of 0.5 Hz in which two "
        f"groups differ (two-tailed t test with equal variances, p < 0.05, {rule[how]})."
    )
    name, title = f"spectra_eeg{eeg}", f"Spectra of the groups, EEG {eeg}"
    return Drawn(name=name, title=title, caption=caption, figure=figure, data=pd.concat(drawn, ignore_index=True))


def _below(text: str) -> str:
    return text.replace(": ", "\n", 1).replace(", ", "\n")


def _of_group(pooled: Pool, eeg: int, form: str, group: str) -> pd.DataFrame:
    """Mean and spread over the animals of a group, per state and frequency."""
    tables = []
    for stage in STAGES:
        rows = spectrum_rows(pooled, eeg, stage.value, form)
        tables.append(mean_and_spread(rows[rows["group"] == group], ["group", "bin"]).assign(state=stage.value))
    return pd.concat(tables, ignore_index=True).rename(columns={"bin": "frequency_hz"})


def _standardised(pooled: Pool, eeg: int, group: str) -> pd.DataFrame:
    """Decibels, standardised at each frequency over all states and animals of a group; a state counts as a curve."""
    tables = [spectrum_rows(pooled, eeg, stage.value, "db").assign(state=stage.value) for stage in STAGES]
    rows = pd.concat(tables, ignore_index=True)
    rows = rows[(rows["group"] == group) & np.isfinite(rows["value"])]
    per_bin = rows.groupby("bin")["value"]
    spread = per_bin.transform("std", ddof=0)
    values = (rows["value"] - per_bin.transform("mean")) / spread.where(spread > 0)
    rows = rows.assign(value=values).dropna(subset=["value"])
    return mean_and_spread(rows, ["group", "bin", "state"]).rename(columns={"bin": "frequency_hz"})


def _bands(pooled: Pool, eeg: int, group: str) -> pd.DataFrame:
    table = pooled.bands
    rows = table[(table["eeg"] == eeg) & (table["group"] == group)].rename(columns={"power": "value"})
    order = pd.CategoricalDtype(list(dict.fromkeys(rows["band"])))
    means = mean_and_spread(rows.astype({"band": order}).dropna(subset=["value"]), ["group", "band", "state"])
    return means.assign(panel="bands", band=means["band"].astype(str))


def _fine(pooled: Pool, eeg: int, group: str) -> pd.DataFrame:
    """Power in bins of 1 Hz, named by their middle."""
    tables = []
    for stage in STAGES:
        rows = spectrum_rows(pooled, eeg, stage.value, "power")
        rows = rows[rows["group"] == group]
        first = rows["bin"].min() if len(rows) else 0.0
        place = np.floor((rows["bin"] - first) / BIN_HZ / FINE_BINS + 1e-9)
        middle = first + place * BIN_HZ * FINE_BINS + BIN_HZ * (FINE_BINS - 1) / 2
        summed = rows.assign(bin=middle, value=rows["value"] * BIN_HZ)
        summed = summed.groupby(["animal", "group", "bin"], observed=True, as_index=False)["value"].sum()
        tables.append(mean_and_spread(summed, ["group", "bin"]).assign(state=stage.value))
    return pd.concat(tables, ignore_index=True).rename(columns={"bin": "frequency_hz"}).assign(panel="fine")


def _profile(axis: Axes, table: pd.DataFrame) -> None:
    for stage in STAGES:
        mine = table[table["state"] == stage.value]
        half = mine["sd"].fillna(0) / 2
        axis.plot(mine["frequency_hz"], mine["mean"], color=COLOURS[stage], linewidth=1.6)
        axis.fill_between(
            mine["frequency_hz"],
            mine["mean"] - half,
            mine["mean"] + half,
            color=COLOURS[stage],
            alpha=0.25,
            linewidth=0,
        )
    tidy_axis(axis)


def _bars(axis: Axes, table: pd.DataFrame, unit: str) -> None:
    """Draw the states' bars beside each other."""
    by_name = "band" in table.columns
    names = list(dict.fromkeys(table["band" if by_name else "frequency_hz"]))
    for place, stage in enumerate(STAGES):
        mine = table[table["state"] == stage.value]
        x = np.array([names.index(name) for name in mine["band"]]) if by_name else mine["frequency_hz"].to_numpy()
        width = 0.27 if by_name else 0.27 * FINE_BINS * BIN_HZ
        axis.bar(x + (place - 1) * width, mine["mean"], width, color=COLOURS[stage], linewidth=0)
    if by_name:
        axis.set_xticks(range(len(names)), names)
    axis.set_ylabel(f"power ({unit})", fontsize=USUAL)
    tidy_axis(axis)


def _groups(axis: Axes, table: pd.DataFrame, groups: tuple[str, ...]) -> None:
    for group, (colour, _) in looks_of(groups).items():
        mine = table[table["group"] == group]
        sem = mine["sem"].fillna(0)
        axis.plot(mine["bin"], mine["mean"], color=colour, linewidth=1.5)
        axis.fill_between(mine["bin"], mine["mean"] - sem, mine["mean"] + sem, color=colour, alpha=0.25, linewidth=0)
    tidy_axis(axis)


def _legend_of_states(figure: Figure) -> None:
    handles = [Line2D([], [], color=COLOURS[stage], linewidth=3, label=LABELS[stage]) for stage in STAGES]
    figure.legend(handles=handles, loc="outside upper center", ncols=len(handles), frameon=False, fontsize=USUAL)

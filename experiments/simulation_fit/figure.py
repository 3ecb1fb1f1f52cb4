"""The one figure: a real mouse and rat, and simulated ones."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from latentia.files import atomic_path
from spindle.drawing import COLOURS, LABELS
from spindle.hypnogram import STAGES, Stage

Row = dict[str, Any]
REAL, SIMULATED = "real", "SIMULATED"
SHADES = {"EEG1": 0.55, "EEG2": 1.0}


def draw(mouse: Mapping[str, Any], rat: Mapping[str, Any], path: Path) -> None:
    """Draw two results, each with `real`, `simulated` and `runs`, and write a PNG."""
    figure = Figure(figsize=(11, 9.6), layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle("One real mouse and one real rat, and SIMULATED ones (default mouse, rat of cohort C)")
    axes = figure.subplots(3, 3)
    for row, (name, animal) in enumerate((("mouse", mouse), ("rat", rat))):
        for stage, axis in zip(STAGES, axes[row], strict=True):
            _bouts(axis, animal, stage)
            axis.set_title(f"{LABELS[stage]} bouts, {name}")
    _contrast(axes[2, 0], mouse)
    _within(axes[2, 1], mouse, "deviation", "Standard deviation within a state (ln)")
    _within(axes[2, 2], mouse, "lag_one", "Correlation of neighbouring epochs")
    with atomic_path(path) as temporary:
        figure.savefig(temporary, format="png", dpi=110)


def _bouts(axis: Axes, animal: Mapping[str, Any], stage: Stage) -> None:
    def curve(summary: Row) -> tuple[Any, Any]:
        bouts = summary["bouts"][stage]
        share = np.array([np.nan if value is None else value for value in bouts["survival"]])
        return np.maximum(bouts["longer_than_s"], 2), np.where(share > 0, share, np.nan)

    for run in animal["runs"]:
        axis.loglog(*curve(run), color=COLOURS[stage], alpha=0.25, linewidth=1)
    axis.loglog(*curve(animal["simulated"]), color=COLOURS[stage], linewidth=2, label=SIMULATED)
    axis.loglog(*curve(animal["real"]), color="black", linestyle="--", linewidth=1.5, label=REAL)
    axis.set(xlabel="longer than (s)", ylabel="share of bouts", ylim=(1e-3, 1.3))
    axis.legend(frameon=False, fontsize=8)


def _contrast(axis: Axes, mouse: Mapping[str, Any]) -> None:
    """Mean log power of NREM and REM against wake."""
    labels = _labels(mouse["real"])
    for stage in (Stage.NREM, Stage.REM):
        key = f"{stage}_minus_{Stage.WAKE}"
        for eeg, shade in SHADES.items():
            values = _values(mouse["simulated"], eeg, lambda power, key=key: power[key])
            label = f"{LABELS[stage]}, {SIMULATED} {eeg}"
            axis.plot(values, color=COLOURS[stage], alpha=shade, marker="o", markersize=4, label=label)
        values = _values(mouse["real"], "EEG", lambda power, key=key: power[key])
        axis.plot(values, color=COLOURS[stage], linestyle="--", marker="x", label=f"{LABELS[stage]}, {REAL}")
    axis.axhline(0, color="black", linewidth=0.5)
    axis.set(title="Power against wake (ln)", xticks=range(len(labels)), xticklabels=labels)
    axis.legend(frameon=False, fontsize=7)


def _within(axis: Axes, mouse: Mapping[str, Any], what: str, title: str) -> None:
    labels = _labels(mouse["real"])
    for stage in STAGES:
        for summary, eeg, style in ((mouse["simulated"], "EEG2", "-"), (mouse["real"], "EEG", "--")):
            values = _values(summary, eeg, lambda power, stage=stage: power[what][stage])
            label = f"{LABELS[stage]}, {SIMULATED if style == '-' else REAL}"
            marker = "o" if style == "-" else "x"
            axis.plot(values, color=COLOURS[stage], linestyle=style, marker=marker, markersize=4, label=label)
    axis.set(title=title, xticks=range(len(labels)), xticklabels=labels, ylim=(0, None))
    axis.legend(frameon=False, fontsize=7)


def _labels(summary: Row) -> list[str]:
    return [*summary["power"]["EEG"]["columns"], "EMG"]


def _values(summary: Row, eeg: str, take: Any) -> list[float]:
    found = [value for signal in (eeg, "EMG") for value in take(summary["power"][signal])]
    return [np.nan if value is None else value for value in found]

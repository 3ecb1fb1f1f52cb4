"""Precision over recall, one panel per cohort, a line per method."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from experiments.cohorts import arrays_file
from experiments.table_5_9_artifacts.protocol import ALL_LAYERS, COHORTS, METHODS, NETWORK, TOP_TWO
from latentia.evaluation import detection_curve
from latentia.files import atomic_path

COLOURS = {NETWORK: "#d98c00", TOP_TWO: "#2f6da8", ALL_LAYERS: "#6b1a5c"}


def draw_curves(animals: Sequence[dict[str, Any]], work: Path, path: Path) -> None:
    """Draw what the methods' scores in `work` give on the epochs on which the experts agree, animals pooled."""
    figure = Figure(figsize=(11, 3.8), layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle("Artifacts of SIMULATED cohorts: precision over recall, epochs on which both experts agree")
    for cohort, axis in zip(COHORTS, figure.subplots(1, len(COHORTS), sharey=True), strict=True):
        names = [animal["name"] for animal in animals if animal["cohort"] == cohort and "methods" in animal]
        _panel(axis, [arrays_file(work, name) for name in names])
        axis.set(title=f"Cohort {cohort}, {len(names)} animals", xlabel="recall", xlim=(0, 1), ylim=(0, 1.02))
    axes = figure.axes
    axes[0].set_ylabel("precision")
    axes[-1].legend(frameon=False, fontsize=8, loc="lower left")
    with atomic_path(path) as temporary:
        figure.savefig(temporary, format="png", dpi=110)


def _panel(axis: Axes, files: Sequence[Path]) -> None:
    kept: list[dict[str, np.ndarray]] = []
    for file in files:
        with np.load(file, allow_pickle=False) as content:
            kept.append({name: content[name] for name in ("flags", *METHODS)})
    flags = np.concatenate([one["flags"] for one in kept], axis=1)
    agreed = (flags == flags[0]).all(axis=0)
    marked = flags[0][agreed]
    if not 0 < marked.sum() < len(marked):
        return
    for method in METHODS:
        scores = np.concatenate([one[method] for one in kept])[agreed].astype(np.float64)
        curve = detection_curve(scores, marked)
        axis.plot(curve.recall, curve.precision, color=COLOURS[method], linewidth=1.5, label=method)

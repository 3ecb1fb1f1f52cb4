"""A scoring as a picture for papers and talks, in pixels or as vector graphics."""

from __future__ import annotations

import math
from datetime import datetime
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, MultipleLocator

from latentia.files import atomic_path
from spindle.drawing import (
    ARTIFACT_COLOUR,
    COLOURS,
    LABELS,
    LEVELS,
    SIGNAL_COLOUR,
    UNSCORED_COLOUR,
    Columns,
    columns,
    decibels,
    in_print,
    robust_limits,
    row_edges,
    runs,
)
from spindle.errors import OutputError, SettingError
from spindle.figure_files import save_picture
from spindle.hypnogram import STAGES, Hypnogram
from spindle.scores import Scores

WIDTH_IN, HEIGHT_IN = 10.0, 6.4
MOST_COLUMNS = 1700
"""As many as the panels have pixels."""
FORMATS = (".png", ".svg", ".pdf")
TICK_STEPS_S = (1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 7200, 10800, 14400, 21600, 43200, 86400)
MOST_TICKS = 9
LONGEST_TITLE = 50


def draw_scoring(scores: Scores, path: Path, *, hours: tuple[float, float] | None = None) -> None:
    """Draw spectrogram, EMG, hypnogram and probabilities below each other; the suffix of `path` chooses the format.

    `hours` = (from, to), counted from the start of the recording, shows a part of it. The file is written whole or
    not at all. Errors: `SettingError` where the suffix is none of `FORMATS` or `hours` holds no epoch; `OutputError`
    where `path` cannot be written.
    """
    if path.suffix.lower() not in FORMATS:
        raise SettingError(f"A figure can end in {', '.join(FORMATS)}; got {path.name}.")
    figure = scoring_figure(scores, hours=hours)
    try:
        with atomic_path(path) as temporary:
            save_picture(figure, temporary)
    except OSError as error:
        raise OutputError(f"The figure cannot be written to {path}: {error.strerror or error}.") from error


def scoring_figure(scores: Scores, *, hours: tuple[float, float] | None = None) -> Figure:
    """Compose the figure of `draw_scoring`, outside of pyplot."""
    start, stop = _epochs_of(scores, hours)
    view = columns(scores, at_most=MOST_COLUMNS, start=start, stop=stop)
    figure = Figure(figsize=(WIDTH_IN, HEIGHT_IN), layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    axes = figure.subplots(4, 1, sharex=True, height_ratios=(1.5, 0.8, 1.1, 0.9))
    x = view.edges * scores.hypnogram.epoch_s
    _spectrogram(axes[0], scores, view, x)
    _emg(axes[1], scores, view, x)
    draw_hypnogram(axes[2], scores.hypnogram, start, stop)
    _probabilities(axes[3], view, x)
    for axis in axes:
        axis.set_xlim(x[0], x[-1])
        axis.tick_params(labelsize=9)
        axis.spines[["top", "right"]].set_visible(False)
        shade_gaps(axis, scores.hypnogram, start, stop)
    label_time(axes[-1], scores.start, float(x[0]), float(x[-1]))
    figure.align_ylabels(axes)
    return figure


def _epochs_of(scores: Scores, hours: tuple[float, float] | None) -> tuple[int, int]:
    """First epoch and the one after the last that lie in `hours`."""
    count, epoch_s = len(scores.hypnogram), scores.hypnogram.epoch_s
    length_h = count * epoch_s / 3600
    low, high = (0.0, length_h) if hours is None else hours
    start, stop = max(math.floor(low * 3600 / epoch_s), 0), min(math.ceil(high * 3600 / epoch_s), count)
    if stop <= start:
        raise SettingError(
            f"{scores.title} has {length_h:.3g} h; there is nothing to draw from {low:g} h to {high:g} h."
        )
    return start, stop


def _spectrogram(axis: Axes, scores: Scores, view: Columns, x: np.ndarray) -> None:
    bottom, top = row_edges(scores.overview.frequencies_hz)
    low, high = robust_limits(decibels(view.spectrogram))
    image = np.ma.masked_invalid(decibels(view.spectrogram).T)
    edges = np.linspace(bottom, top, len(image) + 1)
    mesh = axis.pcolormesh(x, edges, image, cmap="viridis", vmin=low, vmax=high, rasterized=True)
    axis.set_ylabel("EEG (Hz)", fontsize=10)
    axis.set_title(shortened(scores.title), loc="left", fontsize=11, fontweight="bold", parse_math=False)
    parts = {LABELS[stage]: COLOURS[stage] for stage in STAGES} | {"unscored": UNSCORED_COLOUR}
    patches = [Patch(color=colour, label=label) for label, colour in parts.items()]
    axis.legend(
        handles=patches,
        loc="lower right",
        bbox_to_anchor=(1.0, 1.0),
        borderaxespad=0.3,
        ncols=len(patches),
        fontsize=9,
        frameon=False,
        handlelength=1.0,
    )
    bar = axis.figure.colorbar(mesh, ax=axis, pad=0.01, aspect=12)
    bar.set_label("dB", fontsize=9)
    bar.ax.tick_params(labelsize=8)
    bar.outline.set_visible(False)


def shortened(name: str, longest: int = LONGEST_TITLE) -> str:
    """Cut a name to the room there is; what tells recordings and channels apart stands at both ends of their names."""
    return name if len(name) <= longest else f"{name[: longest // 2]}…{name[-longest // 2 :]}"


def _emg(axis: Axes, scores: Scores, view: Columns, x: np.ndarray) -> None:
    axis.stairs(
        np.nan_to_num(view.emg_rms), x, fill=True, color=SIGNAL_COLOUR, linewidth=0, snap=False, rasterized=True
    )
    top = robust_limits(view.emg_rms, 50, 99.8)[1]
    axis.set_ylim(0, 1.05 * top if top > 0 else 1.0)
    axis.set_ylabel(f"EMG ({in_print(scores.overview.emg_unit)})", fontsize=10, parse_math=False)


def draw_hypnogram(axis: Axes, hypnogram: Hypnogram, start: int, stop: int) -> None:
    """Draw epochs start … stop−1 over seconds: blocks at the states' levels and, below, the artifacts."""
    codes, epoch_s = hypnogram.codes[start:stop], hypnogram.epoch_s
    lanes = [(codes == stage.code, LEVELS[stage], COLOURS[stage]) for stage in STAGES]
    lanes.append((hypnogram.artifact[start:stop] & (codes >= 0), 0, ARTIFACT_COLOUR))
    for chosen, level, colour in lanes:
        bars = [((start + run.start) * epoch_s, len(run) * epoch_s) for run in runs(chosen) if run.value]
        axis.broken_barh(bars, (level - 0.38, 0.76), facecolor=colour, linewidth=0, snap=False)
    axis.set_ylim(-0.6, 3.6)
    axis.set_yticks([0, *LEVELS.values()], ["artifact", *(LABELS[stage] for stage in LEVELS)])


def _probabilities(axis: Axes, view: Columns, x: np.ndarray) -> None:
    base = np.zeros(len(view))
    for stage in sorted(STAGES, key=LEVELS.__getitem__):
        top = base + np.nan_to_num(view.stage_probability[:, stage.code])
        axis.stairs(top, x, baseline=base, fill=True, color=COLOURS[stage], linewidth=0, snap=False, rasterized=True)
        base = top
    axis.set_ylim(0, 1)
    axis.set_yticks([0, 0.5, 1])
    axis.set_ylabel("probability", fontsize=10)


def shade_gaps(axis: Axes, hypnogram: Hypnogram, start: int, stop: int) -> None:
    """Paint grey, over the axis' whole height, where nothing was scored in epochs start … stop−1."""
    gaps = [run for run in runs(hypnogram.codes[start:stop]) if run.value < 0]
    epoch_s = hypnogram.epoch_s
    bars = [((start + gap.start) * epoch_s, len(gap) * epoch_s) for gap in gaps]
    low, high = axis.get_ylim()
    axis.broken_barh(bars, (low, high - low), facecolor=UNSCORED_COLOUR, linewidth=0)


def label_time(axis: Axes, first: datetime | None, low_s: float, high_s: float) -> None:
    """Tick at round times of day, `first` being the start, or at round times since it where the clock is not known."""
    offset_s = 0.0 if first is None else first.hour * 3600 + first.minute * 60 + first.second + first.microsecond / 1e6
    step = next((step for step in TICK_STEPS_S if (high_s - low_s) / step <= MOST_TICKS), TICK_STEPS_S[-1])
    axis.xaxis.set_major_locator(MultipleLocator(step, offset=-offset_s % step))

    def text(seconds: float, _: int | None = None) -> str:
        whole = round(seconds + offset_s)
        hour = whole // 3600 if first is None else whole // 3600 % 24
        tail = f":{whole % 60:02d}" if step < 60 else ""
        return f"{hour:02d}:{whole // 60 % 60:02d}{tail}" if first else f"{hour}:{whole // 60 % 60:02d}{tail}"

    axis.xaxis.set_major_formatter(FuncFormatter(text))
    axis.set_xlabel("time of day" if first else "time since the start (h:min)", fontsize=10)

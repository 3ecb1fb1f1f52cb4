"""The picture of a strip: signals, spectrogram, and one hypnogram per scorer (thesis A, Fig. 5.8)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from spindle.agreement_strip import Strip, StripSignals, Trace, differing
from spindle.drawing import (
    SIGNAL_COLOUR,
    THRESHOLD_COLOUR,
    UNSCORED_COLOUR,
    in_print,
    robust_limits,
    row_edges,
    runs,
)
from spindle.figures import draw_hypnogram, label_time, shade_gaps, shortened

WIDTH_IN = 10.0
TRACE_IN, SPECTROGRAM_IN, HYPNOGRAM_IN, LANE_IN = 0.7, 1.2, 1.05, 0.25
REST_IN = 1.1
"""Title, time axis and the room between panels."""
LONGEST_LABEL = 16


def strip_figure(strip: Strip) -> Figure:
    """Draw the panels below each other; the last lane marks the epochs in which the scorers differ."""
    signals, scorers = strip.signals, len(strip.hypnograms)
    upper = [] if signals is None else [TRACE_IN] * len(signals.traces) + [SPECTROGRAM_IN]
    heights = [*upper, *[HYPNOGRAM_IN] * scorers, LANE_IN]
    figure = Figure(figsize=(WIDTH_IN, sum(heights) + REST_IN), layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    axes: list[Axes] = figure.subplots(len(heights), 1, sharex=True, height_ratios=heights, squeeze=False)[
        :, 0
    ].tolist()
    low_s, high_s = strip.start * strip.epoch_s, strip.stop * strip.epoch_s
    if signals is not None:
        _draw_signals(axes[: len(upper)], signals, low_s, high_s)
    _draw_scorers(axes[len(upper) : -1], strip)
    _draw_differences(axes[-1], strip)
    for axis in axes:
        axis.set_xlim(low_s, high_s)
        axis.tick_params(labelsize=8)
        axis.spines[["top", "right"]].set_visible(False)
    axes[0].set_title(shortened(strip.title), loc="left", fontsize=11, fontweight="bold", parse_math=False)
    label_time(axes[-1], strip.recorded_at, low_s, high_s)
    figure.align_ylabels(axes)
    return figure


def _draw_signals(axes: Sequence[Axes], signals: StripSignals, low_s: float, high_s: float) -> None:
    x = np.linspace(low_s, high_s, len(signals.power_db) + 1)
    for axis, trace in zip(axes, signals.traces, strict=False):
        _draw_trace(axis, trace, (x[:-1] + x[1:]) / 2)
    axis = axes[-1]
    low, high = robust_limits(signals.power_db)
    rows = np.linspace(*row_edges(signals.frequencies_hz), len(signals.frequencies_hz) + 1)
    image = np.ma.masked_invalid(signals.power_db.T)
    axis.set_facecolor(UNSCORED_COLOUR)
    mesh = axis.pcolormesh(x, rows, image, cmap="viridis", vmin=low, vmax=high, rasterized=True)
    _name(axis, _with_unit(signals.traces[0].label, "Hz"))
    bar = axis.figure.colorbar(mesh, ax=axis, pad=0.01, aspect=10)
    bar.set_label("dB", fontsize=8)
    bar.ax.tick_params(labelsize=8)
    bar.outline.set_visible(False)


def _draw_trace(axis: Axes, trace: Trace, middle: np.ndarray) -> None:
    axis.fill_between(middle, trace.low, trace.high, color=SIGNAL_COLOUR, linewidth=0.5)
    bottom, top = robust_limits(np.concatenate([trace.low, trace.high]), 0.2, 99.8)
    room = 0.1 * (top - bottom)
    axis.set_ylim(bottom - room, top + room)
    axis.yaxis.set_major_locator(MaxNLocator(3))
    axis.yaxis.get_offset_text().set_fontsize(8)
    _name(axis, _with_unit(trace.label, in_print(trace.unit)))


def _draw_scorers(axes: Sequence[Axes], strip: Strip) -> None:
    for axis, (name, hypnogram) in zip(axes, strip.hypnograms.items(), strict=True):
        draw_hypnogram(axis, hypnogram, strip.start, strip.stop)
        shade_gaps(axis, hypnogram, strip.start, strip.stop)
        _name(axis, name)


def _draw_differences(axis: Axes, strip: Strip) -> None:
    excerpts = [hypnogram.part(strip.start, strip.stop) for hypnogram in strip.hypnograms.values()]
    axis.broken_barh(
        list(_bars(differing(excerpts), strip)), (0, 1), facecolor=THRESHOLD_COLOUR, linewidth=0, snap=False
    )
    axis.set_ylim(0, 1)
    axis.set_yticks([])
    _name(axis, "they differ")


def _bars(marked: np.ndarray, strip: Strip) -> Iterator[tuple[float, float]]:
    for run in runs(marked):
        if run.value:
            yield (strip.start + run.start) * strip.epoch_s, len(run) * strip.epoch_s


def _with_unit(label: str, unit: str) -> str:
    """A channel's name and unit in two lines; some recordings say no unit."""
    label = shortened(label, LONGEST_LABEL)
    return f"{label}\n({unit})" if unit else label


def _name(axis: Axes, text: str) -> None:
    """Write a panel's name beside it, upright, so that a low panel has room for it."""
    axis.set_ylabel(text, fontsize=9, rotation=0, ha="right", va="center", parse_math=False)

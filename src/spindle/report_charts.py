"""The report's small charts, and the looks and time labels that all its charts share."""

from __future__ import annotations

from datetime import UTC
from typing import Any

import numpy as np
from bokeh.models import ColumnDataSource, CustomJSHover, CustomJSTickFormatter, HoverTool, PlainText, Range1d
from bokeh.models.annotations import Title
from bokeh.plotting import figure
from jaxtyping import Float

from spindle.drawing import COLOURS, LABELS, UNSCORED_COLOUR
from spindle.hypnogram import STAGES, Stage
from spindle.scores import Scores
from spindle.summary import Shares

INK, SOFT, GRID = "#222222", "#666666", "#e6e6e6"
FONT = "Helvetica, Arial, sans-serif"

_STACKED = (Stage.NREM, Stage.REM, Stage.WAKE, Stage.UNSCORED)
"""Order of the bars' parts from below, as in the hypnogram."""

TIME_TEXT = """
const two = (n) => String(n).padStart(2, "0");
const s = Math.round(ms / 1000), h = Math.floor(s / 3600);
const tail = ":" + two(Math.floor(s / 60) % 60) + (seconds ? ":" + two(s % 60) : "");
const day = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"][new Date(s * 1000).getUTCDay()];
const text = clock ? two(h % 24) + tail : h + tail;
"""
"""Script that turns `ms` into `text`: a time of day with `clock`, else a length of time; to the second if `seconds`."""


def start_ms(scores: Scores) -> float:
    """Where the time axis begins. The recorder's clock is shown as it was, so its time zone is dropped."""
    return 0.0 if scores.start is None else scores.start.replace(tzinfo=UTC).timestamp() * 1000


def time_ticks(*, clock: bool) -> CustomJSTickFormatter:
    """Label ticks as time of day, with the weekday at midnight, or as hours and minutes since the start."""
    code = "const ms = tick, seconds = ticks.length > 1 && ticks[1] - ticks[0] < 60000;"
    midnight = 'return clock && s % 86400 === 0 ? text + "\\n" + day : text;'
    return CustomJSTickFormatter(args={"clock": clock}, code=code + TIME_TEXT + midnight)


def time_hover(*, clock: bool) -> CustomJSHover:
    """Say a time of day or, without `clock`, a length of time to the second."""
    code = "const ms = value, seconds = true;"
    return CustomJSHover(args={"clock": clock}, code=code + TIME_TEXT + "return text;")


def style(chart: figure, title: str, y_label: str) -> None:
    """Give a chart the report's looks. Titles and labels are taken as plain text, whatever channels are called."""
    chart.title = Title(text=PlainText(text=title), text_color=INK, text_font=FONT, text_font_size="13px")
    chart.toolbar.logo = None
    chart.toolbar_location = None
    chart.outline_line_color = None
    chart.grid.grid_line_color = GRID
    chart.background_fill_color = chart.border_fill_color = "#ffffff"
    chart.yaxis.axis_label = PlainText(text=y_label)
    for axis in chart.axis:
        axis.axis_line_color = axis.major_tick_line_color = SOFT
        axis.minor_tick_line_color = None
        axis.major_label_text_color = axis.axis_label_text_color = INK
        axis.major_label_text_font = axis.axis_label_text_font = FONT
        axis.major_label_text_font_size = axis.axis_label_text_font_size = "11.5px"
        axis.axis_label_text_font_style = "normal"


def shares_chart(scores: Scores, shares: Shares) -> figure:
    """Stacked bars: how each stretch of time was spent."""
    edges = start_ms(scores) + shares.edges_s * 1000
    chart = figure(
        height=300,
        x_range=Range1d(start=edges[0], end=edges[-1]),
        y_range=Range1d(start=0, end=100),
        x_axis_type="datetime",
        tools=[],
        sizing_mode="stretch_width",
    )
    style(chart, "Time in each state", "% of the time")
    clock = scores.start is not None
    chart.xaxis.formatter = time_ticks(clock=clock)
    chart.xaxis.axis_label = "time of day" if clock else "hours since the start"
    chart.xgrid.grid_line_color = None
    percent = 100 * shares.fraction[:, [stage.code for stage in _STACKED]]
    table = {"left": edges[:-1], "right": edges[1:]}
    table.update({stage.value: percent[:, i] for i, stage in enumerate(_STACKED)})
    said = ", ".join(f"{LABELS[stage]} @{stage}{{0.0}} %" for stage in (*STAGES, Stage.UNSCORED))
    tooltips = [("time", "@left{custom} to @right{custom}"), ("share", said)]
    formatters: dict[str, Any] = {"@left": time_hover(clock=clock), "@right": time_hover(clock=clock)}
    tops = np.cumsum(percent, axis=1)
    for i, stage in enumerate(_STACKED):
        source = ColumnDataSource({**table, "top": tops[:, i], "bottom": tops[:, i] - percent[:, i]})
        bars = chart.quad(
            left="left",
            right="right",
            bottom="bottom",
            top="top",
            source=source,
            fill_color=COLOURS.get(stage, UNSCORED_COLOUR),
            line_color="#ffffff",
        )
        hover = HoverTool(renderers=[bars], tooltips=tooltips, formatters=formatters, visible=False)
        chart.add_tools(hover)
    return chart


def spectra_chart(scores: Scores, spectra: dict[Stage, Float[np.ndarray, " rows"]]) -> figure:
    """Mean spectrum of each state over its clean epochs."""
    chart = figure(height=300, tools=[], sizing_mode="stretch_width")
    style(chart, f"Mean spectrum of each state, channel {scores.eeg_labels[0]}", "power (dB)")
    chart.xaxis.axis_label = "frequency (Hz)"
    for stage, decibel in spectra.items():
        source = ColumnDataSource({"hz": scores.overview.frequencies_hz, "db": decibel})
        chart.line("hz", "db", source=source, line_width=2.5, color=COLOURS[stage], legend_label=LABELS[stage])
        dots = chart.scatter("hz", "db", source=source, size=5, color=COLOURS[stage])
        rows = [(LABELS[stage], "@hz{0.0} Hz: @db{0.0} dB")]
        chart.add_tools(HoverTool(renderers=[dots], tooltips=rows, visible=False))
    if chart.legend:
        chart.legend.border_line_color = None
        chart.legend.label_text_font = FONT
    return chart

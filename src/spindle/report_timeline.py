"""The time axis that the report's panels share, with its tools, its hover and what every panel can draw.

The axis counts milliseconds, because Bokeh's time ticks do: from 1970 in the recorder's own clock where the start is
known, otherwise from the start of the recording. A whole day is drawn in pooled epochs, because a screen has no room
for more; zooming in shows every epoch.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from bokeh.events import MouseLeave, MouseMove
from bokeh.layouts import gridplot
from bokeh.models import (
    BoxZoomTool,
    ColumnDataSource,
    CrosshairTool,
    CustomJS,
    PanTool,
    Range1d,
    RangeTool,
    ResetTool,
    SaveTool,
    ToolProxy,
    WheelZoomTool,
    ZoomInTool,
    ZoomOutTool,
)
from bokeh.models.annotations import Span
from bokeh.models.plots import GridPlot
from bokeh.models.renderers import GlyphRenderer
from bokeh.plotting import figure
from jaxtyping import Bool, Float
from numpy.typing import NDArray

from spindle.drawing import UNSCORED_COLOUR, columns, runs
from spindle.hypnogram import STAGES
from spindle.report_charts import INK, SOFT, start_ms, style, time_ticks
from spindle.scores import Scores

MOST_COLUMNS = 1800
"""Columns of the overview: a little more than a wide screen has pixels for a panel."""
FINE_BELOW_EPOCHS = 4 * MOST_COLUMNS
"""Single epochs are drawn when fewer than this are in view."""
TIME_RANGE = "time"
"""Name under which the page's own buttons find the time axis."""


class Timeline:
    """One recording's axis. `levels` are its columns, pooled first; there is only one level if no pooling is needed.

    What was drawn of each level is kept in `renderers`, to be switched by the zoom.
    """

    def __init__(self, scores: Scores) -> None:
        self.scores = scores
        self.epoch_ms = scores.hypnogram.epoch_s * 1000
        count = len(scores.hypnogram)
        self.start, self.stop = self.ms([0, count]).tolist()
        shortest = min(self.epoch_ms * 10, self.stop - self.start)
        self.time = Range1d(start=self.start, end=self.stop, bounds=(self.start, self.stop), min_interval=shortest)
        self.time.name = TIME_RANGE
        self.levels = [columns(scores, at_most=MOST_COLUMNS)]
        if count > MOST_COLUMNS:
            self.levels.append(columns(scores, at_most=count))
        self.renderers: list[list[GlyphRenderer[Any]]] = [[] for _ in self.levels]
        self.epochs = ColumnDataSource(self._epoch_table())
        self.gaps = self.strips(scores.hypnogram.codes < 0)
        self.crosshair = Span(dimension="height", line_color=SOFT, line_width=1)

    def ms(self, epochs: NDArray[np.integer] | Sequence[int]) -> NDArray[np.float64]:
        """Place of the beginning of epochs on the time axis."""
        return start_ms(self.scores) + np.asarray(epochs, dtype=np.float64) * self.epoch_ms

    def strips(self, chosen: Bool[np.ndarray, " epochs"]) -> ColumnDataSource:
        """Beginnings and ends of the runs of chosen epochs."""
        pieces = [run for run in runs(chosen) if run.value]
        left, right = self.ms([run.start for run in pieces]), self.ms([run.stop for run in pieces])
        return ColumnDataSource({"left": left, "right": right})

    def _epoch_table(self) -> dict[str, Any]:
        """One row per epoch: what is said under the mouse."""
        scores, view = self.scores, self.scores.overview
        return {
            "code": scores.hypnogram.codes.astype(np.int8),
            "artifact": scores.hypnogram.artifact.astype(np.int8),
            **{f"p_{stage}": scores.stage_probability[:, stage.code].astype(np.float32) for stage in STAGES},
            "p_artifact": scores.artifact_probability.astype(np.float32),
            "eeg_min": view.eeg_min.astype(np.float32),
            "eeg_max": view.eeg_max.astype(np.float32),
            "emg_rms": view.emg_rms.astype(np.float32),
        }

    def panel(self, title: str, height: int, y_range: tuple[float, float], y_label: str = "") -> figure:
        """Make an empty panel with what all have in common: the axis, its tools and the hover."""
        low, high = y_range
        panel = figure(
            height=height,
            x_range=self.time,
            y_range=Range1d(start=low, end=high),
            x_axis_type="datetime",
            tools=[],
            sizing_mode="stretch_width",
        )
        style(panel, title, y_label)
        panel.xaxis.formatter = time_ticks(clock=self.scores.start is not None)
        box, wheel = BoxZoomTool(dimensions="width"), WheelZoomTool(dimensions="width", modifiers="ctrl")
        panel.add_tools(
            box,
            PanTool(dimensions="width"),
            wheel,
            ZoomInTool(dimensions="width"),
            ZoomOutTool(dimensions="width"),
            ResetTool(),
            SaveTool(),
            CrosshairTool(overlay=self.crosshair, visible=False),
        )
        panel.toolbar.update(active_drag=box, active_scroll=wheel)
        self._explain(panel)
        return panel

    def _explain(self, panel: figure) -> None:
        """Have the page say everything about the epoch under the mouse.

        Bokeh's own hover would need a glyph per epoch and panel, which makes zooming slow; the page's script knows
        the epoch from the place alone.
        """
        args = {"epochs": self.epochs, "start": self.start, "epoch_ms": self.epoch_ms}
        code = "window.spindle.point(epochs.data, Math.floor((cb_obj.x - start) / epoch_ms));"
        panel.js_on_event(MouseMove, CustomJS(args=args, code=code))
        panel.js_on_event(MouseLeave, CustomJS(code="window.spindle.leave();"))

    def shade_gaps(self, panel: figure) -> None:
        """Grey where nothing was scored."""
        panel.vstrip(x0="left", x1="right", source=self.gaps, fill_color=UNSCORED_COLOUR, line_color=None)

    def add_to_level(self, level: int, renderer: GlyphRenderer[Any]) -> None:
        """Remember that a renderer belongs to one level of detail."""
        self.renderers[level].append(renderer)

    def area(
        self,
        panel: figure,
        level: int,
        low: Float[np.ndarray, " columns"],
        high: Float[np.ndarray, " columns"],
        colour: str,
    ) -> None:
        """Fill between two step curves with one value per column; NaN becomes nothing."""
        y1, y2 = (
            np.nan_to_num(np.append(curve, curve[-1]), nan=0.0).astype(np.float32) for curve in (low, high)
        )  # a step curve ends with its last value twice
        source = ColumnDataSource({"x": self.ms(self.levels[level].edges), "y1": y1, "y2": y2})
        area = panel.varea_step(x="x", y1="y1", y2="y2", source=source, step_mode="after", fill_color=colour)
        self.add_to_level(level, area)

    def navigator(self) -> figure:
        """Make a strip of the whole recording, to be painted, with a frame that moves the time in view."""
        strip = figure(
            height=92,
            x_range=Range1d(start=self.start, end=self.stop),
            y_range=Range1d(start=0, end=1),
            x_axis_type="datetime",
            tools=[],
            sizing_mode="stretch_width",
        )
        style(strip, "The whole recording: drag the frame to move, its edges to zoom", "")
        strip.xaxis.formatter = time_ticks(clock=self.scores.start is not None)
        strip.yaxis.visible = False
        strip.grid.grid_line_color = None
        frame = RangeTool(x_range=self.time)
        frame.overlay.update(inverted=True, fill_color="#ffffff", fill_alpha=0.65, line_color=INK, line_alpha=1.0)
        frame.overlay.update(line_width=2, line_dash="solid")
        strip.add_tools(frame)
        return strip

    def stack(self, panels: list[figure]) -> GridPlot:
        """Put panels below each other with one toolbar, where dragging zooms, as does the wheel with Ctrl."""
        self._switch_by_zoom()
        grid = gridplot(
            [[panel] for panel in panels],
            toolbar_location="right",
            toolbar_options={"active_drag": "auto", "active_scroll": "auto"},
            sizing_mode="stretch_width",
        )
        for proxy in (tool for tool in grid.toolbar.tools if isinstance(tool, ToolProxy)):
            if isinstance(proxy.tools[0], BoxZoomTool):
                grid.toolbar.active_drag = proxy
            if isinstance(proxy.tools[0], WheelZoomTool):
                grid.toolbar.active_scroll = proxy
        return grid

    def _switch_by_zoom(self) -> None:
        """Show pooled columns to whoever sees much, single epochs to whoever sees little."""
        if len(self.levels) == 1:
            return
        coarse, fine = self.renderers
        for renderer in fine:
            renderer.visible = False
        args = {"time": self.time, "coarse": coarse, "fine": fine, "limit": FINE_BELOW_EPOCHS * self.epoch_ms}
        code = """
            const near = time.end - time.start < limit;
            if (fine[0].visible === near) return;
            for (const renderer of fine) renderer.visible = near;
            for (const renderer of coarse) renderer.visible = !near;
            """
        switch = CustomJS(args=args, code=code)
        self.time.js_on_change("start", switch)
        self.time.js_on_change("end", switch)

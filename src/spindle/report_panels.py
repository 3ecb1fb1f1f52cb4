"""The report's interactive panels: hypnogram, signals and probabilities of one recording on one time axis."""

from __future__ import annotations

import numpy as np
from bokeh.models import BasicTicker, ColumnDataSource, FixedTicker, LinearColorMapper
from bokeh.models.annotations import ColorBar, Span
from bokeh.models.glyphs import Image
from bokeh.models.plots import GridPlot
from bokeh.palettes import Viridis256
from bokeh.plotting import figure
from jaxtyping import Bool

from spindle.drawing import (
    ARTIFACT_COLOUR,
    COLOURS,
    LABELS,
    LEVELS,
    SIGNAL_COLOUR,
    THRESHOLD_COLOUR,
    UNSCORED_COLOUR,
    Columns,
    decibels,
    in_print,
    robust_limits,
    row_edges,
    runs,
    shades,
)
from spindle.hypnogram import STAGES
from spindle.report_charts import SOFT
from spindle.report_timeline import Timeline
from spindle.scores import Scores

TILE_EPOCHS = 4096
"""Width of one spectrogram image: some browsers refuse canvases wider than 16,384."""


def recording_panels(scores: Scores) -> GridPlot:
    """All panels over the whole recording, linked: what was decided, the signals, and the probabilities."""
    timeline = Timeline(scores)
    panels = [
        hypnogram_panel(timeline),
        spectrogram_panel(timeline),
        eeg_panel(timeline),
        emg_panel(timeline),
        stage_panel(timeline),
        artifact_panel(timeline),
        navigator_panel(timeline),
    ]
    for panel in panels[1:-2]:
        panel.xaxis.major_label_text_font_size = "0px"
        panel.xaxis.major_tick_line_color = None
    return timeline.stack(panels)


def hypnogram_panel(timeline: Timeline) -> figure:
    """States as coloured blocks at their levels joined by a thin line, artifacts in a lane below."""
    hypnogram = timeline.scores.hypnogram
    panel = timeline.panel("Hypnogram", 200, (-0.6, 3.6))
    timeline.shade_gaps(panel)
    height = np.array([LEVELS[stage] for stage in STAGES], dtype=float)
    pieces = runs(hypnogram.codes)
    y = [height[run.value] if run.value >= 0 else np.nan for run in pieces]
    x = timeline.ms([*(run.start for run in pieces), len(hypnogram)])
    steps = ColumnDataSource({"x": x, "y": np.array([*y, y[-1]])})
    # Only the fine level: over a whole day a thousand steps would be a grey wall.
    timeline.add_to_level(-1, panel.step("x", "y", source=steps, mode="after", line_color=SOFT, line_width=0.8))
    for stage in STAGES:
        _blocks(timeline, panel, hypnogram.codes == stage.code, LEVELS[stage], COLOURS[stage])
    _blocks(timeline, panel, hypnogram.artifact & hypnogram.scored, 0, ARTIFACT_COLOUR)
    panel.yaxis.ticker = FixedTicker(ticks=[0, *sorted(LEVELS.values())])
    panel.yaxis.major_label_overrides = {0: "artifact", **{LEVELS[stage]: LABELS[stage] for stage in STAGES}}
    panel.ygrid.grid_line_color = None
    return panel


def _blocks(timeline: Timeline, panel: figure, chosen: Bool[np.ndarray, " epochs"], level: int, colour: str) -> None:
    panel.quad(
        left="left",
        right="right",
        bottom=level - 0.36,
        top=level + 0.36,
        source=timeline.strips(chosen),
        fill_color=colour,
        line_color=None,
    )


def spectrogram_panel(timeline: Timeline) -> figure:
    """EEG power over time and frequency, coloured between robust limits."""
    scores = timeline.scores
    bottom, top = row_edges(scores.overview.frequencies_hz)
    panel = timeline.panel(f"EEG spectrogram in dB, channel {scores.eeg_labels[0]}", 170, (bottom, top), "Hz")
    panel.yaxis.ticker = BasicTicker(desired_num_ticks=4)
    panel.grid.grid_line_color = None
    low, high = robust_limits(decibels(scores.overview.spectrogram))
    for i, level in enumerate(timeline.levels):
        places = _tiles(timeline, level, (low, high))
        colours = LinearColorMapper(palette=[UNSCORED_COLOUR, *Viridis256[1:]], low=0, high=255)
        glyph = Image(image="image", x="x", y=bottom, dw="dw", dh=top - bottom, color_mapper=colours)
        timeline.add_to_level(i, panel.add_glyph(places, glyph, level="underlay"))
    scale = LinearColorMapper(palette=Viridis256, low=low, high=high)
    panel.add_layout(ColorBar(color_mapper=scale, width=10, padding=4), "right")
    return panel


def _tiles(timeline: Timeline, level: Columns, limits: tuple[float, float]) -> ColumnDataSource:
    """One level's spectrogram, cut into images that every browser takes."""
    image = shades(decibels(level.spectrogram), limits)
    starts = np.arange(0, len(level), TILE_EPOCHS)
    stops = np.minimum(starts + TILE_EPOCHS, len(level))
    tiles = [np.ascontiguousarray(image[:, start:stop]) for start, stop in zip(starts, stops, strict=True)]
    left, right = timeline.ms(level.edges[starts]), timeline.ms(level.edges[stops])
    return ColumnDataSource({"image": tiles, "x": left, "dw": right - left})


def eeg_panel(timeline: Timeline) -> figure:
    """Lowest and highest EEG sample of every epoch."""
    view = timeline.scores.overview
    low, high = robust_limits(view.eeg_min, 1, 50)[0], robust_limits(view.eeg_max, 50, 99)[1]
    margin = 0.05 * (high - low)
    title = f"EEG envelope, channel {timeline.scores.eeg_labels[0]}"
    panel = timeline.panel(title, 115, (low - margin, high + margin), in_print(view.eeg_unit))
    panel.yaxis.ticker = BasicTicker(desired_num_ticks=3)
    for i, level in enumerate(timeline.levels):
        timeline.area(panel, i, level.eeg_min, level.eeg_max, SIGNAL_COLOUR)
    timeline.shade_gaps(panel)
    return panel


def emg_panel(timeline: Timeline) -> figure:
    """Root mean square of the EMG in every epoch."""
    view = timeline.scores.overview
    top = 1.05 * robust_limits(view.emg_rms, 50, 99.5)[1]
    title = f"EMG rms, channel {timeline.scores.emg_label}"
    panel = timeline.panel(title, 115, (0.0, top if top > 0 else 1.0), in_print(view.emg_unit))
    panel.yaxis.ticker = BasicTicker(desired_num_ticks=3)
    for i, level in enumerate(timeline.levels):
        timeline.area(panel, i, np.zeros(len(level)), level.emg_rms, SIGNAL_COLOUR)
    timeline.shade_gaps(panel)
    return panel


def stage_panel(timeline: Timeline) -> figure:
    """The three probabilities, stacked; they fill the panel where an epoch is scored."""
    panel = timeline.panel("Probability of each state", 115, (0, 1))
    panel.yaxis.ticker = FixedTicker(ticks=[0, 0.5, 1])
    for i, level in enumerate(timeline.levels):
        base = np.zeros(len(level))
        for stage in sorted(STAGES, key=LEVELS.__getitem__):
            top = base + level.stage_probability[:, stage.code]
            timeline.area(panel, i, base, top, COLOURS[stage])
            base = top
    timeline.shade_gaps(panel)
    return panel


def artifact_panel(timeline: Timeline) -> figure:
    """Artifact probability and its threshold; a pooled column shows its mean dark and its highest pale."""
    panel = timeline.panel("Probability of an artifact", 130, (0, 1))
    panel.yaxis.ticker = FixedTicker(ticks=[0, 0.5, 1])
    for i, level in enumerate(timeline.levels):
        zero = np.zeros(len(level))
        timeline.area(panel, i, zero, level.artifact_highest, "#bbbbbb")
        timeline.area(panel, i, zero, level.artifact_mean, ARTIFACT_COLOUR)
    timeline.shade_gaps(panel)
    threshold = timeline.scores.artifact_threshold
    panel.add_layout(
        Span(location=threshold, dimension="width", line_color=THRESHOLD_COLOUR, line_width=1.2, line_dash="dashed")
    )
    return panel


def navigator_panel(timeline: Timeline) -> figure:
    """The states of the whole recording in one strip, with the frame that moves the other panels."""
    strip = timeline.navigator()
    timeline.shade_gaps(strip)
    for stage in STAGES:
        chosen = timeline.strips(timeline.scores.hypnogram.codes == stage.code)
        strip.vstrip(x0="left", x1="right", source=chosen, fill_color=COLOURS[stage], line_color=None)
    return strip

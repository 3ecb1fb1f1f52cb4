"""What pages and figures share: colours, runs of equal epochs, columns of pooled epochs, and times in words."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

import numpy as np
from jaxtyping import Float, Int, Shaped, UInt8
from numpy.typing import NDArray

from spindle.hypnogram import STAGES, Stage
from spindle.scores import Scores

COLOURS = {Stage.WAKE: "#d98c00", Stage.NREM: "#2f6da8", Stage.REM: "#6b1a5c"}
"""Told apart with every common colour blindness, and by their lightness in a grey print: Wake light, REM dark."""
UNSCORED_COLOUR = "#d9d9d9"
ARTIFACT_COLOUR = "#1a1a1a"
SIGNAL_COLOUR = "#444444"
THRESHOLD_COLOUR = "#c1121f"

LABELS = {Stage.WAKE: "Wake", Stage.NREM: "NREM", Stage.REM: "REM", Stage.UNSCORED: "unscored"}
LEVELS = {Stage.NREM: 1, Stage.REM: 2, Stage.WAKE: 3}
"""Height of each state in a hypnogram. 0 is the lane of the artifacts."""

DECIBEL_PER_NEPER = 10 / np.log(10)
"""Turns a natural logarithm of power into decibels."""


@dataclass(frozen=True, kw_only=True)
class Run:
    """Epochs start … stop−1 share one value."""

    start: int
    stop: int
    value: int

    def __len__(self) -> int:
        return self.stop - self.start


def runs(values: Shaped[np.ndarray, " epochs"]) -> list[Run]:
    """Cut a sequence of integers or booleans into its longest runs of one value, in order."""
    if len(values) == 0:
        return []
    changes = np.flatnonzero(np.diff(values.astype(np.int64))) + 1
    edges = [0, *changes.tolist(), len(values)]
    return [Run(start=start, stop=stop, value=int(values[start])) for start, stop in pairwise(edges)]


@dataclass(frozen=True, kw_only=True)
class Columns:
    """The overview of a recording in columns of equally many epochs; the last column may have fewer.

    `edges` are epochs: column c covers edges[c] … edges[c+1]−1. EEG keeps its extremes, EMG is the rms over the
    whole column, everything else a mean; `artifact_highest` is the highest probability of the column. Epochs that
    are unscored do not count, and a column without any other is NaN.
    """

    edges: Int[np.ndarray, " edges"]
    eeg_min: Float[np.ndarray, " columns"]
    eeg_max: Float[np.ndarray, " columns"]
    emg_rms: Float[np.ndarray, " columns"]
    spectrogram: Float[np.ndarray, "columns rows"]
    stage_probability: Float[np.ndarray, "columns 3"]
    artifact_mean: Float[np.ndarray, " columns"]
    artifact_highest: Float[np.ndarray, " columns"]

    def __len__(self) -> int:
        return len(self.eeg_min)


def columns(scores: Scores, *, at_most: int, start: int = 0, stop: int | None = None) -> Columns:
    """Pool epochs start … stop−1 into no more than `at_most` columns, as a screen or a print can show them."""
    stop = len(scores.hypnogram) if stop is None else stop
    size = max(-(-(stop - start) // at_most), 1)
    edges = np.append(np.arange(start, stop, size), stop)
    view, here, places = scores.overview, slice(start, stop), edges[:-1] - start
    return Columns(
        edges=edges,
        eeg_min=np.fmin.reduceat(view.eeg_min[here], places),
        eeg_max=np.fmax.reduceat(view.eeg_max[here], places),
        emg_rms=np.sqrt(_means(np.square(view.emg_rms[here]), places)),
        spectrogram=_means(view.spectrogram[here], places),
        stage_probability=_means(scores.stage_probability[here], places),
        artifact_mean=_means(scores.artifact_probability[here], places),
        artifact_highest=np.fmax.reduceat(scores.artifact_probability[here], places),
    )


def _means(values: NDArray[np.floating], places: NDArray[np.integer]) -> NDArray[np.floating]:
    """Mean over each column's epochs that are not NaN."""
    known = np.isfinite(values)
    total = np.add.reduceat(np.where(known, values, 0.0).astype(np.float64), places, axis=0)
    count = np.add.reduceat(known.astype(np.int64), places, axis=0)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def decibels(log_power: NDArray[np.floating]) -> NDArray[np.floating]:
    """10·log₁₀ of a power whose natural logarithm is given."""
    return np.asarray(log_power * DECIBEL_PER_NEPER)


def robust_limits(values: NDArray[np.floating], low: float = 1.0, high: float = 99.0) -> tuple[float, float]:
    """Two percentiles of the finite values, a bit apart even if all are equal; (0, 1) if there is none."""
    finite = values[np.isfinite(values)]
    if finite.size == 0:
        return 0.0, 1.0
    bottom, top = (float(limit) for limit in np.percentile(finite, (low, high)))
    return (bottom, top) if top > bottom else (bottom - 0.5, bottom + 0.5)


def shades(
    decibel: Float[np.ndarray, "columns rows"], limits: tuple[float, float]
) -> UInt8[np.ndarray, "rows columns"]:
    """Places in a palette of 256: 0 where nothing was scored, 1 … 255 from the lower limit to the upper."""
    low, high = limits
    scaled = 1 + np.clip((decibel - low) / (high - low), 0.0, 1.0) * 254
    return np.nan_to_num(np.rint(scaled), nan=0.0).astype(np.uint8).T


def row_edges(frequencies_hz: Float[np.ndarray, " rows"]) -> tuple[float, float]:
    """Lower and upper end of the frequencies that evenly spaced rows stand for."""
    rows = len(frequencies_hz)
    half = float(frequencies_hz[-1] - frequencies_hz[0]) / (rows - 1) / 2 if rows > 1 else 0.25
    return float(frequencies_hz[0]) - half, float(frequencies_hz[-1]) + half


def mean_spectra(scores: Scores) -> dict[Stage, Float[np.ndarray, " rows"]]:
    """Mean log power of each state in decibels over its clean epochs, for the states that have any."""
    hypnogram, log_power = scores.hypnogram, scores.overview.spectrogram
    clean = ~hypnogram.artifact & np.isfinite(log_power).all(axis=1)
    chosen = {stage: clean & (hypnogram.codes == stage.code) for stage in STAGES}
    return {stage: decibels(log_power[mask].mean(axis=0)) for stage, mask in chosen.items() if mask.any()}


def clock(start: datetime, seconds: float) -> str:
    """Time of day `seconds` after the start, e.g. "23:59:56"."""
    return (start + timedelta(seconds=seconds)).strftime("%H:%M:%S")


def elapsed(seconds: float) -> str:
    """Hours, minutes and seconds, e.g. "25:00:04"."""
    whole = round(seconds)
    return f"{whole // 3600}:{whole // 60 % 60:02d}:{whole % 60:02d}"


def in_words(seconds: float) -> str:
    """A length of time to read, e.g. "24 h", "1 h 5 min", "12 s"."""
    if seconds < 60:
        return f"{seconds:.3g} s"
    whole = round(seconds)
    parts = ((whole // 3600, "h"), (whole // 60 % 60, "min"), (whole % 60, "s"))
    return " ".join(f"{count:,} {unit}" for count, unit in parts if count)


def in_full(moment: datetime) -> str:
    """A date and time to read, e.g. "Monday 4 March 2024, 08:00:00"."""
    return f"{moment:%A} {moment.day} {moment:%B %Y}, {moment:%H:%M:%S}"


def in_print(unit: str) -> str:
    """A unit as print has it: files can write only "uV"."""
    return f"µ{unit[1:]}" if unit in ("uV", "uv") else unit

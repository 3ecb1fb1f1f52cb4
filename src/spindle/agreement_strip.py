"""An excerpt of a recording with the hypnograms of all scorers below each other (thesis A, 5.4.2 and Fig. 5.8)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float
from numpy.typing import NDArray

from spindle.drawing import decibels
from spindle.errors import ChannelError, LabelError, RecordingError, SettingError
from spindle.hypnogram import STAGES, Hypnogram
from spindle.recording import EPOCH_S, Channel, Montage

if TYPE_CHECKING:
    from spindle.signals import EpochSignals

EPOCHS = 150
"""Length of the excerpt in Fig. 5.8."""
COLUMNS_PER_EPOCH = 8
"""Columns of half a second are about as wide as a pixel of the print."""
EEG_BINS = 48
"""Rows of the spectrogram: 0.5–24 Hz."""


@dataclass(frozen=True, kw_only=True)
class Trace:
    """Lowest and highest sample of a channel in each column; NaN where nothing was recorded."""

    label: str
    unit: str
    low: Float[np.ndarray, " columns"]
    high: Float[np.ndarray, " columns"]


@dataclass(frozen=True, kw_only=True)
class StripSignals:
    """What the panels above the hypnograms show, in columns of an eighth of an epoch.

    `power_db` is that of the first EEG, 10·log₁₀ of squared units per Hz; NaN where a channel is unusable.
    """

    traces: tuple[Trace, ...]
    power_db: Float[np.ndarray, "columns rows"]
    frequencies_hz: Float[np.ndarray, " rows"]

    @property
    def roles(self) -> list[str]:
        """What each trace is: all but the last are EEGs."""
        return [*(f"eeg{number}" for number in range(1, len(self.traces))), "emg"]


@dataclass(frozen=True, kw_only=True)
class Strip:
    """Epochs start … stop−1 as all scorers see them. `signals` is None where only scores are known."""

    title: str
    start: int
    stop: int
    hypnograms: dict[str, Hypnogram]
    signals: StripSignals | None
    recorded_at: datetime | None = None

    @property
    def epoch_s(self) -> float:
        """Length of an epoch."""
        return next(iter(self.hypnograms.values())).epoch_s


def cut_strip(
    prediction: Hypnogram,
    experts: Sequence[Hypnogram],
    *,
    title: str,
    montage: Montage | None = None,
    recorded_at: datetime | None = None,
    from_hour: float | None = None,
    epochs: int = EPOCHS,
) -> Strip:
    """Cut an excerpt of `epochs` epochs, or the whole recording where that is shorter.

    It begins `from_hour` hours after the start, or is a typical one (see `typical_start`). SPINDLE stands below the
    first expert and above the others, so that it borders on two. Errors: LabelError where numbers of epochs differ;
    SettingError where the excerpt holds no epoch.
    """
    if not experts or any(len(expert) != len(prediction) for expert in experts):
        raise LabelError("A strip needs the labels of at least one expert, for every epoch of the scoring.")
    start = typical_start(prediction, experts, epochs) if from_hour is None else _first(prediction, from_hour, title)
    stop = min(start + epochs, len(prediction))
    if stop <= start:
        raise SettingError(
            f"A strip needs at least 1 epoch; {title} has {len(prediction)}, and {epochs} were asked for."
        )
    first, *others = [(f"expert {number}", expert) for number, expert in enumerate(experts, start=1)]
    return Strip(
        title=title,
        start=start,
        stop=stop,
        hypnograms=dict([first, ("SPINDLE", prediction), *others]),
        signals=None if montage is None else read_signals(montage, start, stop),
        recorded_at=recorded_at,
    )


def typical_start(prediction: Hypnogram, experts: Sequence[Hypnogram], epochs: int = EPOCHS) -> int:
    """Choose an excerpt with the median number of epochs on which the scorers differ, and return its first epoch.

    A picture chosen by eye shows what its maker likes; the median is neither the best nor the worst. Only excerpts
    count in which the first expert gives as many different states as in any, since the median over a whole day may
    be an hour of wake in which there is nothing to compare. Of several, the first is taken.
    """
    length = min(epochs, len(prediction))
    apart = _sums(differing([prediction, *experts]), length)
    kinds = np.sum([_sums(experts[0].codes == stage.code, length) > 0 for stage in STAGES], axis=0)
    candidates = np.flatnonzero(kinds == kinds.max())
    middle = np.sort(apart[candidates])[(len(candidates) - 1) // 2]
    return int(candidates[np.argmax(apart[candidates] == middle)])


def differing(hypnograms: Sequence[Hypnogram]) -> Bool[np.ndarray, " epochs"]:
    """Tell in which epochs scorers differ in state or artifact, those that left it unscored aside."""
    categories = np.stack([np.where(one.artifact, len(STAGES), one.codes) for one in hypnograms]).astype(float)
    categories[categories < 0] = np.nan
    return np.asarray(np.fmax.reduce(categories) > np.fmin.reduce(categories))


def read_signals(montage: Montage, start: int, stop: int) -> StripSignals:
    """Read the channels of epochs start … stop−1 only. Errors: those of reading."""
    from spindle.spectrogram import FRAMES_PER_EPOCH, log_power

    first, emg = (_part(channel, start, stop) for channel in (montage.eeg[0], montage.emg))
    # One EEG in both places stays one.
    second = first if montage.eeg[0] is montage.eeg[1] else _part(montage.eeg[1], start, stop)
    columns = (stop - start) * COLUMNS_PER_EPOCH
    power = np.full((columns, EEG_BINS), np.nan)
    signals = _usable_signals(Montage(eeg=(first, second), emg=emg))
    if signals is not None:
        frames = log_power(signals.eeg[0], signals, EEG_BINS, lambda bins: bins)
        power = decibels(frames.reshape(columns, FRAMES_PER_EPOCH // COLUMNS_PER_EPOCH, EEG_BINS).mean(axis=1))
    shown = (first, emg) if first is second else (first, second, emg)
    return StripSignals(
        traces=tuple(_trace(channel, columns) for channel in shown),
        power_db=power.astype(np.float64),
        frequencies_hz=(np.arange(EEG_BINS) + 1) * 0.5,
    )


def strip_data(strip: Strip) -> pd.DataFrame:
    """Return what the strip shows, one row per column of its signals, or per epoch where there are none.

    `time_s` counts from the start of the recording. `stage_…` and `artifact_…` repeat for every column of an epoch.
    """
    per_epoch = 1 if strip.signals is None else COLUMNS_PER_EPOCH
    epoch = np.repeat(np.arange(strip.start, strip.stop), per_epoch)
    place = np.arange(len(epoch)) / per_epoch
    table: dict[str, Sequence[str] | NDArray[np.generic]] = {
        "epoch": epoch,
        "time_s": (strip.start + place) * strip.epoch_s,
    }
    for name, hypnogram in strip.hypnograms.items():
        word = name.lower().replace(" ", "_")
        stages = hypnogram.stages
        table[f"stage_{word}"] = [str(stages[one]) for one in epoch]
        table[f"artifact_{word}"] = hypnogram.artifact[epoch].astype(int)
    if strip.signals is not None:
        for role, trace in zip(strip.signals.roles, strip.signals.traces, strict=True):
            unit = f"_{trace.unit}" if trace.unit else ""
            table |= {f"{role}_low{unit}": trace.low, f"{role}_high{unit}": trace.high}
        for row, frequency in enumerate(strip.signals.frequencies_hz.tolist()):
            table[f"power_db_{frequency:g}_hz"] = strip.signals.power_db[:, row]
    return pd.DataFrame(table)


def _first(hypnogram: Hypnogram, from_hour: float, title: str) -> int:
    length_h = len(hypnogram) * hypnogram.epoch_s / 3600
    if not 0 <= from_hour < length_h:
        raise SettingError(f"{title} has {length_h:.3g} h; no excerpt can begin {from_hour:g} h after its start.")
    return math.floor(from_hour * 3600 / hypnogram.epoch_s + 1e-6)


def _sums(mask: Bool[np.ndarray, " epochs"], length: int) -> NDArray[np.int64]:
    """How many of `length` epochs are marked, for each place where such a stretch can begin."""
    total = np.concatenate([[0], np.cumsum(mask)])
    return np.asarray(total[length:] - total[: len(total) - length])


def _part(channel: Channel, start: int, stop: int) -> Channel:
    """Epochs start … stop−1 of a channel, rounded outwards to whole samples."""
    first = math.floor(start * EPOCH_S * channel.rate_hz)
    last = min(math.ceil(stop * EPOCH_S * channel.rate_hz), channel.samples)

    def read(low: int, high: int) -> NDArray[np.float32]:
        return channel.read(first + low, first + high)

    return replace(channel, samples=last - first, read=read)


def _usable_signals(montage: Montage) -> EpochSignals | None:
    """The signals as the method sees them; None where the excerpt has no epoch that it could use."""
    from spindle.signals import load_signals

    try:
        return load_signals(montage)
    except (ChannelError, RecordingError):
        return None


def _trace(channel: Channel, columns: int) -> Trace:
    samples = channel.read(0, channel.samples)
    edges = np.floor(np.arange(columns) * (EPOCH_S / COLUMNS_PER_EPOCH * channel.rate_hz)).astype(np.int64)
    low, high = np.fmin.reduceat(samples, edges), np.fmax.reduceat(samples, edges)
    return Trace(label=channel.label, unit=channel.unit, low=low, high=high)

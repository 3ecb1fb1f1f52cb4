"""Signals on the epoch grid: resampled to 128 Hz, with the epochs that hold no usable signal set apart.

Thesis A, 5.3.1, first step. Each stretch of usable epochs is resampled by itself, so that nothing from before a gap
reaches the samples after it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import soxr
from jaxtyping import Bool, Float
from numpy.typing import NDArray

from spindle.errors import ChannelError, RecordingError
from spindle.recording import EPOCH_S, Channel, Montage

RATE_HZ = 128
"""Common rate of all signals after resampling (thesis A, 5.3.1)."""

LOWEST_RATE_HZ = 64.0
"""Below it the EMG band, which ends at 30 Hz, cannot be measured."""

EPOCH_SAMPLES = int(EPOCH_S * RATE_HZ)
CHUNK_EPOCHS = 256

Advance = Callable[[int], None]
"""Called with the number of epochs that were just read, for a progress bar."""


@dataclass(frozen=True, kw_only=True)
class EpochSignal:
    """One channel at 128 Hz, with its extent in each epoch.

    `usable` is False where an epoch holds a NaN or is flat for two of its four seconds; `samples` are NaN there.
    `low`, `high` and `rms` are in the channel's unit; `rms` is taken about the epoch's mean.
    """

    samples: Float[np.ndarray, " samples"]
    usable: Bool[np.ndarray, " epochs"]
    low: Float[np.ndarray, " epochs"]
    high: Float[np.ndarray, " epochs"]
    rms: Float[np.ndarray, " epochs"]


@dataclass(frozen=True, kw_only=True)
class EpochSignals:
    """The signals of a montage; `eeg` holds one signal twice where the montage has one EEG."""

    eeg: tuple[EpochSignal, EpochSignal]
    emg: EpochSignal
    usable: Bool[np.ndarray, " epochs"]
    notes: tuple[str, ...] = ()

    @property
    def runs(self) -> list[tuple[int, int]]:
        """Maximal stretches [start, stop) of epochs in which every channel is usable."""
        return stretches(self.usable)


def stretches(mask: Bool[np.ndarray, " epochs"]) -> list[tuple[int, int]]:
    """Maximal stretches [start, stop) in which `mask` is True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], mask, [False]]).astype(np.int8)))
    return [(int(start), int(stop)) for start, stop in edges.reshape(-1, 2)]


def load_signals(montage: Montage, *, advance: Advance = lambda epochs: None) -> EpochSignals:
    """Read, resample and check the channels of a montage, several at a time.

    A last part-epoch is dropped and noted. Errors: ChannelError for a rate under 64 Hz or a channel without any
    usable epoch; RecordingError for a recording shorter than one epoch or without an epoch in which all channels
    are usable at once.
    """
    for channel in montage.channels:
        if channel.rate_hz < LOWEST_RATE_HZ:
            raise ChannelError(
                f"Channel '{channel.label}' is sampled at {channel.rate_hz:g} Hz; "
                f"scoring needs {LOWEST_RATE_HZ:g} Hz or more."
            )
    epochs = montage.epochs
    if epochs == 0:
        raise RecordingError(
            f"The recording lasts {montage.duration_s:.3g} s; scoring needs at least one epoch of {EPOCH_S:g} s."
        )
    with ThreadPoolExecutor(max_workers=2) as pool:
        loaded = list(pool.map(lambda channel: _load(channel, epochs, advance), montage.channels))
    first, emg = loaded[0], loaded[-1]
    second = loaded[1] if len(loaded) == 3 else first
    usable = np.logical_and.reduce([signal.usable for signal in loaded])
    if not usable.any():
        raise RecordingError("There is no epoch in which the EEG and the EMG are both usable.")
    return EpochSignals(
        eeg=(first, second), emg=emg, usable=usable, notes=_notes(montage, epochs, loaded, int((~usable).sum()))
    )


def _notes(montage: Montage, epochs: int, loaded: list[EpochSignal], unscored: int) -> tuple[str, ...]:
    notes = []
    rest_s = montage.duration_s - epochs * EPOCH_S
    if rest_s > 0.5 / RATE_HZ:
        notes.append(f"The last {rest_s:.2f} s are less than an epoch and were dropped.")
    if unscored:
        causes = [
            f"'{channel.label}' in {int((~signal.usable).sum()):,}"
            for channel, signal in zip(montage.channels, loaded, strict=True)
            if not signal.usable.all()
        ]
        notes.append(f"{unscored:,} of {epochs:,} epochs are unscored: no signal, or a flat one ({', '.join(causes)}).")
    return tuple(notes)


def _load(channel: Channel, epochs: int, advance: Advance) -> EpochSignal:
    samples = np.full(epochs * EPOCH_SAMPLES, np.nan, dtype=np.float32)
    usable = np.zeros(epochs, dtype=bool)
    low, high, rms = (np.full(epochs, np.nan, dtype=np.float32) for _ in range(3))
    resampler = _StretchResampler(channel.rate_hz, samples)
    numbers = 0
    for first, chunk, bounds in _chunks(channel, epochs):
        here = slice(first, first + len(bounds) - 1)
        usable[here] = _usable(chunk, bounds, channel.rate_hz)
        numbers += int(np.isfinite(chunk).sum())
        for start, stop in stretches(usable[here]):
            piece = chunk[bounds[start] : bounds[stop]]
            rows = slice(first + start, first + stop)
            low[rows], high[rows], rms[rows] = _extent(piece, bounds[start:stop] - bounds[start])
            resampler.feed(piece, epoch=first + start)
        advance(len(bounds) - 1)
    resampler.finish()
    if not usable.any():
        holds = "a flat line only" if numbers else "no numbers (all NaN)"
        raise ChannelError(f"Channel '{channel.label}' holds {holds}; name another one.")
    return EpochSignal(samples=samples, usable=usable, low=low, high=high, rms=rms)


def _chunks(channel: Channel, epochs: int) -> Iterator[tuple[int, NDArray[np.float32], NDArray[np.int64]]]:
    """Yield (first epoch, samples, bounds of epochs within them); a rate that is no integer moves a bound by half."""
    for first in range(0, epochs, CHUNK_EPOCHS):
        last = min(first + CHUNK_EPOCHS, epochs)
        bounds = np.round(np.arange(first, last + 1) * (EPOCH_S * channel.rate_hz)).astype(np.int64)
        bounds = np.minimum(bounds, channel.samples)
        yield first, channel.read(int(bounds[0]), int(bounds[-1])), bounds - bounds[0]


def _usable(chunk: NDArray[np.float32], bounds: NDArray[np.int64], rate_hz: float) -> Bool[np.ndarray, " epochs"]:
    """Tell which epochs are finite and not flat for two of their four seconds."""
    finite = np.logical_and.reduceat(np.isfinite(chunk), bounds[:-1])
    moves = np.zeros(len(chunk), dtype=bool)
    moves[1:] = chunk[1:] != chunk[:-1]
    seconds = np.round(bounds[:-1, None] + rate_hz * np.arange(4)).astype(np.int64)
    # The step into a second belongs to the second before it: a flat line may begin with a jump.
    moves[np.minimum(seconds.ravel(), len(chunk) - 1)] = False
    alive = np.logical_or.reduceat(moves, np.minimum(seconds.ravel(), len(chunk) - 1)).reshape(-1, 4)
    return np.asarray(finite & (alive.sum(axis=1) > 2))


def _extent(
    piece: NDArray[np.float32], starts: NDArray[np.int64]
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    counts = np.diff(np.append(starts, len(piece)))
    mean = np.add.reduceat(piece, starts, dtype=np.float64) / counts
    square = np.add.reduceat(np.square(piece, dtype=np.float64), starts) / counts
    rms = np.sqrt(np.maximum(square - mean**2, 0)).astype(np.float32)
    return np.minimum.reduceat(piece, starts), np.maximum.reduceat(piece, starts), rms


class _StretchResampler:
    """Writes stretches of usable epochs at 128 Hz to their place, each through a filter of its own."""

    def __init__(self, rate_hz: float, target: NDArray[np.float32]) -> None:
        self._rate_hz = rate_hz
        self._target = target
        self._stream: soxr.ResampleStream | None = None
        self._next_epoch = -1
        self._written = 0
        self._end = 0

    def feed(self, piece: NDArray[np.float32], *, epoch: int) -> None:
        """Take a stretch that begins with `epoch`; it continues the last one when it follows without a gap."""
        if epoch != self._next_epoch:
            self.finish()
            self._written = self._end = epoch * EPOCH_SAMPLES
            if self._rate_hz != RATE_HZ:
                self._stream = soxr.ResampleStream(self._rate_hz, RATE_HZ, 1, dtype="float32")
        epochs = round(len(piece) / (EPOCH_S * self._rate_hz))
        self._next_epoch = epoch + epochs
        self._end += epochs * EPOCH_SAMPLES
        self._write(piece if self._stream is None else self._stream.resample_chunk(piece))

    def finish(self) -> None:
        """End the stretch: flush the filter, and repeat the last sample where rounding left one short."""
        if self._stream is not None:
            self._write(self._stream.resample_chunk(np.zeros(0, dtype=np.float32), last=True))
            self._stream = None
        if self._written < self._end:
            self._target[self._written : self._end] = self._target[self._written - 1]
        self._next_epoch = -1

    def _write(self, samples: NDArray[np.float32]) -> None:
        count = min(len(samples), self._end - self._written)
        self._target[self._written : self._written + count] = samples[:count]
        self._written += count

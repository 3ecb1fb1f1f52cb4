"""Recordings as the rest of SPINDLE sees them: channels with a unit, a rate and a role, on one timeline.

A timeline starts at the first sample and runs through every gap: where a recorder was stopped, samples are NaN.
Nothing after this file knows about files or formats.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

EPOCH_S = 4.0
"""Length of one epoch in seconds (thesis A, Table 5.2)."""

Read = Callable[[int, int], NDArray[np.float32]]
"""Samples [start, stop) of one channel in its unit; NaN where nothing was recorded."""


@dataclass(frozen=True, kw_only=True)
class Channel:
    """One signal at its native rate, read piece by piece so that a day never sits in memory.

    `samples` counts the whole timeline, gaps included. `rate_hz` need not be an integer.
    """

    label: str
    unit: str
    rate_hz: float
    samples: int
    read: Read

    @property
    def duration_s(self) -> float:
        """Length of the timeline in seconds."""
        return self.samples / self.rate_hz

    @classmethod
    def from_array(cls, label: str, signal: Float[np.ndarray, " samples"], rate_hz: float, unit: str = "uV") -> Channel:
        """Wrap an array that is in memory already."""
        values = np.asarray(signal)

        def read(start: int, stop: int) -> NDArray[np.float32]:
            return values[start:stop].astype(np.float32)

        return cls(label=label, unit=unit, rate_hz=float(rate_hz), samples=len(values), read=read)


@dataclass(frozen=True, kw_only=True)
class Annotation:
    """A remark in the recording's own file; `onset_s` counts from the first sample of the timeline."""

    onset_s: float
    duration_s: float
    text: str


@dataclass(frozen=True, kw_only=True)
class Recording:
    """All channels of one file. `notes` are sentences on what was noticed or assumed while reading it."""

    name: str
    channels: tuple[Channel, ...]
    path: Path | None = None
    start: datetime | None = None
    annotations: tuple[Annotation, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def labels(self) -> tuple[str, ...]:
        """The channels' names, in the order of the file."""
        return tuple(channel.label for channel in self.channels)


@dataclass(frozen=True, kw_only=True)
class Montage:
    """The channels of one animal that are scored together: two EEGs and one EMG.

    With a single EEG both places hold it (thesis A, 5.4.6). `animal` tells several animals of one file apart and
    is empty when there is one. `notes` say which choices were made for the user.
    """

    eeg: tuple[Channel, Channel]
    emg: Channel
    animal: str = ""
    notes: tuple[str, ...] = ()

    @property
    def channels(self) -> tuple[Channel, ...]:
        """The distinct channels, EEG first."""
        first, second = self.eeg
        return (first, self.emg) if first is second else (first, second, self.emg)

    @property
    def duration_s(self) -> float:
        """The time that all channels cover."""
        return min(channel.duration_s for channel in self.channels)

    @property
    def epochs(self) -> int:
        """Whole epochs in that time."""
        return int(self.duration_s / EPOCH_S + 1e-6)

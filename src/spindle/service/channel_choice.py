"""Which channels of a stored recording are scored: the same choice, and the same sentences, as at the command line.

The database holds what the header of the file says of each channel, which is all that the choice needs.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spindle.errors import ChannelError
from spindle.montage import choose_montages
from spindle.recording import Channel, Montage, Recording
from spindle.service import tables


@dataclass(frozen=True, kw_only=True)
class Choice:
    """What would be scored: a montage for each animal, or the sentence that says why there is none."""

    montages: tuple[Montage, ...]
    problem: str | None
    roles: tuple[str | None, ...]
    """EEG, EMG or None for each channel, in the order of the file."""
    names: tuple[str, ...]
    """What each channel is called: its label, or LABEL#2 for the second of that label."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What was chosen for the user."""
        return tuple(note for montage in self.montages for note in montage.notes)

    @property
    def epochs(self) -> int | None:
        """How many epochs each animal has; None where nothing can be chosen."""
        return self.montages[0].epochs if self.montages else None


def stored_channels(channels: Iterable[Channel]) -> list[dict[str, Any]]:
    """Return what the database keeps of channels."""
    return [{"label": one.label, "unit": one.unit, "rate_hz": one.rate_hz, "samples": one.samples} for one in channels]


def without_samples(row: tables.Recording) -> Recording:
    """Make the recording of a row, whose channels cannot be read."""
    channels = tuple(
        Channel(label=one["label"], unit=one["unit"], rate_hz=one["rate_hz"], samples=one["samples"], read=_nothing)
        for one in row.channels
    )
    return Recording(name=row.name, channels=channels)


def montages_of(row: tables.Recording, eeg: Sequence[str], emg: str | None) -> tuple[Montage, ...]:
    """Choose channels of a stored recording. Errors: ChannelError, as `choose_montages` has them."""
    return choose_montages(without_samples(row), eeg=eeg, emg=emg)


def choice_of(row: tables.Recording) -> Choice:
    """Return what would be scored now."""
    recording = without_samples(row)
    labels = recording.labels
    names = tuple(
        f"{label}#{labels[: place + 1].count(label)}" if labels.count(label) > 1 else label
        for place, label in enumerate(labels)
    )
    try:
        montages, problem = choose_montages(recording, eeg=row.eeg, emg=row.emg), None
    except ChannelError as error:
        montages, problem = (), str(error)
    eegs = {id(channel) for montage in montages for channel in montage.eeg}
    emgs = {id(montage.emg) for montage in montages}
    roles = tuple(
        "EEG" if id(channel) in eegs else "EMG" if id(channel) in emgs else None for channel in recording.channels
    )
    return Choice(montages=montages, problem=problem, roles=roles, names=names)


def _nothing(start: int, stop: int) -> NDArray[np.float32]:
    return np.full(max(stop - start, 0), np.nan, dtype=np.float32)

"""What a page draws of raw signals: lowest and highest values over short stretches, at several widths.

`write_envelopes(montage, folder)` fills a folder, which the service keeps as `scorings/ID/envelopes`:

| file | content |
|---|---|
| `about.json` | channels with unit, scale and usual extent; levels with rate and number of stretches |
| `level0.npy` … | `(channels, stretches, 2)` as int16: two extremes per channel and stretch |

Level 0 has 32 stretches per second, so that an epoch of 4 s is drawn by 256 values; each further level is eight times
coarser. A value is an integer times its channel's scale, and `MISSING` where nothing was recorded. The two extremes
stand in the order in which the signal goes through them, as far as its ends tell, so that they can be joined by a line.
Three channels of 24 h take 38 MB. Plain `.npy` files, because a window of one is read without the rest.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Int, Int16
from numpy.lib.format import open_memmap
from numpy.typing import NDArray

from spindle.drawing import robust_limits
from spindle.errors import OutputError
from spindle.recording import Channel, Montage

RATE_HZ = 32
"""Stretches per second of level 0."""
COARSER = 8
"""How many stretches of a level make one of the next."""
FEWEST = 512
"""A level with fewer stretches than this is the last."""
MISSING = -32768
ABOUT = "about.json"

_HIGHEST = 32767
_BLOCK_S = 1024
"""Seconds that are read at once: 2 MB of a channel at 512 Hz."""


@dataclass(frozen=True, kw_only=True)
class EnvelopeChannel:
    """One signal: an integer times `scale` is in `unit`. Most of it lies between `low` and `high`, in `unit` too."""

    label: str
    unit: str
    role: str
    scale: float
    low: float
    high: float


@dataclass(frozen=True, kw_only=True)
class Level:
    """One file of extremes, with `rate_hz` stretches per second."""

    name: str
    rate_hz: float
    stretches: int


@dataclass(frozen=True, kw_only=True)
class About:
    """What a folder of envelopes holds; levels from fine to coarse."""

    channels: tuple[EnvelopeChannel, ...]
    levels: tuple[Level, ...]

    @classmethod
    def read(cls, path: Path) -> About:
        """Read `about.json`. Errors: OutputError where it is none."""
        try:
            kept = json.loads(path.read_text(encoding="utf-8"))
            channels = tuple(EnvelopeChannel(**one) for one in kept["channels"])
            return cls(channels=channels, levels=tuple(Level(**one) for one in kept["levels"]))
        except (OSError, ValueError, KeyError, TypeError):
            raise OutputError(f"{path.name} does not describe envelopes.") from None

    def level_for(self, first_s: float, last_s: float, columns: int) -> Level:
        """Choose the coarsest level that has `columns` stretches in a window, or else the finest."""
        enough = [level for level in self.levels if (last_s - first_s) * level.rate_hz >= columns]
        return enough[-1] if enough else self.levels[0]


@dataclass(frozen=True, kw_only=True)
class Window:
    """Extremes of a window: column c begins at `first_s` + c·`column_s`. The last column may be cut short."""

    first_s: float
    column_s: float
    extremes: Int16[np.ndarray, "channels columns 2"]


def write_envelopes(montage: Montage, folder: Path) -> None:
    """Write the envelopes of a montage into a folder, which is made where it is missing.

    Signals are read piece by piece; what is held is level 0 of one channel, 22 MB for a day whatever the rate.
    `about.json` is written last. Errors: OutputError where the folder cannot be written.
    """
    seconds = montage.duration_s
    levels = _levels(seconds)
    roles = [*(["EEG"] * (len(montage.channels) - 1)), "EMG"]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        files = [
            open_memmap(folder / f"{level.name}.npy", "w+", dtype=np.int16, shape=(len(roles), level.stretches, 2))
            for level in levels
        ]
        channels = []
        for place, (channel, role) in enumerate(zip(montage.channels, roles, strict=True)):
            pairs = _extremes(channel, levels[0].stretches)
            about = _about(channel, role, pairs)
            for level, file in zip(levels, files, strict=True):
                file[place] = _integers(pairs, about.scale)
                if level is not levels[-1]:
                    pairs = pooled(pairs, COARSER)
            channels.append(about)
        for file in files:
            file.flush()
        record = {"channels": [asdict(one) for one in channels], "levels": [asdict(level) for level in levels]}
        (folder / ABOUT).write_text(json.dumps(record, indent=1), encoding="utf-8")
    except OSError as error:
        raise OutputError(f"Envelopes cannot be written to {folder}: {error.strerror or error}.") from None


def read_window(path: Path, level: Level, first_s: float, last_s: float, columns: int) -> Window:
    """Read a window of a level, pooled to at most `columns` columns; only the window is read from the disk.

    Errors: OutputError where the file is none.
    """
    start = min(max(int(first_s * level.rate_hz), 0), level.stretches)
    stop = min(max(int(np.ceil(last_s * level.rate_hz)), start), level.stretches)
    size = max(-(-(stop - start) // max(columns, 1)), 1)
    try:
        kept = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError):
        raise OutputError(f"{path.name} holds no envelopes.") from None
    # Columns begin at multiples of their width, so that a picture that moves does not flicker.
    start -= start % size
    extremes = np.array(kept[:, start:stop])
    return Window(
        first_s=start / level.rate_hz,
        column_s=size / level.rate_hz,
        extremes=np.stack([pooled(one, size) for one in extremes]) if size > 1 else extremes,
    )


def window(folder: Path, first_s: float, last_s: float, columns: int) -> Window:
    """Read a window from a folder of this machine, from the level that suits it. Errors: OutputError."""
    level = About.read(folder / ABOUT).level_for(first_s, last_s, columns)
    return read_window(folder / f"{level.name}.npy", level, first_s, last_s, columns)


def pooled(pairs: NDArray[Any], size: int) -> NDArray[Any]:
    """Join `size` neighbouring stretches into one: lowest and highest, in the order that the ends tell.

    Missing stretches, NaN or `MISSING`, do not count, and a column without any other is missing.
    """
    if len(pairs) == 0:
        return pairs
    places = np.arange(0, len(pairs), size)
    whole = np.issubdtype(pairs.dtype, np.integer)
    known = pairs[:, 0] != MISSING if whole else np.isfinite(pairs[:, 0])
    highest = np.iinfo(pairs.dtype).max if whole else np.inf
    lowest = np.iinfo(pairs.dtype).min if whole else -np.inf
    low = np.minimum.reduceat(np.where(known, pairs.min(axis=1), highest), places)
    high = np.maximum.reduceat(np.where(known, pairs.max(axis=1), lowest), places)
    ends = np.append(places[1:], len(pairs)) - 1
    rises = pairs[places, 0] <= pairs[ends, 1]
    joined = np.where(rises[:, None], np.stack([low, high], axis=1), np.stack([high, low], axis=1))
    joined[~np.logical_or.reduceat(known, places)] = MISSING if whole else np.nan
    return joined.astype(pairs.dtype)


def _levels(seconds: float) -> list[Level]:
    found = [Level(name="level0", rate_hz=RATE_HZ, stretches=max(int(seconds * RATE_HZ), 1))]
    while found[-1].stretches > FEWEST * COARSER:
        last = found[-1]
        count = -(-last.stretches // COARSER)
        found.append(Level(name=f"level{len(found)}", rate_hz=last.rate_hz / COARSER, stretches=count))
    return found


def _extremes(channel: Channel, stretches: int) -> Float[np.ndarray, "stretches 2"]:
    """Read a channel and keep its extremes at level 0."""
    pairs = np.full((stretches, 2), np.nan, dtype=np.float32)
    for first, bounds, samples in _blocks(channel, stretches):
        starts = bounds[:-1] - bounds[0]
        if len(samples) == 0:
            continue
        low, high = np.fmin.reduceat(samples, starts), np.fmax.reduceat(samples, starts)
        rises = samples[starts] <= samples[np.append(starts[1:], len(samples)) - 1]
        here = slice(first, first + len(starts))
        pairs[here, 0], pairs[here, 1] = np.where(rises, low, high), np.where(rises, high, low)
    return pairs


def _blocks(channel: Channel, stretches: int) -> Iterator[tuple[int, Int[np.ndarray, " bounds"], NDArray[np.float32]]]:
    """Yield (first stretch, bounds in samples, samples); a rate that is no multiple moves a bound by half a sample."""
    for first in range(0, stretches, _BLOCK_S * RATE_HZ):
        last = min(first + _BLOCK_S * RATE_HZ, stretches)
        bounds = np.round(np.arange(first, last + 1) * (channel.rate_hz / RATE_HZ)).astype(np.int64)
        bounds = np.minimum(bounds, channel.samples)
        yield first, bounds, channel.read(int(bounds[0]), int(bounds[-1]))


def _about(channel: Channel, role: str, pairs: Float[np.ndarray, "stretches 2"]) -> EnvelopeChannel:
    most = float(np.nanmax(np.abs(pairs), initial=0.0))
    # Artifacts reach far; a page shows what is usual, and lets them leave the panel.
    low, _ = robust_limits(pairs.min(axis=1), 1.0, 99.0)
    _, high = robust_limits(pairs.max(axis=1), 1.0, 99.0)
    return EnvelopeChannel(
        label=channel.label,
        unit=channel.unit,
        role=role,
        scale=most / _HIGHEST if most > 0 else 1.0,
        low=low,
        high=high,
    )


def _integers(pairs: Float[np.ndarray, "stretches 2"], scale: float) -> Int16[np.ndarray, "stretches 2"]:
    whole = np.rint(pairs / scale)
    return np.where(np.isfinite(whole), np.clip(whole, -_HIGHEST, _HIGHEST), MISSING).astype(np.int16)

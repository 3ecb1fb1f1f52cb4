"""Recordings and remarks as EDF+ files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from io import BytesIO
from math import ceil
from pathlib import Path

import edfio
import numpy as np
from numpy.typing import NDArray

from latentia.files import atomic_path
from spindle.errors import OutputError, RecordingError
from spindle.recording import Annotation, Channel

CHUNK_SAMPLES = 2**20
"""So many samples of a channel are in memory at a time."""

DIGITAL_MIN, DIGITAL_MAX = -32768, 32767
LONGEST_RECORD_S = 60
LARGEST_VALUE = 9_999_998.0
"""A limit has 8 characters in the header, one of them for the sign; constant signals get a range of 1."""


@dataclass(frozen=True, kw_only=True)
class _Plan:
    """How channels are cut into data records."""

    record_s: float
    records: int
    samples_per_record: tuple[int, ...]


def write_edf(
    path: Path,
    channels: Sequence[Channel],
    *,
    start: datetime | None = None,
    annotations: Iterable[Annotation] = (),
    physical_range: tuple[float, float] | None = None,
) -> None:
    """Write a continuous EDF+ file, piece by piece; memory does not grow with the recording's length.

    Samples become 16-bit numbers over each channel's own minimum and maximum, or over `physical_range`, which
    saves reading everything twice and clips what lies beyond. Where the last record is not full, it repeats each
    channel's last sample. `annotations` count from the first sample.

    Errors: RecordingError for NaN, for rates that no common record length fits, or for labels and values that an
    EDF header cannot hold. OutputError where `path` cannot be written.
    """
    plan = _plan(path.name, channels)
    limits = [physical_range or _limits(path.name, channel) for channel in channels]
    stamps = _time_stamps(plan, annotations, start.microsecond / 1e6 if start else 0.0)
    header, ranges = _header(path.name, channels, limits, plan, start)
    header = _with_counts(header, len(channels), plan.records, stamps.shape[1] // 2)
    try:
        with atomic_path(path) as temporary, temporary.open("wb") as file:
            file.write(header)
            for block in _blocks(path.name, channels, ranges, plan, stamps):
                file.write(block.tobytes())
    except OSError as error:
        raise OutputError(f"{path} cannot be written: {error.strerror}.") from error


def write_annotations(path: Path, annotations: Iterable[Annotation], *, start: datetime | None = None) -> None:
    """Write an EDF+ file that holds remarks and no signals, such as a hypnogram that viewers lay over a recording.

    Give the recording's own `start`, from which onsets count. Errors: RecordingError where there is nothing to
    write or EDF+ has no such date, OutputError where `path` cannot be written.
    """
    entries = [edfio.EdfAnnotation(one.onset_s, one.duration_s or None, _plain(one.text)) for one in annotations]
    if not entries:
        raise RecordingError(f"There are no annotations to write into {path.name}.")
    try:
        file = edfio.Edf(
            [],
            recording=_recording(start),
            starttime=start.time() if start else None,
            annotations=entries,
        )
    except ValueError as error:
        raise RecordingError(f"{path.name} cannot be written as EDF+: {error}.") from error
    try:
        with atomic_path(path) as temporary:
            file.write(temporary)
    except OSError as error:
        raise OutputError(f"{path} cannot be written: {error.strerror}.") from error


def _plan(name: str, channels: Sequence[Channel]) -> _Plan:
    if not channels or not all(channel.samples for channel in channels):
        raise RecordingError(f"There are no samples to write into {name}.")
    record_s, samples = _record_length(name, [channel.rate_hz for channel in channels])
    records = max(ceil(channel.samples / count) for channel, count in zip(channels, samples, strict=True))
    for channel, count in zip(channels, samples, strict=True):
        if ceil(channel.samples / count) < records:
            raise RecordingError(
                f"'{channel.label}' lasts {channel.duration_s:g} s, which is less than other channels of {name}; "
                "EDF has one length for all."
            )
    return _Plan(record_s=record_s, records=records, samples_per_record=samples)


def _record_length(name: str, rates_hz: Sequence[float]) -> tuple[float, tuple[int, ...]]:
    """Find the shortest whole number of seconds that holds whole samples of every channel.

    A rate that fits none, such as a measured one, gets records of about a second whose length the header's
    8 characters give to 1 part in 10⁷; that works for a single rate.
    """
    for record_s in range(1, LONGEST_RECORD_S + 1):
        samples = [rate_hz * record_s for rate_hz in rates_hz]
        if all(abs(count - round(count)) < 1e-6 and round(count) >= 1 for count in samples):
            return float(record_s), tuple(round(count) for count in samples)
    if len(set(rates_hz)) > 1:
        listed = ", ".join(f"{rate_hz:g}" for rate_hz in rates_hz)
        raise RecordingError(f"{name} cannot be EDF: no record length holds whole samples at {listed} Hz.")
    count = max(1, round(rates_hz[0]))
    return float(f"{count / rates_hz[0]:.6f}"), (count,) * len(rates_hz)


def _pieces(channel: Channel) -> Iterator[NDArray[np.float32]]:
    for start in range(0, channel.samples, CHUNK_SAMPLES):
        yield channel.read(start, min(start + CHUNK_SAMPLES, channel.samples))


def _limits(name: str, channel: Channel) -> tuple[float, float]:
    low, high = np.inf, -np.inf
    for piece in _pieces(channel):
        # The minimum of an array with NaN is NaN.
        low, high = np.minimum(low, piece.min()), np.maximum(high, piece.max())
        if not (np.isfinite(low) and np.isfinite(high)):
            raise RecordingError(f"'{channel.label}' holds values that are not finite, which EDF cannot ({name}).")
    if max(abs(low), abs(high)) > LARGEST_VALUE:
        raise RecordingError(
            f"'{channel.label}' reaches {max(-low, high):g} {channel.unit}, too much for EDF ({name})."
        )
    return (float(low), float(high)) if low < high else (float(low), float(low) + 1.0)


def _recording(start: datetime | None) -> edfio.Recording:
    return edfio.Recording(startdate=start.date() if start else None)


def _plain(text: str) -> str:
    """Keep EDF+'s own control characters out of a text."""
    return "".join(letter if letter.isprintable() else " " for letter in text)


def _header(
    name: str,
    channels: Sequence[Channel],
    limits: Sequence[tuple[float, float]],
    plan: _Plan,
    start: datetime | None,
) -> tuple[bytes, list[tuple[float, float]]]:
    """Let edfio write a file of one record; its header is the one we need, but for two counts.

    The ranges that come back are those of the header, which has 8 characters for each limit.
    """
    try:
        signals = [
            edfio.EdfSignal.from_digital(
                np.zeros(count, dtype=np.int16),
                count / plan.record_s,
                label=channel.label,
                physical_dimension=channel.unit.replace("µ", "u"),
                physical_range=limit,
            )
            for channel, limit, count in zip(channels, limits, plan.samples_per_record, strict=True)
        ]
        file = edfio.Edf(
            signals,
            recording=_recording(start),
            starttime=start.time().replace(microsecond=0) if start else None,
            data_record_duration=plan.record_s,
            annotations=[],
        )
        target = BytesIO()
        file.write(target)
    except ValueError as error:
        raise RecordingError(f"{name} cannot be written as EDF: {error}.") from error
    return target.getvalue()[: file.bytes_in_header_record], [
        (signal.physical_min, signal.physical_max) for signal in file.signals
    ]


def _with_counts(header: bytes, signals: int, records: int, stamp_samples: int) -> bytes:
    """Enter the number of records, and the size of the annotation signal, which is the last."""
    width = signals + 1
    size_at = 256 + 216 * width + 8 * signals
    parts = (header[:236], f"{records:<8}".encode(), header[244:size_at], f"{stamp_samples:<8}".encode())
    return b"".join(parts) + header[size_at + 8 :]


def _time_stamps(plan: _Plan, annotations: Iterable[Annotation], offset_s: float) -> NDArray[np.uint8]:
    """Make the annotation signal, one row per record: its time stamp, then the remarks that begin in it."""
    entries = [[_entry(record * plan.record_s + offset_s, 0.0, "")] for record in range(plan.records)]
    for one in annotations:
        record = min(max(int(one.onset_s // plan.record_s), 0), plan.records - 1)
        entries[record].append(_entry(one.onset_s + offset_s, one.duration_s, _plain(one.text)))
    rows = [b"".join(row) for row in entries]
    width = max(len(row) for row in rows)
    width += width % 2
    padded = b"".join(row.ljust(width, b"\0") for row in rows)
    return np.frombuffer(padded, dtype=np.uint8).reshape(plan.records, width)


def _entry(onset_s: float, duration_s: float, text: str) -> bytes:
    duration = f"\x15{_seconds(duration_s)}" if duration_s > 0 else ""
    return f"{'-' if onset_s < 0 else '+'}{_seconds(abs(onset_s))}{duration}\x14{text}\x14\0".encode()


def _seconds(value: float) -> str:
    """Give at most nine decimals, never an exponent, which EDF+ forbids."""
    return f"{value:.9f}".rstrip("0").rstrip(".")


def _blocks(
    name: str,
    channels: Sequence[Channel],
    ranges: Sequence[tuple[float, float]],
    plan: _Plan,
    stamps: NDArray[np.uint8],
) -> Iterator[NDArray[np.int16]]:
    """Give data records, some at a time, as they stand in the file."""
    step = max(1, CHUNK_SAMPLES // max(plan.samples_per_record))
    for first in range(0, plan.records, step):
        stop = min(first + step, plan.records)
        columns = [
            _digital(name, channel, limit, first * count, stop * count).reshape(stop - first, count)
            for channel, limit, count in zip(channels, ranges, plan.samples_per_record, strict=True)
        ]
        yield np.concatenate([*columns, stamps[first:stop].view("<i2")], axis=1)


def _digital(name: str, channel: Channel, limit: tuple[float, float], start: int, stop: int) -> NDArray[np.int16]:
    values = channel.read(start, min(stop, channel.samples))
    if not np.isfinite(values).all():
        raise RecordingError(f"'{channel.label}' holds values that are not finite, which EDF cannot ({name}).")
    low, high = limit
    values = (values - np.float32(low)) * np.float32((DIGITAL_MAX - DIGITAL_MIN) / (high - low))
    digital = (np.clip(np.rint(values), 0, DIGITAL_MAX - DIGITAL_MIN) + DIGITAL_MIN).astype("<i2")
    return np.pad(digital, (0, stop - start - len(digital)), mode="edge")

"""From the bytes of data records to samples, a piece at a time."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from math import floor
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from spindle.edf.header import Header, SignalHeader
from spindle.edf.timekeeping import Segment
from spindle.errors import RecordingError

BLOCK_BYTES = 16 * 2**20
"""Data records are mapped into memory by so much at a time, so that a day's file never counts as memory in use."""


@dataclass(frozen=True, kw_only=True)
class Records:
    """The data records of one file."""

    path: Path
    header: Header
    count: int

    def blocks(self, first: int, stop: int) -> Iterator[tuple[int, int]]:
        """Split the records [first, stop) into ranges of about `BLOCK_BYTES`."""
        step = max(1, BLOCK_BYTES // self.header.record_bytes)
        for start in range(first, stop, step):
            yield start, min(start + step, stop)

    def raw(self, signal: SignalHeader, first: int, stop: int) -> NDArray[np.uint8]:
        """Bytes of one signal in the records [first, stop), one row per record, not yet read from disk.

        The map is made anew for each block: no open file keeps others from moving it (Windows), and pages that
        were read do not stay in the process.
        """
        header = self.header
        try:
            # A size that went wrong since the header was read raises ValueError.
            rows = np.asarray(
                np.memmap(
                    self.path,
                    dtype=np.uint8,
                    mode="r",
                    offset=header.size + first * header.record_bytes,
                    shape=(stop - first, header.record_bytes),
                )
            )
        except (OSError, ValueError) as error:
            raise RecordingError(f"{self.path.name} changed or went away while it was being read.") from error
        start = signal.first_sample * header.sample_bytes
        return rows[:, start : start + signal.samples_per_record * header.sample_bytes]

    def digital(self, signal: SignalHeader, first: int, stop: int) -> NDArray[np.float32]:
        """Uncalibrated samples of the records [first, stop), one row per record. 24 bits fit float32 exactly."""
        raw = self.raw(signal, first, stop)
        if self.header.sample_bytes == 2:
            # astype reads the strided bytes once, straight into the result.
            return raw.view("<i2").astype(np.float32)
        triplets = np.zeros((raw.shape[0], signal.samples_per_record, 4), dtype=np.uint8)
        triplets[..., 1:] = raw.reshape(raw.shape[0], -1, 3)
        # The shift back spreads the sign bit over the empty byte.
        return (triplets.view("<i4")[..., 0] >> 8).astype(np.float32)


@dataclass(frozen=True, kw_only=True)
class SignalReader:
    """Reads samples [start, stop) of one signal's timeline; NaN in gaps. The `Read` of a `Channel`."""

    records: Records
    signal: SignalHeader
    segments: tuple[Segment, ...]

    @property
    def samples(self) -> int:
        """Length of the timeline, gaps included."""
        last = self.segments[-1]
        return self._position(last) + last.records * self.signal.samples_per_record

    def __call__(self, start: int, stop: int) -> NDArray[np.float32]:
        """Read; a range beyond the ends is cut as a slice would be. Errors: RecordingError."""
        if isinstance(self.signal.calibration, str):
            raise RecordingError(self.signal.calibration)
        start, stop = max(start, 0), min(stop, self.samples)
        result = np.full(max(stop - start, 0), np.nan, dtype=np.float32)
        for segment in self._segments_between(start, stop):
            position = self._position(segment)
            end = position + segment.records * self.signal.samples_per_record
            low, high = max(start, position), min(stop, end)
            if low < high:
                self._fill(result[low - start : high - start], segment.first_record, low - position)
        result *= np.float32(self.signal.calibration.gain)
        result += np.float32(self.signal.calibration.offset)
        return result

    def _segments_between(self, start: int, stop: int) -> tuple[Segment, ...]:
        # A file may have a gap after each record: look the few up instead of walking through all.
        first = bisect_right(self.segments, start, key=self._position) - 1
        return self.segments[max(first, 0) : bisect_left(self.segments, stop, key=self._position)]

    def _position(self, segment: Segment) -> int:
        rate_hz = self.signal.samples_per_record / self.records.header.record_s
        # Not round(): halves must all go the same way, or neighbours could overlap by a sample.
        return floor(segment.onset_s * rate_hz + 0.5)

    def _fill(self, target: NDArray[np.float32], first_record: int, skip: int) -> None:
        """Fill `target` with digital samples from `skip` samples after the start of a record on."""
        length = self.signal.samples_per_record
        first = first_record + skip // length
        stop = first_record + -(-(skip + len(target)) // length)
        done = 0
        for start, end in self.records.blocks(first, stop):
            samples = self.records.digital(self.signal, start, end).reshape(-1)
            samples = samples[skip % length :] if start == first else samples
            piece = samples[: len(target) - done]
            target[done : done + len(piece)] = piece
            done += len(piece)

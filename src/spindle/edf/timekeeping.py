"""Time stamps and remarks in the annotation signals of EDF+ and BDF+.

Such a signal holds text instead of samples, a list of entries `onset [\\x15 duration] \\x14 text \\x14 … \\0`. The
first entry of each data record has no text: its onset is the time at which the record starts.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from spindle.errors import RecordingError
from spindle.recording import Annotation

JITTER_S = 0.02
"""A record that starts this much before or after the end of the one before it follows it directly. Recorders round
their stamps and their clocks drift; 20 ms is 1 % of a spectrogram frame."""

LONGEST_GAP_S = 7 * 86400.0
"""A longer pause within one file is a broken time stamp."""

_STAMP = re.compile(rb"([+-]\d{1,12}(?:\.\d*)?)(?:\x15(\d{1,12}(?:\.\d*)?))?")


@dataclass(frozen=True, kw_only=True)
class Segment:
    """Records without a gap between them; `onset_s` counts from the first record of the file."""

    first_record: int
    records: int
    onset_s: float


def record_onset(raw: bytes) -> float:
    """Give the time stamp at the start of a record, or NaN where there is none."""
    match = _STAMP.match(raw)
    return float(match[1]) if match is not None and raw[match.end() : match.end() + 1] == b"\x14" else math.nan


def remarks(raw: bytes) -> Iterator[Annotation]:
    """Give the entries with a text in one record of an annotation signal; broken entries are passed over."""
    # Most records hold a time stamp and padding; this test keeps a day of them within a fraction of a second.
    if not raw.partition(b"\x14")[2].strip(b"\x14\0"):
        return
    for entry in raw.split(b"\0"):
        stamp, *texts = entry.split(b"\x14")
        match = _STAMP.fullmatch(stamp)
        if match is None:
            continue
        for text in texts:
            if text:
                yield Annotation(
                    onset_s=float(match[1]),
                    duration_s=float(match[2] or 0),
                    text=text.decode("utf-8", errors="replace"),
                )


def continuous(records: int) -> tuple[Segment, ...]:
    """Take all records as one stretch."""
    return (Segment(first_record=0, records=records, onset_s=0.0),)


def segments(name: str, onsets_s: Sequence[float], record_s: float) -> tuple[Segment, ...]:
    """Put records on one timeline by their time stamps.

    Errors: RecordingError where a stamp is missing, goes back in time, or lies more than a week after the last.
    """
    starts = [0]
    for record, onset_s in enumerate(onsets_s):
        if math.isnan(onset_s):
            raise RecordingError(f"Data record {record + 1} of {name} has no time stamp, so its place is unknown.")
        expected_s = onsets_s[starts[-1]] + (record - starts[-1]) * record_s
        late_s = onset_s - expected_s
        if late_s < -JITTER_S:
            raise RecordingError(
                f"Data record {record + 1} of {name} starts at {onset_s:g} s, before the one before it ends at "
                f"{expected_s:g} s."
            )
        if late_s > LONGEST_GAP_S:
            raise RecordingError(
                f"Data record {record + 1} of {name} starts {late_s / 86400:.0f} days after the one before it."
            )
        if late_s > JITTER_S:
            starts.append(record)
    ends = [*starts[1:], len(onsets_s)]
    return tuple(
        Segment(first_record=start, records=end - start, onset_s=onsets_s[start] - onsets_s[0])
        for start, end in zip(starts, ends, strict=True)
    )


def relative(annotations: Iterable[Annotation], first_onset_s: float) -> tuple[Annotation, ...]:
    """Count onsets from the first sample instead of from the header's start time, and sort by them."""
    moved = (
        # Twelve decimals, so that no rounding noise of the subtraction stays.
        Annotation(onset_s=round(one.onset_s - first_onset_s, 12), duration_s=one.duration_s, text=one.text)
        for one in annotations
    )
    return tuple(sorted(moved, key=lambda one: (one.onset_s, one.duration_s, one.text)))

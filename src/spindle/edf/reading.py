"""EDF, EDF+ and BDF files as recordings."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from spindle.edf.header import Header, SignalHeader, read_header
from spindle.edf.records import Records, SignalReader
from spindle.edf.timekeeping import Segment, continuous, record_onset, relative, remarks, segments
from spindle.errors import RecordingError
from spindle.recording import Annotation, Channel, Recording


@dataclass(frozen=True, kw_only=True)
class _Timeline:
    """Where the records lie; `first_onset_s` counts from the header's start time."""

    segments: tuple[Segment, ...]
    first_onset_s: float
    annotations: tuple[Annotation, ...]
    notes: tuple[str, ...]


def read_edf(path: Path) -> Recording:
    """Open an EDF, EDF+C, EDF+D, BDF or BDF+ file; samples are read when a channel is asked for them.

    Each channel keeps its own rate; voltages are in µV. Records lie where their time stamps say and gaps are NaN,
    also where a file that calls itself continuous has gaps. `notes` say what was assumed.

    Errors: RecordingError where the file is no EDF, is truncated, empty, or states what cannot be.
    """
    records, notes = _open(path)
    timeline = _timeline(records)
    channels = tuple(
        _channel(records, signal, timeline.segments) for signal in records.header.signals if not signal.is_annotation
    )
    if not channels:
        raise RecordingError(f"{path.name} holds annotations but no signals.")
    return Recording(
        name=path.stem,
        channels=channels,
        path=path,
        start=_start(records.header, timeline),
        annotations=timeline.annotations,
        notes=notes + timeline.notes,
    )


def read_annotations(path: Path) -> Recording:
    """Read only the remarks of an EDF+ or BDF+ file, such as an annotations-only file: no channels.

    Onsets count from the first record, which is where `start` lies. Errors: those of `read_edf`.
    """
    records, notes = _open(path)
    timeline = _timeline(records)
    return Recording(
        name=path.stem,
        channels=(),
        path=path,
        start=_start(records.header, timeline),
        annotations=timeline.annotations,
        notes=notes + timeline.notes,
    )


def _open(path: Path) -> tuple[Records, tuple[str, ...]]:
    """Count the records that the file really has, against the header's word."""
    header = read_header(path)
    held, rest = divmod(path.stat().st_size - header.size, header.record_bytes)
    declared = header.declared_records
    notes = [] if header.start is not None else ["The header has no valid date; times count from the first sample."]
    if declared == 0 or (held == 0 and rest == 0):
        raise RecordingError(f"{path.name} has a header but no data records.")
    if declared > held:
        part = " and a part of one" if rest else ""
        raise RecordingError(
            f"{path.name} is truncated: its header promises {declared} data records of {header.record_s:g} s, "
            f"the file holds {held}{part}; copy it again from where it was recorded."
        )
    if declared == -1:
        if held == 0:
            raise RecordingError(f"{path.name} is truncated: it ends within its first data record.")
        left = f"; {rest} bytes of one more that is incomplete are left out" if rest else ""
        notes.append(f"The recorder did not close the file: it holds {held} whole data records{left}.")
    elif declared < held or rest:
        more = path.stat().st_size - header.size - declared * header.record_bytes
        notes.append(f"The file goes on for {more} bytes after the {declared} data records that its header gives.")
    return Records(path=path, header=header, count=held if declared == -1 else declared), tuple(notes)


def _channel(records: Records, signal: SignalHeader, pieces: tuple[Segment, ...]) -> Channel:
    reader = SignalReader(records=records, signal=signal, segments=pieces)
    return Channel(
        label=signal.label,
        unit=signal.unit,
        rate_hz=signal.samples_per_record / records.header.record_s,
        samples=reader.samples,
        read=reader,
    )


def _start(header: Header, timeline: _Timeline) -> datetime | None:
    if header.start is None:
        return None
    try:
        return header.start + timedelta(seconds=timeline.first_onset_s)
    except OverflowError:
        return None


def _timeline(records: Records) -> _Timeline:
    """Read every record's time stamp and remarks; without an annotation signal there are none."""
    onsets_s, found = _annotation_signals(records)
    stamped = [onset_s for onset_s in onsets_s if not math.isnan(onset_s)]
    first_onset_s = stamped[0] if stamped else 0.0
    pieces, notes = _place(records, onsets_s)
    return _Timeline(
        segments=pieces, first_onset_s=first_onset_s, annotations=relative(found, first_onset_s), notes=notes
    )


def _annotation_signals(records: Records) -> tuple[list[float], list[Annotation]]:
    onsets_s: list[float] = []
    found: list[Annotation] = []
    signals = [signal for signal in records.header.signals if signal.is_annotation]
    for signal in signals:
        for start, stop in records.blocks(0, records.count):
            for row in records.raw(signal, start, stop):
                raw = row.tobytes()
                found.extend(remarks(raw))
                # Only the first annotation signal keeps time (EDF+ 2.2.4).
                if signal is signals[0]:
                    onsets_s.append(record_onset(raw))
    return onsets_s, found


def _place(records: Records, onsets_s: list[float]) -> tuple[tuple[Segment, ...], tuple[str, ...]]:
    header, name = records.header, records.path.name
    whole = continuous(records.count)
    if header.is_discontinuous:
        if not onsets_s:
            raise RecordingError(f"{name} calls itself {header.kind[:5]} but has no time stamps to place its records.")
        pieces = segments(name, onsets_s, header.record_s)
        return pieces, _gap_note(pieces, header.record_s)
    if not onsets_s or all(math.isnan(onset_s) for onset_s in onsets_s):
        return whole, ()
    try:
        pieces = segments(name, onsets_s, header.record_s)
    except RecordingError as error:
        return whole, (f"The header says that the recording is continuous, so a time stamp is ignored: {error}",)
    if len(pieces) == 1:
        return pieces, ()
    return pieces, (
        "The header says that the recording is continuous, but the time stamps of its records say otherwise.",
        *_gap_note(pieces, header.record_s),
    )


def _gap_note(pieces: tuple[Segment, ...], record_s: float) -> tuple[str, ...]:
    if len(pieces) == 1:
        return ()
    last = pieces[-1]
    recorded_s = sum(piece.records for piece in pieces) * record_s
    missing_s = last.onset_s + last.records * record_s - recorded_s
    count = len(pieces) - 1
    return (f"The recording has {count} {'gap' if count == 1 else 'gaps'}, together {missing_s:g} s without data.",)

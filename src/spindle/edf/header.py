"""The header of an EDF or BDF file: fixed-width text, 256 bytes for the file and 256 for each signal."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from spindle.errors import RecordingError

MAGIC_BDF = b"\xffBIOSEMI"
HIGHEST_RATE_HZ = 1e6
"""A header that gives a higher rate is broken: no amplifier for EEG is that fast."""

_SIGNAL_FIELDS = (
    ("label", 16),
    ("transducer", 80),
    ("unit", 8),
    ("physical_min", 8),
    ("physical_max", 8),
    ("digital_min", 8),
    ("digital_max", 8),
    ("prefiltering", 80),
    ("samples_per_record", 8),
    ("reserved", 32),
)
_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_MICROVOLTS = {"V": 1e6, "MV": 1e3, "UV": 1.0, "NV": 1e-3}


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """physical = gain · digital + offset."""

    gain: float
    offset: float


@dataclass(frozen=True, kw_only=True)
class SignalHeader:
    """One signal of a data record.

    `first_sample` is its place in the record, counted in samples over all signals before it. `calibration` is a
    sentence instead where the header's ranges make none: an unused signal must not spoil the file.
    """

    label: str
    unit: str
    samples_per_record: int
    first_sample: int
    calibration: Calibration | str
    is_annotation: bool


@dataclass(frozen=True, kw_only=True)
class Header:
    """What the header says. `declared_records` is −1 where the recorder never filled it in."""

    sample_bytes: int
    kind: str
    start: datetime | None
    declared_records: int
    record_s: float
    signals: tuple[SignalHeader, ...]

    @property
    def size(self) -> int:
        """Bytes before the first data record."""
        return 256 * (1 + len(self.signals))

    @property
    def record_bytes(self) -> int:
        """Bytes of one data record."""
        return self.sample_bytes * sum(signal.samples_per_record for signal in self.signals)

    @property
    def is_discontinuous(self) -> bool:
        """Whether the file calls itself EDF+D or BDF+D."""
        return self.kind.startswith(("EDF+D", "BDF+D"))


def is_edf(head: bytes) -> bool:
    """Whether a file that starts with these (at least 8) bytes is an EDF or a BDF file."""
    return head[:8] == MAGIC_BDF or head[:8].strip(b" \0") == b"0"


def read_header(path: Path) -> Header:
    """Read the header of `path`. Bad dates do not matter here: `start` is None then.

    Errors: RecordingError where the file is no EDF or BDF, ends within its header, or states what cannot be.
    """
    try:
        with path.open("rb") as file:
            head = file.read(256)
            if not head:
                raise RecordingError(f"{path.name} is empty.")
            if not is_edf(head):
                raise RecordingError(f"{path.name} is not an EDF or BDF file: it does not start like one.")
            if len(head) < 256:
                raise RecordingError(f"{path.name} is truncated: it ends within its header, after {len(head)} bytes.")
            count = _whole(path, "number of signals", head[252:256], at_least=1)
            # A broken count must not ask for more memory than the file has bytes.
            body = file.read(min(256 * count, path.stat().st_size))
    except OSError as error:
        raise RecordingError(f"{path} cannot be read: {error.strerror}.") from error
    if len(body) < 256 * count:
        raise RecordingError(
            f"{path.name} is truncated: its header has {256 * (1 + count)} bytes for {count} signals, "
            f"but the file ends after {256 + len(body)}."
        )
    return _parse(path, head, body, count)


def _parse(path: Path, head: bytes, body: bytes, count: int) -> Header:
    size = _whole(path, "header size", head[184:192])
    if size != 256 * (1 + count):
        raise RecordingError(
            f"{path.name} has a broken header: it says that it has {size} bytes, "
            f"but with {count} signals it has {256 * (1 + count)}."
        )
    declared = _whole(path, "number of data records", head[236:244], at_least=-1)
    record_s = _number(path, "duration of a data record", head[244:252])
    signals = _signals(path, _split(body, count), is_bdf=head[:8] == MAGIC_BDF)
    header = Header(
        sample_bytes=3 if head[:8] == MAGIC_BDF else 2,
        kind=_text(head[192:236]),
        start=_start(head),
        declared_records=declared,
        record_s=record_s,
        signals=signals,
    )
    _check_rates(path, header)
    return header


def _split(body: bytes, count: int) -> list[dict[str, bytes]]:
    signals: list[dict[str, bytes]] = [{} for _ in range(count)]
    position = 0
    for name, width in _SIGNAL_FIELDS:
        for signal in signals:
            signal[name] = body[position : position + width]
            position += width
    return signals


def _signals(path: Path, fields: Sequence[dict[str, bytes]], *, is_bdf: bool) -> tuple[SignalHeader, ...]:
    annotations = "BDF Annotations" if is_bdf else "EDF Annotations"
    signals: list[SignalHeader] = []
    first_sample = 0
    for number, field in enumerate(fields, start=1):
        label = _text(field["label"]) or f"channel {number}"
        samples = _whole(path, f"number of samples of '{label}'", field["samples_per_record"], at_least=1)
        unit, scale = _unit(_text(field["unit"]))
        signals.append(
            SignalHeader(
                label=label,
                unit=unit,
                samples_per_record=samples,
                first_sample=first_sample,
                calibration=_calibration(path, label, field, scale),
                is_annotation=label == annotations,
            )
        )
        first_sample += samples
    return tuple(signals)


def _unit(text: str) -> tuple[str, float]:
    """Give voltages in microvolts, whatever the file has; other units stay."""
    # Both code points for µ have the Greek capital Μ as their upper case.
    scale = _MICROVOLTS.get(text.upper().replace("\N{GREEK CAPITAL LETTER MU}", "U"))
    return (text, 1.0) if scale is None else ("uV", scale)


def _calibration(path: Path, label: str, field: dict[str, bytes], scale: float) -> Calibration | str:
    try:
        low, high, bottom, top = (
            _number(path, f"{name.replace('_', ' ')}imum of '{label}'", field[name])
            for name in ("physical_min", "physical_max", "digital_min", "digital_max")
        )
    except RecordingError as error:
        return str(error)
    for name, one, other in (("digital", bottom, top), ("physical", low, high)):
        if one == other:
            return (
                f"'{label}' of {path.name} cannot be read: the header gives {one:g} both as its {name} minimum "
                f"and as its {name} maximum."
            )
    gain = (high - low) / (top - bottom)
    offset = high - gain * top
    # Values beyond the digital range occur; anything beyond 1e30 would overflow float32 and is no voltage.
    if not math.isfinite(gain * scale) or abs(gain * scale) * 2**24 + abs(offset * scale) > 1e30:
        return f"'{label}' of {path.name} cannot be read: the header gives it a physical range of {low:g} to {high:g}."
    return Calibration(gain=gain * scale, offset=offset * scale)


def _check_rates(path: Path, header: Header) -> None:
    slow = header.record_s <= 0 and not all(signal.is_annotation for signal in header.signals)
    if header.record_s < 0 or slow:
        raise RecordingError(
            f"{path.name} has a broken header: it says that a data record lasts {header.record_s:g} s."
        )
    for signal in header.signals:
        if not signal.is_annotation and signal.samples_per_record > HIGHEST_RATE_HZ * header.record_s:
            raise RecordingError(
                f"{path.name} has a broken header: '{signal.label}' has {signal.samples_per_record} samples "
                f"in {header.record_s:g} s."
            )


def _start(head: bytes) -> datetime | None:
    """Join date and time; an EDF+ date, which has all four digits of the year, goes before the old field."""
    # Real files have every kind of separator, and one digit or two, also with a space for the other.
    pattern = re.compile(r"(\d{1,2})\D ?(\d{1,2})\D ?(\d{1,2})")
    date, time = pattern.fullmatch(_text(head[168:176])), pattern.fullmatch(_text(head[176:184]))
    plus = re.match(r"Startdate (\d{1,2})-([A-Z]{3})-(\d{4})", _text(head[88:168]))
    if time is None:
        return None
    hour, minute, second = (int(part) for part in time.groups())
    try:
        if plus is not None and plus[2] in _MONTHS:
            return datetime(int(plus[3]), 1 + _MONTHS.index(plus[2]), int(plus[1]), hour, minute, second)
        if date is None:
            return None
        day, month, year = (int(part) for part in date.groups())
        return datetime(year + (1900 if year >= 85 else 2000), month, day, hour, minute, second)
    except ValueError:
        return None


def _text(field: bytes) -> str:
    """Decode leniently: the standard says ASCII, but 'µV' comes as UTF-8 and as Latin-1."""
    try:
        text = field.decode("utf-8")
    except UnicodeDecodeError:
        text = field.decode("latin-1")
    text = text.strip(" \0\t\r\n")
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def _number(path: Path, name: str, field: bytes) -> float:
    text = _text(field)
    try:
        # Some recorders write the decimal comma of their country.
        value = float(text.replace(",", "."))
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise RecordingError(f"{path.name} has a broken header: its {name} is '{text}', which is no number.")
    return value


def _whole(path: Path, name: str, field: bytes, *, at_least: int = 0) -> int:
    value = _number(path, name, field)
    if value != int(value) or value < at_least:
        raise RecordingError(f"{path.name} has a broken header: its {name} is '{_text(field)}'.")
    return int(value)

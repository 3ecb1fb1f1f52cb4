"""EDF and BDF files made by hand from the published field widths, so that no reader is tested against our writer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

_WIDTHS = (16, 80, 8, 8, 8, 8, 8, 80, 8, 32)


@dataclass(kw_only=True)
class Signal:
    """`digital` has one row per record; `raw` gives a record's bytes instead (annotations)."""

    label: str | bytes = "EEG"
    unit: str | bytes = "uV"
    physical: tuple[str, str] = ("-100", "100")
    range: tuple[str, str] = ("-32768", "32767")
    digital: np.ndarray | None = None
    raw: Sequence[bytes] = ()
    samples: str = ""


def stamps(onsets: Sequence[str], remarks: Sequence[bytes] = (), *, bdf: bool = False) -> Signal:
    """Time stamps as an annotation signal; `remarks` go behind the stamp of the record with the same number."""
    extra = [*remarks, *[b""] * (len(onsets) - len(remarks))]
    rows = [f"{onset}\x14\x14\0".encode() + more for onset, more in zip(onsets, extra, strict=True)]
    width = -(-max(len(row) for row in rows) // 6) * 6
    return Signal(
        label="BDF Annotations" if bdf else "EDF Annotations",
        unit="",
        physical=("-1", "1"),
        raw=[row.ljust(width, b"\0") for row in rows],
    )


def file_bytes(
    signals: Sequence[Signal],
    *,
    bdf: bool = False,
    kind: str = "",
    records: str | None = None,
    record_s: str = "1",
    date: str = "02.03.21",
    time: str = "10.20.30",
    recording: str = "",
) -> bytes:
    """Join a header and data records."""
    size = 3 if bdf else 2
    rows = [_rows(signal, size) for signal in signals]
    count = len(rows[0]) if rows else 0
    head = [
        (b"\xffBIOSEMI" if bdf else b"0", 8),
        ("", 80),
        (recording, 80),
        (date, 8),
        (time, 8),
        (str(256 * (1 + len(signals))), 8),
        (kind, 44),
        (str(count) if records is None else records, 8),
        (record_s, 8),
        (str(len(signals)), 4),
    ]
    columns = [
        [
            signal.label,
            "",
            signal.unit,
            *signal.physical,
            *signal.range,
            "",
            signal.samples or str(len(row[0]) // size if row else 1),
            "",
        ]
        for signal, row in zip(signals, rows, strict=True)
    ]
    header = b"".join(_field(text, width) for text, width in head)
    for number, width in enumerate(_WIDTHS):
        header += b"".join(_field(column[number], width) for column in columns)
    return header + b"".join(row[record] for record in range(count) for row in rows)


def _field(text: str | bytes, width: int) -> bytes:
    raw = text.encode("latin-1") if isinstance(text, str) else text
    assert len(raw) <= width
    return raw.ljust(width)


def _rows(signal: Signal, size: int) -> list[bytes]:
    if signal.digital is None:
        return list(signal.raw)
    return [b"".join(int(value).to_bytes(size, "little", signed=True) for value in row) for row in signal.digital]


@dataclass(frozen=True)
class Maker:
    """What tests need to make a file."""

    folder: Path

    Signal = Signal
    stamps = staticmethod(stamps)
    file_bytes = staticmethod(file_bytes)

    def __call__(self, content: bytes, name: str = "mouse07.edf") -> Path:
        path = self.folder / name
        path.write_bytes(content)
        return path


@pytest.fixture
def make(tmp_path: Path) -> Callable[..., Path]:
    return Maker(tmp_path)


@pytest.fixture(scope="session")
def make_anywhere(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """The same for property-based tests, which share one folder."""
    return Maker(tmp_path_factory.mktemp("edf"))

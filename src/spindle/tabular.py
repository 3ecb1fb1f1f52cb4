"""NPZ, CSV and Parquet files as recordings: one array or column per channel, one row per sample.

Arrays and columns named `eeg…` and `emg…` are channels; CSV and Parquet may have others with any name. The rate is
a scalar `rate_hz`, `fs` or `sampling_rate` in an NPZ, an entry of that name in Parquet's metadata, a regular column
`time_s`, or given by the user. Values are taken as µV. Empty cells and infinite values are NaN, which means that
nothing was recorded.
"""

from __future__ import annotations

import csv
import re
import warnings
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from spindle.errors import RecordingError
from spindle.recording import Channel, Recording

RATE_NAMES = ("rate_hz", "fs", "sampling_rate")
TIME_NAME = "time_s"
UNIT_NOTE = "The file gives no units, so its values are taken as µV."

# pyarrow has errors of its own, and passes on those of the file system and of numpy's conversions.
_ARROW_ERRORS = (pa.ArrowException, OSError, ValueError, TypeError)

_ROWS = 2**20
"""So many rows of a CSV file are parsed at a time."""

_SIGNAL = re.compile(r"e[em]g", re.IGNORECASE)


def read_npz(path: Path, *, rate_hz: float | None = None) -> Recording:
    """Read an NPZ file: arrays `eeg` (or `eeg1`, `eeg2` …) and `emg`, and a scalar rate.

    An array of epochs × samples is taken as one signal, epoch after epoch. Errors: RecordingError.
    """
    signals: dict[str, NDArray[np.float32]] = {}
    rate: float | None = None
    try:
        with np.load(path, allow_pickle=False) as file:
            names = list(file.files)
            for name in names:
                if _SIGNAL.match(name):
                    signals[name] = _one_signal(path, name, file[name])
                elif name.lower() in RATE_NAMES:
                    rate = _stated_rate(path, name, file[name])
    # A broken archive shows itself in all these ways, at opening or at any member; a pickled array as ValueError.
    except (OSError, EOFError, KeyError, NotImplementedError, ValueError, zipfile.BadZipFile, zlib.error) as error:
        raise RecordingError(f"{path.name} is not an NPZ file that can be read: {_first_line(error)}.") from error
    _check_signals(path, names, signals)
    rate = _agreed_rate(path, stated=rate, given=rate_hz)
    return _recording(path, [Channel.from_array(name, signal, rate) for name, signal in signals.items()], ())


def read_csv(path: Path, *, rate_hz: float | None = None) -> Recording:
    """Read a CSV file with a header row, separated by commas, semicolons or tabs.

    The table is parsed a million rows at a time and kept as float32. Errors: RecordingError.
    """
    form = _csv_form(path)
    parsed: dict[str, list[NDArray[np.float32]]] = {}
    times: list[NDArray[np.float64]] = []
    left_out: dict[str, str] = {}
    row = 0
    for chunk in _csv_chunks(path, form):
        for name in chunk.columns:
            numbers = pd.to_numeric(chunk[name], errors="coerce")
            bad = _first_text(chunk[name], numbers)
            if bad is not None:
                what = f"row {row + bad[0] + 1} of column '{name}' holds '{bad[1]}', which is no number"
                if _SIGNAL.match(name) or name == form.time:
                    raise RecordingError(f"{path.name}: {what}.")
                left_out.setdefault(name, what)
            if name == form.time:
                times.append(numbers.to_numpy(dtype=np.float64))
            elif name not in left_out:
                parsed.setdefault(name, []).append(_finite(numbers.to_numpy()))
        row += len(chunk)
    signals = {name: np.concatenate(parsed.pop(name)) for name in list(parsed) if name not in left_out}
    _check_signals(path, form.names, signals)
    stated = _rate_of_times(path, np.concatenate(times)) if times else None
    rate = _agreed_rate(path, stated=stated, given=rate_hz)
    notes = tuple(f"Column '{name}' is left out: {what}." for name, what in left_out.items())
    return _recording(path, [Channel.from_array(name, signal, rate) for name, signal in signals.items()], notes)


def read_parquet(path: Path, *, rate_hz: float | None = None) -> Recording:
    """Open a Parquet file; a row group is decoded when its samples are asked for. Errors: RecordingError."""
    try:
        with pq.ParquetFile(path) as file:
            schema, rows = file.schema_arrow, file.metadata.num_rows
            sizes = [file.metadata.row_group(group).num_rows for group in range(file.metadata.num_row_groups)]
            time = next((name for name in schema.names if name.lower() == TIME_NAME), None)
            times = None if time is None else file.read([time]).column(0).to_numpy().astype(np.float64)
    except _ARROW_ERRORS as error:
        raise RecordingError(f"{path.name} is not a Parquet file that can be read: {_first_line(error)}.") from error
    numeric = [name for name, kind in zip(schema.names, schema.types, strict=True) if _is_number(kind)]
    for name, kind in zip(schema.names, schema.types, strict=True):
        if _SIGNAL.match(name) and name not in numeric:
            raise RecordingError(f"Column '{name}' of {path.name} holds {kind}, not numbers.")
    names = [name for name in numeric if name != time]
    if not names or rows == 0:
        raise RecordingError(_nothing(path, schema.names) if rows else f"{path.name} has no rows.")
    stated = _rate_of_metadata(path, schema.metadata or {})
    if stated is None and times is not None:
        stated = _rate_of_times(path, times)
    rate = _agreed_rate(path, stated=stated, given=rate_hz)
    bounds = list(accumulate(sizes, initial=0))
    channels = [
        Channel(
            label=name,
            unit="uV",
            rate_hz=rate,
            samples=rows,
            read=_ParquetColumn(path, name, bounds),
        )
        for name in names
    ]
    return _recording(path, channels, ())


class _ParquetColumn:
    """Reads rows [start, stop) of one column; row group g holds the rows [bounds[g], bounds[g + 1])."""

    def __init__(self, path: Path, name: str, bounds: Sequence[int]) -> None:
        self._path = path
        self._name = name
        self._bounds = bounds
        # Pieces are smaller than a row group and follow each other: the last group is wanted again.
        self._latest: tuple[int, NDArray[np.float32]] | None = None

    def __call__(self, start: int, stop: int) -> NDArray[np.float32]:
        start, stop = max(start, 0), min(stop, self._bounds[-1])
        pieces = [np.empty(0, dtype=np.float32)]
        for group, (low, high) in enumerate(pairwise(self._bounds)):
            if max(start, low) < min(stop, high):
                pieces.append(self._group(group)[max(start - low, 0) : stop - low])
        return np.concatenate(pieces)

    def _group(self, group: int) -> NDArray[np.float32]:
        latest = self._latest
        if latest is None or latest[0] != group:
            latest = self._latest = group, self._decode(group)
        return latest[1]

    def _decode(self, group: int) -> NDArray[np.float32]:
        try:
            with pq.ParquetFile(self._path) as file:
                return _finite(file.read_row_group(group, columns=[self._name]).column(0).to_numpy())
        except _ARROW_ERRORS as error:
            raise RecordingError(
                f"Column '{self._name}' of {self._path.name} cannot be read: {_first_line(error)}."
            ) from error


@dataclass(frozen=True, kw_only=True)
class _CsvForm:
    names: tuple[str, ...]
    separator: str
    decimal: str
    time: str | None


def _csv_form(path: Path) -> _CsvForm:
    """Look at the first two lines for names, separator and decimal sign."""
    try:
        with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
            head, first = file.readline(65536), file.readline(65536)
    except OSError as error:
        raise RecordingError(f"{path} cannot be read: {error.strerror}.") from error
    separator = max(",;\t", key=head.count)
    cells = next(csv.reader([head], delimiter=separator), [])
    # Tables often come with a column of row numbers that has no name.
    names = tuple(cell.strip() or f"column {number}" for number, cell in enumerate(cells, start=1))
    if any(_is_float(name) for name in names):
        raise RecordingError(f"{path.name} needs a first row with the names of its columns, such as eeg,emg.")
    if len(set(names)) < len(names):
        raise RecordingError(f"The columns of {path.name} need names that differ; it has {', '.join(names)}.")
    if not any(_SIGNAL.match(name) for name in names) and "\0" in head:
        raise RecordingError(f"{path.name} is not a CSV file.")
    return _CsvForm(
        names=names,
        separator=separator,
        # A semicolon separates where the comma is the decimal sign.
        decimal="," if separator == ";" and "," in first else ".",
        time=next((name for name in names if name.lower() == TIME_NAME), None),
    )


def _csv_chunks(path: Path, form: _CsvForm) -> Iterator[pd.DataFrame]:
    try:
        with warnings.catch_warnings():
            # pandas only warns where a row has more cells than there are names.
            warnings.simplefilter("error", pd.errors.ParserWarning)
            chunks = pd.read_csv(
                path,
                sep=form.separator,
                decimal=form.decimal,
                header=0,
                names=list(form.names),
                index_col=False,
                encoding="utf-8-sig",
                encoding_errors="replace",
                skipinitialspace=True,
                # Types are then guessed for a whole chunk at once, without a warning.
                low_memory=False,
                chunksize=_ROWS,
            )
            with chunks:
                yield from chunks
    # OverflowError: integers beyond 64 bits.
    except (OSError, ValueError, OverflowError, pd.errors.ParserError, pd.errors.ParserWarning) as error:
        raise RecordingError(f"{path.name} is not a CSV file that can be read: {_first_line(error)}.") from error


def _first_text(column: pd.Series, numbers: pd.Series) -> tuple[int, str] | None:
    """Find the first cell that holds something but no number."""
    bad = np.flatnonzero((numbers.isna() & column.notna()).to_numpy())
    return (int(bad[0]), str(column.iloc[bad[0]])) if len(bad) else None


def _finite(values: NDArray[np.generic]) -> NDArray[np.float32]:
    """Give float32 with NaN for what is not a finite number."""
    with np.errstate(over="ignore", invalid="ignore"):
        result = values.astype(np.float32)
    result[np.isinf(result)] = np.nan
    return result


def _one_signal(path: Path, name: str, array: NDArray[np.generic]) -> NDArray[np.float32]:
    if array.dtype.kind not in "iufb":
        raise RecordingError(f"Array '{name}' of {path.name} holds {array.dtype}, not numbers.")
    if array.ndim == 2 and 2 in array.shape:
        raise RecordingError(
            f"Array '{name}' of {path.name} is {array.shape[0]} × {array.shape[1]}, which may be two channels; "
            "give each its own array, such as eeg1 and eeg2."
        )
    if array.ndim not in (1, 2):
        raise RecordingError(
            f"Array '{name}' of {path.name} has {array.ndim} dimensions; one signal is samples, or epochs × samples."
        )
    return _finite(array.reshape(-1))


def _check_signals(path: Path, names: Sequence[str], signals: Mapping[str, NDArray[np.float32]]) -> None:
    if not signals:
        raise RecordingError(_nothing(path, names))
    lengths = {name: len(signal) for name, signal in signals.items()}
    if len(set(lengths.values())) > 1:
        listed = ", ".join(f"{name} {length}" for name, length in lengths.items())
        raise RecordingError(
            f"The signals of {path.name} differ in length ({listed} samples); a file holds one recording, "
            "so give each run its own."
        )
    if not all(lengths.values()):
        raise RecordingError(f"The signals of {path.name} have no samples.")


def _nothing(path: Path, names: Sequence[str]) -> str:
    found = f"it has {', '.join(names)}" if names else "it is empty"
    return f"{path.name} has no signals named eeg, eeg1, eeg2 … or emg; {found}."


def _stated_rate(path: Path, name: str, value: object) -> float:
    try:
        rate_hz = float(np.asarray(value).reshape(()))
    except (TypeError, ValueError):
        rate_hz = np.nan
    if not 0 < rate_hz < np.inf:
        raise RecordingError(f"'{name}' of {path.name} is {value}, which is no sampling rate in Hz.")
    return rate_hz


def _rate_of_metadata(path: Path, metadata: Mapping[bytes, bytes]) -> float | None:
    for name in RATE_NAMES:
        if name.encode() in metadata:
            return _stated_rate(path, name, metadata[name.encode()].decode("utf-8", errors="replace"))
    return None


def _rate_of_times(path: Path, times_s: NDArray[np.float64]) -> float:
    """Measure the rate of a regular time column; a whole number of Hz that fits as well is taken instead."""
    count = len(times_s)
    span_s = float(times_s[-1] - times_s[0]) if count > 1 else np.nan
    if not 0 < span_s < np.inf:
        raise RecordingError(f"Column {TIME_NAME} of {path.name} does not run forwards, so it gives no rate.")
    steps = np.arange(count)
    rate_hz = (count - 1) / span_s
    late = np.abs((times_s - times_s[0]) * rate_hz - steps)
    # Stamps rounded to milliseconds are off by up to a sample at 512 Hz. NaN compares as irregular.
    if not np.all(late < 1):
        gaps_s = np.diff(times_s)
        worst = int(np.nanargmax(np.abs(gaps_s - np.nanmedian(gaps_s))))
        raise RecordingError(
            f"Column {TIME_NAME} of {path.name} is not regular: row {worst + 2} comes {gaps_s[worst]:g} s after the "
            f"row before it, most others {np.nanmedian(gaps_s):g} s; fill gaps with rows of empty cells."
        )
    whole = round(rate_hz)
    return float(whole) if whole and abs(span_s * whole - (count - 1)) < 1 else rate_hz


def _agreed_rate(path: Path, *, stated: float | None, given: float | None) -> float:
    if given is not None and not 0 < given < np.inf:
        raise RecordingError(f"A sampling rate of {given:g} Hz for {path.name} cannot be.")
    if given is not None and stated is not None and abs(stated - given) > 0.01 * given:
        raise RecordingError(f"{path.name} says that it was sampled at {stated:g} Hz, but {given:g} Hz were given.")
    rate_hz = stated if given is None else given
    if rate_hz is None:
        raise RecordingError(
            f"{path.name} does not say at what rate it was sampled; give it with --rate-hz, or in the file as "
            f"{RATE_NAMES[0]}."
        )
    return float(rate_hz)


def _recording(path: Path, channels: Sequence[Channel], notes: tuple[str, ...]) -> Recording:
    return Recording(name=path.stem, channels=tuple(channels), path=path, notes=(UNIT_NOTE, *notes))


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_floating(kind) or pa.types.is_integer(kind))


def _is_float(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0].rstrip(".") if lines else type(error).__name__

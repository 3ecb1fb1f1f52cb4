"""Small text tables, read as spreadsheets write them (commas, semicolons or tabs, quotes, a byte-order mark).

Every error in reading is a `LabelError` that names the file and the line.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from latentia.files import atomic_path
from spindle.errors import LabelError, OutputError

_PROBE_BYTES = 65_536
_DELIMITERS = ",;\t"


@dataclass(frozen=True, kw_only=True)
class Row:
    """One line of a table; `line` counts from 1, as editors do."""

    line: int
    cells: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Table:
    """Lines of equal length. `header` holds the first line in lower case, which `rows` holds as well."""

    name: str
    header: tuple[str, ...]
    rows: tuple[Row, ...]

    @property
    def body(self) -> tuple[Row, ...]:
        """The lines below the header."""
        return self.rows[1:]

    def column(self, name: str) -> int | None:
        """Return the place of a named column, None where there is none."""
        return self.header.index(name) if name in self.header else None

    def number(self, row: Row, column: int) -> float:
        """Return a finite number. A comma counts as a decimal point, because some spreadsheets write it so."""
        value = to_number(row.cells[column])
        if value is None:
            raise LabelError(f"{self.where(row)}: '{row.cells[column]}' is not a number.")
        return value

    def integer(self, row: Row, column: int) -> int:
        """Return a whole number, also where it is written as 3.0."""
        value = self.number(row, column)
        if not value.is_integer():
            raise LabelError(f"{self.where(row)}: '{row.cells[column]}' is not a whole number.")
        return int(value)

    def where(self, row: Row) -> str:
        """Name a line in errors."""
        return f"{self.name}, line {row.line}"


def to_number(text: str) -> float | None:
    """Return a finite number, None for anything else."""
    try:
        value = float(text.replace(",", "."))
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def read_table(path: Path) -> Table:
    """Read a table of text. Errors: LabelError where the file is missing, empty, binary or ragged."""
    lines = _text(path).rstrip().splitlines()
    if not lines:
        raise LabelError(f"{path.name} is empty.")
    reader = csv.reader(lines, delimiter=max(_DELIMITERS, key=lines[0].count))
    rows = []
    try:
        for cells in reader:
            rows.append(Row(line=reader.line_num, cells=tuple(cell.strip() for cell in cells)))
    except csv.Error as error:
        raise LabelError(f"{path.name} is not a table of text ({error}).") from None
    columns = len(rows[0].cells)
    for row in rows:
        # An empty line in the middle would shift every label below it, so it is not skipped.
        if len(row.cells) != columns:
            found = f"{len(row.cells)} columns" if row.cells else "an empty line"
            raise LabelError(f"{path.name}, line {row.line}: {found}, where the first line has {columns} columns.")
    return Table(name=path.name, header=tuple(cell.lower() for cell in rows[0].cells), rows=tuple(rows))


def write_lines(path: Path, lines: Iterable[str]) -> None:
    """Write a file of text, whole or not at all, the same bytes on every system. Errors: OutputError."""
    try:
        with atomic_path(path) as temporary:
            temporary.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8", newline="\n")
    except OSError as error:
        raise OutputError(f"{path} cannot be written: {error.strerror or error}.") from None


def first_bytes(path: Path, count: int) -> bytes:
    """Return the start of a file. Errors: LabelError where it cannot be read."""
    try:
        with path.open("rb") as file:
            return file.read(count)
    except FileNotFoundError:
        raise LabelError(f"There is no file at {path}.") from None
    except OSError as error:
        raise LabelError(f"{path} cannot be read: {error.strerror or error}.") from None


def _text(path: Path) -> str:
    # The start is looked at first, so that a recording given by mistake is not read whole.
    binary = b"\0" in first_bytes(path, _PROBE_BYTES)
    try:
        text = "" if binary else path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        binary = True
    except OSError as error:
        raise LabelError(f"{path} cannot be read: {error.strerror or error}.") from None
    if binary:
        raise LabelError(f"{path.name} is not a text file in UTF-8; a table can be saved as CSV UTF-8.")
    return text

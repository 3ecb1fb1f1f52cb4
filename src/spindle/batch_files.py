"""Which recordings are meant: files, folders, and lists of files."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from spindle.errors import LabelError, RecordingError, SettingError
from spindle.reading import FOLDER_SUFFIXES, RECORDING_SUFFIXES
from spindle.tables import read_table

PASSED_OVER = ("_hypnogram", "-hypnogram", "_labels")
"""Ends of the names, before the suffix, of EDF+ files that hold states and no signals: SPINDLE's own, and labels."""

LIST_COLUMN = "recording"
TABLE_SUFFIXES = (".csv", ".tsv")


def is_folder_of_recordings(path: Path) -> bool:
    """Whether a path is a folder, other than one that some recorder writes as a recording."""
    return path.is_dir() and path.suffix.lower() not in FOLDER_SUFFIXES


def find_recordings(named: Iterable[Path], list_file: Path | None = None) -> list[Path]:
    """Give the recordings that are named one by one, by their folder, or in a list; each once, in that order.

    A folder stands for the recordings in it, not for those in folders below. Whether a file can be read is found out
    when its turn comes. Errors: RecordingError for a folder without a recording; SettingError where two recordings
    would give results of the same name, or the list cannot be used.
    """
    found: dict[str, Path] = {}
    for path in [*named, *(read_list(list_file) if list_file else ())]:
        for one in recordings_in(path) if is_folder_of_recordings(path) else [path]:
            found.setdefault(os.path.abspath(one), one)  # noqa: PTH100 (looks at no file: any name will do)
    recordings = list(found.values())
    _check_names(recordings)
    return recordings


def recordings_in(folder: Path) -> list[Path]:
    """Give the recordings in a folder by name; hypnograms and labels are passed over.

    Errors: RecordingError where there is none.
    """
    found = [path for path in sorted(folder.iterdir()) if _may_be_recording(path)]
    if not found:
        endings = ", ".join(RECORDING_SUFFIXES)
        raise RecordingError(f"{folder} is a folder without a recording ({endings}); others can be named one by one.")
    return found


def read_list(path: Path) -> list[Path]:
    """Read a list of recordings: text with one on each line, or a table (CSV, TSV) with a column "recording".

    Names are relative to the folder of the list. Empty lines of a text, and those that begin with #, say nothing.
    Errors: SettingError where it cannot be read, is empty, or has no such column.
    """
    lines = _table_cells(path) if path.suffix.lower() in TABLE_SUFFIXES else _lines(path)
    names = [line.strip() for line in lines]
    found = [path.parent / Path(name).expanduser() for name in names if name and not name.startswith("#")]
    if not found:
        raise SettingError(f"{path} names no recording.")
    return found


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8-sig").splitlines()
    except OSError as error:
        raise SettingError(f"The list {path} cannot be read: {error.strerror or error}.") from error
    except UnicodeDecodeError as error:
        raise SettingError(f"{path} is no list of recordings: it is not text in UTF-8.") from error


def _table_cells(path: Path) -> list[str]:
    try:
        table = read_table(path)
    except LabelError as error:
        raise SettingError(f"The list cannot be read: {error}") from error
    place = table.column(LIST_COLUMN)
    if place is None:
        raise SettingError(f"{path} has no column '{LIST_COLUMN}'; it has {', '.join(table.header)}.")
    return [row.cells[place] for row in table.body]


def _may_be_recording(path: Path) -> bool:
    if path.suffix.lower() not in RECORDING_SUFFIXES or path.name.startswith("."):
        return False
    return path.is_file() and not path.stem.lower().endswith(PASSED_OVER)


def _check_names(recordings: Sequence[Path]) -> None:
    """Refuse recordings whose results would have the same names."""
    seen: dict[str, Path] = {}
    for path in recordings:
        other = seen.setdefault(path.stem.casefold(), path)
        if other is not path:
            raise SettingError(f"{other} and {path} would give results of the same name; score them one by one.")

"""The record of a recording in a batch, `NAME_record.json`: what its results were made from, and that they are whole.

It is deleted before the first result is written and written after the last one. So a record means that its results are
complete, wherever the program was killed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from importlib import metadata, resources
from pathlib import Path
from typing import Any

from latentia.files import remove_unfinished
from spindle.batch_summary import COLUMNS, Outcome, Row
from spindle.options import ChannelOptions, DensityOptions, MethodOptions, ResultOptions
from spindle.tables import write_lines

FORMAT = "spindle-batch-record"
FORMAT_VERSION = 1


@dataclass(frozen=True, kw_only=True)
class Settings:
    """All that decides results besides the recording, in a form that JSON gives back unchanged.

    Files among the options, such as the model, count by their content.
    """

    values: dict[str, Any]

    @classmethod
    def of(
        cls, channels: ChannelOptions, method: MethodOptions, density: DensityOptions, results: ResultOptions
    ) -> Settings:
        """Gather them. Without a model of the user's, the models of this installation count."""
        asked = asdict(results)
        del asked["out"]  # the record lies there
        values = {
            "version": metadata.version("latentia"),
            "channels": asdict(channels),
            "method": {name: _content(value) for name, value in asdict(method).items()},
            "density": {name: _content(value) for name, value in asdict(density).items()},
            "models": None if method.model else _packaged_models(),
            "results": asked,
        }
        return cls(values=json.loads(json.dumps(values, default=str)))


@dataclass(frozen=True, kw_only=True)
class RecordingState:
    """How a recording's file looked: its bytes and the time of its last change, in ns; all files of a folder."""

    size_bytes: int
    changed_ns: int

    @classmethod
    def of(cls, path: Path) -> RecordingState:
        """Look at a file. Errors: OSError, ValueError where there is none of that name."""
        files = [one for one in path.rglob("*") if one.is_file()] if path.is_dir() else [path]
        states = [one.stat() for one in files]
        return cls(
            size_bytes=sum(state.st_size for state in states),
            changed_ns=max((state.st_mtime_ns for state in states), default=0),
        )


def record_of(recording: Path, out: Path) -> Path:
    """Where the record of a recording is, or would be."""
    return out / f"{recording.stem}_record.json"


def forget(recording: Path, out: Path) -> None:
    """Delete the record, because results are about to change. Errors: OSError."""
    record_of(recording, out).unlink(missing_ok=True)


def write_record(
    recording: Path, out: Path, settings: Settings, state: RecordingState, rows: Sequence[Row], files: Iterable[Path]
) -> None:
    """Write the record of a recording whose results are complete. Errors: OutputError."""
    written = list(files)
    for path in written:
        remove_unfinished(path)
    record = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "recording": {"name": ascii(recording.name), **asdict(state)},
        "settings": settings.values,
        "files": [path.name for path in written],
        "rows": [asdict(row) for row in rows],
    }
    write_lines(record_of(recording, out), [json.dumps(record, indent=2)])


def kept_rows(recording: Path, out: Path, settings: Settings) -> tuple[Row, ...]:
    """Give the rows of results that are there, complete, and just what would be made now; else nothing."""
    try:
        record = json.loads(record_of(recording, out).read_text(encoding="utf-8"))
        state = RecordingState.of(recording)
        now = {"name": ascii(recording.name), **asdict(state)}
        if (record["format"], record["format_version"]) != (FORMAT, FORMAT_VERSION) or record["recording"] != now:
            return ()
        whole = all((out / name).is_file() for name in record["files"])
        rows = tuple(_row(values) for values in record["rows"])
    except (OSError, ValueError, KeyError, TypeError):
        return ()
    return rows if whole and record["settings"] == settings.values else ()


def _row(values: dict[str, Any]) -> Row:
    return Row(**{**{name: values[name] for name in COLUMNS}, "outcome": Outcome.KEPT})


def _content(value: Any) -> Any:
    """A file by its content. One that is not there by its name: what is wrong is said where it is used."""
    if not isinstance(value, Path):
        return value
    return f"sha256 {_sha256(value.read_bytes())}" if value.is_file() else str(value)


def _packaged_models() -> dict[str, str]:
    folder = resources.files("spindle") / "models"
    files = [one for one in folder.iterdir() if one.is_file()] if folder.is_dir() else []
    return {one.name: _sha256(one.read_bytes()) for one in sorted(files, key=lambda one: one.name)}


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()

"""`spindle backup`: everything that a web service keeps, as one file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from rich.filesize import decimal

from latentia.command_line.options import argument
from latentia.command_line.progress import progress_bar
from latentia.command_line.screen import say
from spindle.commands.service_libraries import check_service
from spindle.service.settings import StorageOptions


@dataclass(frozen=True, kw_only=True)
class Arguments:
    """The backup."""

    file: Path = argument("FILE.zip", "the file to write; an older one is replaced when the new one is complete")


def run(arguments: Arguments, storage: StorageOptions) -> int:
    """Write everything that a web service keeps into one file: accounts, recordings, scorings, models, cohorts.

    The service may go on meanwhile. The file also moves a service from SQLite to PostgreSQL, or from a folder to an
    object store. It holds the data of all users; keep it as safe as the service itself.
    """
    check_service()
    from spindle.service.operation import backup

    with progress_bar() as bar:
        kept = backup(storage, arguments.file, progress=bar)
    say(f"{arguments.file} is complete: {decimal(kept.size_bytes)} in files ({kept.files:,}), and {kept.rows:,} rows.")
    if kept.missed:
        say(f"Files that were deleted by their owners meanwhile: {kept.missed:,}.")
    return 0

"""`spindle restore`: a web service from its backup."""

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

    file: Path = argument("FILE.zip", "a file that spindle backup wrote, with this version or an older one")


def run(arguments: Arguments, storage: StorageOptions) -> int:
    """Put a backup back, into an empty place and an empty database; then start the service there.

    Every checksum is tried. Jobs that were running begin again, and people sign in again; tokens still work.
    """
    check_service()
    from spindle.service.operation import restore

    with progress_bar() as bar:
        kept = restore(storage, arguments.file, progress=bar)
    say(f"Everything is back: {decimal(kept.size_bytes)} in files ({kept.files:,}), and {kept.rows:,} rows.")
    if kept.requeued:
        say(f"Jobs that were running, and begin again: {kept.requeued:,}.")
    return 0

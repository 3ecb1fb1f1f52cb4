"""Places for results, looked at before the minutes of work and not after them."""

from __future__ import annotations

import tempfile
from contextlib import suppress
from pathlib import Path

from latentia.errors import OutputError


def check_output_folder(folder: Path) -> None:
    """Make sure that files can be written to `folder`, or that it can be made, without leaving a trace.

    Errors: OutputError where it, or a folder above it, is a file or cannot be written.
    """
    nearest = folder
    try:
        while not nearest.exists() and nearest != nearest.parent:
            nearest = nearest.parent
        if not nearest.is_dir():
            what = "is a file" if nearest == folder else f"cannot be made: {nearest} is a file"
            raise OutputError(f"The output folder {folder} {what}.")
        with tempfile.TemporaryFile(dir=nearest):
            pass
    except (OSError, ValueError) as error:
        raise OutputError(f"Results cannot be written to {folder}: {_reason(error)}.") from error


def check_output_file(path: Path) -> None:
    """Make sure that `path` can be written. Errors: OutputError."""
    if path.is_dir():
        raise OutputError(f"{path} cannot be written: a folder has that name.")
    check_output_folder(path.parent)


def make_folder(folder: Path) -> None:
    """Make a folder and those above it. Errors: OutputError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError) as error:
        raise OutputError(f"The folder {folder} cannot be made: {_reason(error)}.") from error


def remove_if_empty(*folders: Path) -> None:
    """Remove folders in which nothing is left, innermost first; the others stay."""
    for folder in folders:
        with suppress(OSError):
            folder.rmdir()


def _reason(error: OSError | ValueError) -> str:
    return str(getattr(error, "strerror", None) or error)

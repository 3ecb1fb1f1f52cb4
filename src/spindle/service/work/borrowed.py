"""Files of the store under the names that their owners know them by, so that every sentence and table says these."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from spindle.service.files import FileStore

LONGEST_NAME = 100
_UNSAFE = re.compile(r"[^\w .()+-]+")


@contextmanager
def borrow(store: FileStore, words: dict[str, Any]) -> Iterator[Path]:
    """Give a path that ends in the owner's name for a file, for the time of the block.

    `words` has `file`, its key, and `name`. Errors: FileNotFoundError where it was deleted.
    """
    with store.local(words["file"]) as kept, store.working_folder() as folder:
        path = folder / safe_name(words["name"], suffix=kept.suffix)
        _link(kept, path)
        yield path


def safe_name(name: str, *, suffix: str) -> str:
    """Return a name that every system can have in a folder, as much like the owner's as may be, with this suffix."""
    stem = name.removesuffix(suffix) if suffix else name
    stem = _UNSAFE.sub("_", stem).strip(" .")[:LONGEST_NAME] or "recording"
    return f"{stem}{suffix}"


def result_id(job_id: str, attempt: int, part: str) -> str:
    """Name a result after its job, its attempt and its part of it, always the same.

    It begins like the job's id, by which housekeeping knows that its job may still be at work. What an attempt left
    that was not the last bears a name that no row has.
    """
    return job_id[:16] + hashlib.sha256(f"{job_id} {attempt} {part}".encode()).hexdigest()[:16]


def settle(folder: Path) -> None:
    """Have every file of a folder on the disk, before a row in the database says that it is there."""
    for path in folder.rglob("*"):
        if path.is_file():
            with path.open("r+b") as file:
                os.fsync(file.fileno())


def _link(kept: Path, path: Path) -> None:
    for link in (os.link, os.symlink, shutil.copyfile):
        try:
            link(kept, path)
            return
        except OSError:
            # Not every file system has links; the last way makes a copy, and has the last word.
            if link is shutil.copyfile:
                raise

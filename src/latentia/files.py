"""Files that are either whole or not there."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from glob import escape
from pathlib import Path


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Give a temporary path beside `path`, which takes its name when the block ends well.

    When the block raises, the temporary file is deleted and an older `path` stays as it was. The content is
    flushed to disk before the rename, so that a crash leaves the old file or the new one. The temporary name ends
    like `path`, because some writers choose a format by it.

    Errors: OSError where the folder does not exist or cannot be written.
    """
    handle, name = tempfile.mkstemp(prefix=f".{path.stem}-", suffix=path.suffix, dir=path.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        # "r+b": Windows flushes only through a handle that may write.
        with temporary.open("r+b") as written:
            os.fsync(written.fileno())
        # mkstemp makes private files; results get the permissions an ordinary write would have given.
        temporary.chmod(0o666 & ~_umask())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def remove_unfinished(path: Path) -> None:
    """Delete what a process that was killed while it wrote `path` has left beside it."""
    for leftover in path.parent.glob(f".{escape(path.stem)}-*{escape(path.suffix)}"):
        leftover.unlink()


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask

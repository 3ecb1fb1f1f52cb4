"""Files on their way to the service: what has arrived of each, which outlives the program that receives it.

An upload is a part file and a JSON file beside it, in a folder of its account. How much has arrived is the size of
the part file and is written down nowhere else, so that a program that was killed goes on where the disk is. Names that
users gave are words inside the JSON file, never parts of a path.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from filelock import FileLock, Timeout

from latentia.files import atomic_path
from spindle.service.files import FileStore
from spindle.service.tables import new_id, now

KEPT_FOR = timedelta(days=7)
"""How long an upload to which nothing is added is kept."""
REMEMBERED_FOR = timedelta(days=1)
"""How long it is known which recording an upload became, for whoever lost the answer; and how long a part file may
lie without its JSON file, as one does that a script sends in one piece."""

_ID = re.compile(r"[0-9a-f]{32}")


class UploadBusy(Exception):  # noqa: N818 - it is no mistake of anybody's
    """Somebody else is adding to the upload."""


@dataclass(frozen=True, kw_only=True)
class Upload:
    """A file on its way. `mark` is what its sender knows the file by; `sha256` is what it should have in the end.
    `recording_id` is what it became.
    """

    id: str
    name: str
    length: int
    mark: str = ""
    sha256: str | None = None
    recording_id: str | None = None


class Incoming:
    """The uploads of one account."""

    def __init__(self, files: FileStore, owner_id: str) -> None:
        self._folder = _root(files) / owner_id

    def begin(self, name: str, length: int, *, mark: str = "", sha256: str | None = None) -> Upload:
        """Make room for a file. Errors: OSError, such as a full disk."""
        upload = Upload(id=new_id(), name=name, length=length, mark=mark, sha256=sha256)
        self.new_part(upload.id)
        self._save(upload)
        return upload

    def new_part(self, key: str) -> Path:
        """Make an empty part file, which needs no upload where a file arrives in one piece."""
        part = self._folder / f"{key}.part"
        while True:
            # A sweep may take the folder away while it is still empty, between any two of these steps.
            with suppress(FileNotFoundError, FileExistsError):
                self._folder.mkdir(parents=True, exist_ok=True)
                part.touch()
                return part

    def find(self, key: str) -> Upload | None:
        """Find an upload that is not over."""
        if not _ID.fullmatch(key):
            return None
        try:
            upload = Upload(**json.loads(self._words(key).read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return None
        return None if self.expires_at(upload) < now() else upload

    def unfinished(self) -> list[Upload]:
        """List what has not become a recording."""
        found = (self.find(path.stem) for path in sorted(_inside(self._folder)) if path.suffix == ".json")
        return [upload for upload in found if upload is not None and upload.recording_id is None]

    def part(self, upload: Upload) -> Path:
        """Return where the bytes are."""
        return self._folder / f"{upload.id}.part"

    def offset(self, upload: Upload) -> int:
        """Return how many bytes have arrived."""
        if upload.recording_id is not None:
            return upload.length
        try:
            return self.part(upload).stat().st_size
        except FileNotFoundError:
            return 0

    def expires_at(self, upload: Upload) -> datetime:
        """Return when the upload is forgotten, if nothing more arrives."""
        finished = upload.recording_id is not None
        for path in (self._words(upload.id) if finished else self.part(upload), self._words(upload.id)):
            with suppress(FileNotFoundError):
                changed = datetime.fromtimestamp(path.stat().st_mtime, UTC)
                return changed + (REMEMBERED_FOR if finished else KEPT_FOR)
        return datetime.min.replace(tzinfo=UTC)

    @contextmanager
    def held(self, upload: Upload) -> Iterator[None]:
        """Let nobody else change the upload within the block. Errors: UploadBusy."""
        # One thread may take the lock and another give it back, as requests change threads.
        lock = FileLock(self._folder / f"{upload.id}.lock", thread_local=False)
        try:
            lock.acquire(blocking=False)
        except Timeout:
            raise UploadBusy(upload.id) from None
        try:
            yield
        finally:
            lock.release()
            if not self._words(upload.id).exists():
                self._unlock(upload.id)

    def finish(self, upload: Upload, recording_id: str) -> Upload:
        """Remember what the upload became."""
        finished = replace(upload, recording_id=recording_id)
        self._save(finished)
        self.part(upload).unlink(missing_ok=True)
        return finished

    def remove(self, upload: Upload) -> None:
        """Forget an upload, with what has arrived of it."""
        self._words(upload.id).unlink(missing_ok=True)
        self.part(upload).unlink(missing_ok=True)
        self._unlock(upload.id)

    def _words(self, key: str) -> Path:
        return self._folder / f"{key}.json"

    def _save(self, upload: Upload) -> None:
        with atomic_path(self._words(upload.id)) as path:
            path.write_text(json.dumps(asdict(upload)), encoding="utf-8")

    def _unlock(self, key: str) -> None:
        # Where a file that is open cannot be deleted, the next sweep does it.
        with suppress(PermissionError):
            (self._folder / f"{key}.lock").unlink(missing_ok=True)


def sweep(files: FileStore) -> None:
    """Delete what is over: uploads that nobody goes on with, and part files of programs that died."""
    for folder in _root(files).glob("*"):
        incoming = Incoming(files, folder.name)
        for path in _inside(folder):
            key = path.name.lstrip(".").partition(".")[0].partition("-")[0]
            with suppress(FileNotFoundError):
                age = now() - datetime.fromtimestamp(path.stat().st_mtime, UTC)
                if age > REMEMBERED_FOR and incoming.find(key) is None:
                    path.unlink()
        # A folder in which something still is stays.
        with suppress(OSError):
            folder.rmdir()


def _inside(folder: Path) -> list[Path]:
    # Another sweep may take the folder away meanwhile.
    with suppress(FileNotFoundError, NotADirectoryError):
        return list(folder.glob("*"))
    return []


def _root(files: FileStore) -> Path:
    return files.scratch / "incoming"

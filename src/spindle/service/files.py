"""Where recordings, results and models lie: a folder, or an object store that fsspec knows.

Everything has a key such as `recordings/ID/recording.edf`. A key is there whole or not at all: files are written
under another name and renamed, and a folder's files come before the record in the database that names them.
Keys are made by us, never from names that users gave.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from latentia.files import atomic_path
from spindle.errors import SettingError
from spindle.service.settings import StorageOptions
from spindle.service.tables import new_id

NOT_KEPT = ("scratch/", "workers/")
"""Folders beside the files of keys, in which things are on their way, or processes say that they live."""

_KEY = re.compile(r"[a-z]+(/[A-Za-z0-9][A-Za-z0-9._-]*)+")


class FileStore:
    """Keeps files by key. On this machine they are what they seem; elsewhere they are fetched for their use.

    `work` is what working folders are called after, so that others can clear them: by default this process.
    """

    def __init__(self, storage: StorageOptions, *, work: str | None = None) -> None:
        self._work = str(os.getpid()) if work is None else work
        self._remote: Any = None
        self._root = ""
        if storage.is_local:
            self.folder = storage.folder
            self.scratch = storage.scratch or self.folder / "scratch"
        else:
            self._remote, self._root = _filesystem(storage.data)
            self.scratch = storage.scratch or Path(tempfile.gettempdir()) / "spindle-scratch"

    @property
    def is_local(self) -> bool:
        """Whether files are in a folder of this machine."""
        return self._remote is None

    def prepare(self) -> None:
        """Make the folders. Errors: SettingError where that cannot be done."""
        try:
            for folder in [self.scratch] if self._remote is not None else [self.folder, self.scratch]:
                folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise SettingError(f"{error.filename} cannot be made a folder for data: {error.strerror}.") from None

    def put(self, source: Path, key: str) -> None:
        """Take a file over, whole; `source` is gone afterwards. Errors: OSError, such as a full disk."""
        if self._remote is not None:
            self._remote.put_file(str(source), self._path(key))
            source.unlink()
            return
        target = self._local(key)
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            source.replace(target)
        except OSError:
            # Scratch may be on another disk, where nothing can be renamed to.
            with atomic_path(target) as temporary:
                shutil.copyfile(source, temporary)
            source.unlink()

    def put_folder(self, source: Path, key: str) -> None:
        """Take over the files of a folder, as `key/NAME`; an older folder of that key is replaced."""
        for file in sorted(path for path in source.rglob("*") if path.is_file()):
            self.put(file, f"{key}/{file.relative_to(source).as_posix()}")
        shutil.rmtree(source)

    @contextmanager
    def local(self, key: str) -> Iterator[Path]:
        """Give a path on this machine to read the file at, for the time of the block. Errors: FileNotFoundError."""
        if self._remote is None:
            path = self._local(key)
            if not path.is_file():
                raise FileNotFoundError(f"{key} is not there.")
            yield path
            return
        with self.working_folder() as folder:
            path = folder / key.rpartition("/")[2]
            self._remote.get_file(self._path(key), str(path))
            yield path

    def exists(self, key: str) -> bool:
        """Whether there is a file of this key."""
        return bool(self._remote.exists(self._path(key))) if self._remote is not None else self._local(key).is_file()

    def names(self, key: str) -> list[str]:
        """Names of the files of a folder and its folders, in order; none where there is no such folder.

        Also of a folder above all keys, such as `recordings`.
        """
        _checked(f"{key}/name")
        if self._remote is None:
            folder = self.folder / key
            return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
        root = f"{self._root}/{key}"
        return sorted(str(path).removeprefix(root).lstrip("/") for path in self._remote.find(root))

    def put_at(self, key: str) -> float:
        """When a file was written, in seconds since 1970. Errors: FileNotFoundError."""
        if self._remote is not None:
            return float(self._remote.modified(self._path(key)).timestamp())
        return self._local(key).stat().st_mtime

    def keys(self) -> list[str]:
        """Name every file that is kept, in order."""
        if self._remote is None:
            found = (path.relative_to(self.folder).as_posix() for path in self.folder.rglob("*") if path.is_file())
        else:
            found = (str(path).removeprefix(self._root).lstrip("/") for path in self._remote.find(self._root))
        return sorted(key for key in found if is_key(key))

    def remove(self, key: str) -> None:
        """Delete a file, or a folder with all that is in it; nothing happens where there is none."""
        if self._remote is not None:
            if self._remote.exists(self._path(key)):
                self._remote.rm(self._path(key), recursive=True)
            return
        path = self._local(key)
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)

    def free_bytes(self) -> int | None:
        """Room that is left; None where nobody knows."""
        return None if self._remote is not None else shutil.disk_usage(self.folder).free

    @contextmanager
    def working_folder(self) -> Iterator[Path]:
        """Give an empty folder on this machine, deleted at the end of the block."""
        folder = self.scratch / f"work-{self._work}-{new_id()}"
        folder.mkdir(parents=True)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def clear_work(self, work: str) -> None:
        """Delete the working folders that are called after `work`, whose process was ended in the middle."""
        for folder in self.scratch.glob(f"work-{work}-*"):
            shutil.rmtree(folder, ignore_errors=True)

    def _local(self, key: str) -> Path:
        return self.folder / _checked(key)

    def _path(self, key: str) -> str:
        return f"{self._root}/{_checked(key)}"


def is_key(key: str) -> bool:
    """Whether files can have this key."""
    return _KEY.fullmatch(key) is not None and not key.startswith(NOT_KEPT)


def _checked(key: str) -> str:
    if not _KEY.fullmatch(key):
        raise ValueError(f"'{key}' is no key of a file.")
    return key


def _filesystem(address: str) -> tuple[Any, str]:
    try:
        from fsspec.core import url_to_fs

        filesystem, root = url_to_fs(address)
    except (ImportError, ValueError) as error:
        raise SettingError(f"Data cannot be kept at {address}: {error}.") from None
    return filesystem, str(root).rstrip("/")

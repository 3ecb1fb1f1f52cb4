"""Files of data sets: finding them, checking them, downloading them where their publisher lets everybody."""

from __future__ import annotations

import gzip
import hashlib
import lzma
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import pooch

from latentia.errors import DataError

OPENERS: dict[str, Any] = {".gz": gzip.open, ".xz": lzma.open}


@dataclass(frozen=True, kw_only=True)
class Download:
    """A file that anybody may download, and its published checksum, such as "md5:c32a…"."""

    file: str
    url: str
    checksum: str

    def into(self, folder: Path) -> Path:
        """Download the file unless `folder` has it. Errors: DataError where that fails or the content is wrong."""
        try:
            return Path(pooch.retrieve(self.url, self.checksum, fname=self.file, path=folder))
        except OSError as error:
            raise DataError(f"{self.file} could not be downloaded from {self.url}: {error}") from error
        except ValueError as error:  # pooch has deleted it
            raise DataError(
                f"{self.file} from {self.url} was to have the checksum {self.checksum} and has not: it was damaged on "
                "the way, or is no longer what was published."
            ) from error


def cache_folder() -> Path:
    """Where downloads and prepared arrays are kept: the user's cache folder."""
    return Path(pooch.os_cache("latentia"))


def existing_folder(folder: Path, what: str) -> Path:
    """Errors: DataError where `folder` is not there."""
    if not folder.is_dir():
        raise DataError(f"There is no folder {folder}, where {what} should be.")
    return folder


def read_bytes(path: Path) -> bytes:
    """Read a file, unpacking .gz and .xz. Errors: DataError where it cannot be read."""
    opened: Callable[..., IO[bytes]] = OPENERS.get(path.suffix, Path.open)
    try:
        with opened(path, "rb") as file:
            return bytes(file.read())
    except (OSError, EOFError, zlib.error, lzma.LZMAError) as error:
        raise DataError(f"{path} cannot be read: {error}") from error


def check(path: Path, checksum: str) -> None:
    """Compare a published file with its checksum. Errors: DataError where they differ."""
    method, wanted = checksum.split(":")
    with path.open("rb") as file:
        got = hashlib.file_digest(file, method).hexdigest()
    if got != wanted:
        raise DataError(f"{path} is not the published file, or is damaged: its {method} is {got}, not {wanted}.")

"""Counting what nibabel opens and reads, to see how often a file is unpacked without a clock."""

from __future__ import annotations

import gzip
import io
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest


@dataclass
class Opened:
    """All files that were opened, and the packed bytes that were read."""

    files: list[Any] = field(default_factory=list)
    read: int = 0

    def packed(self, file: str, mode: str = "rb", **_: object) -> gzip.GzipFile:
        everything = self

        class Counting(io.BytesIO):
            def read(self, size: int | None = -1, /) -> bytes:
                found = super().read(size)
                everything.read += len(found)
                return found

        self.files.append(gzip.GzipFile(file, mode, fileobj=Counting(Path(file).read_bytes())))
        return self.files[-1]

    def plain(self, file: str, mode: str = "rb", **_: object) -> Any:
        self.files.append(Path(file).open(mode))  # noqa: SIM115
        return self.files[-1]


def count_opened(monkeypatch: pytest.MonkeyPatch) -> Opened:
    openers = pytest.importorskip("nibabel.openers")
    counted, kinds = Opened(), openers.ImageOpener.compress_ext_map
    for ending, opened in ((".gz", counted.packed), (None, counted.plain)):
        monkeypatch.setitem(kinds, ending, (opened, kinds[ending][1]))
    return counted

"""`latentia` as a person would type it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from latentia.cli import main

Latentia = Callable[..., int]
Snapshot = Callable[[], dict[str, bytes | None]]


@pytest.fixture
def latentia(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Latentia:
    """Type a command in an empty folder; what comes back is the exit code."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "120")
    return lambda *words: main([str(word) for word in words])


@pytest.fixture
def run(trained: Path, tmp_path: Path) -> Path:
    """A run of its own for the test."""
    return shutil.copytree(trained, tmp_path / "run")


@pytest.fixture
def everything(tmp_path: Path) -> Snapshot:
    """All files below the folder with their content, and the folders."""

    def look() -> dict[str, bytes | None]:
        paths = sorted(tmp_path.rglob("*"))
        return {str(path): path.read_bytes() if path.is_file() else None for path in paths}

    return look

"""What tests of data sets share: a cache folder of their own, so that none touches the user's."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "user-cache"
    monkeypatch.setattr("latentia.data.files.pooch.os_cache", lambda name: str(folder / name))
    return folder / "latentia"

"""What killed writers leave behind is found and removed, and nothing else is."""

from __future__ import annotations

from pathlib import Path

import pytest

from latentia.files import atomic_path, remove_unfinished


class KilledError(BaseException):
    """In place of a kill."""


def test_what_a_killed_writer_left_is_removed_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "history[1].csv"
    path.write_text("whole", encoding="utf-8")
    for name in (".history[1].csv", "history[1]-2.csv", ".history1-2.csv"):
        (tmp_path / name).write_text("of others", encoding="utf-8")
    before = sorted(tmp_path.iterdir())
    with monkeypatch.context() as patched, pytest.raises(KilledError), atomic_path(path) as temporary:
        temporary.write_text("half", encoding="utf-8")
        patched.setattr(Path, "unlink", lambda *arguments, **settings: None)  # no time to clean up
        raise KilledError
    assert len(list(tmp_path.iterdir())) == len(before) + 1
    remove_unfinished(path)
    assert sorted(tmp_path.iterdir()) == before
    assert path.read_text(encoding="utf-8") == "whole"

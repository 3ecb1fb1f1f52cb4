"""Places for results are looked at without leaving a trace."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from latentia.errors import OutputError
from latentia.folders import check_output_file, check_output_folder, make_folder, remove_if_empty


def test_a_folder_that_can_be_made_is_not_made_yet(tmp_path: Path) -> None:
    check_output_folder(tmp_path / "a" / "b")
    check_output_file(tmp_path / "c" / "d.csv")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("below", ["", "below", "far/below"])
def test_a_file_in_the_place_of_a_folder_is_refused(tmp_path: Path, below: str) -> None:
    (tmp_path / "taken").write_text("x", encoding="utf-8")
    with pytest.raises(OutputError, match="is a file"):
        check_output_folder(tmp_path / "taken" / below)


def test_a_folder_in_the_place_of_a_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="a folder has that name"):
        check_output_file(tmp_path)


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="folder permissions bind neither root nor Windows")
def test_a_folder_without_permission_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(OutputError, match="cannot be written"):
        check_output_folder(tmp_path / "a")
    tmp_path.chmod(0o700)


def test_a_name_that_no_folder_can_have_is_refused(tmp_path: Path) -> None:
    for check in (check_output_folder, make_folder):
        with pytest.raises(OutputError):
            check(tmp_path / ("x" * 5000))


def test_only_empty_folders_are_removed(tmp_path: Path) -> None:
    for name in ("full", "empty"):
        make_folder(tmp_path / name / "inner")
    (tmp_path / "full" / "file").write_text("x", encoding="utf-8")
    for name in ("full", "empty", "missing"):
        remove_if_empty(tmp_path / name / "inner", tmp_path / name)
    assert [path.name for path in tmp_path.iterdir()] == ["full"]

"""Folders and lists stand for the recordings in them, each once; results and labels are passed over."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from spindle.batch_files import find_recordings, read_list, recordings_in
from spindle.errors import RecordingError, SettingError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three recordings among results, labels, unfinished files and a folder below."""
    folder = tmp_path / "mice"
    (folder / "older").mkdir(parents=True)
    recordings = ("b.edf", "a.EDF", "c.npz")
    others = (
        "a_hypnogram.edf", "a_labels.edf", "night-Hypnogram.edf", "a_scores.csv", "a_report.html", "a_record.json",
        ".b-x1.edf", "._b.edf", "notes.txt", "summary.csv", "older/d.edf",
    )  # fmt: skip
    for name in (*recordings, *others):
        (folder / name).touch()
    return folder


def test_a_folder_stands_for_the_recordings_in_it(folder: Path) -> None:
    assert recordings_in(folder) == [folder / "a.EDF", folder / "b.edf", folder / "c.npz"]
    assert find_recordings([folder / "older", folder]) == [folder / "older" / "d.edf", *recordings_in(folder)]


def test_a_folder_that_a_recorder_wrote_is_one_recording(tmp_path: Path) -> None:
    (tmp_path / "mouse.mff").mkdir()
    assert find_recordings([tmp_path / "mouse.mff"]) == [tmp_path / "mouse.mff"]


def test_a_recording_that_is_named_twice_counts_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    other_name = Path("..", "mice", "b.edf")
    assert find_recordings([Path("b.edf"), Path("gone.edf"), other_name, folder])[:2] == [
        Path("b.edf"),
        Path("gone.edf"),
    ]
    assert len(find_recordings([Path("b.edf"), other_name, folder])) == 3


def test_two_recordings_of_one_name_are_refused(folder: Path) -> None:
    (folder / "older" / "B.edf").touch()
    with pytest.raises(SettingError, match=r"b\.edf and .*B\.edf would give results of the same name"):
        find_recordings([folder, folder / "older"])


def test_an_empty_folder_is_said(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(RecordingError, match=r"empty is a folder without a recording \(\.edf, "):
        find_recordings([folder, tmp_path / "empty"])


@pytest.mark.parametrize("name", ["list.txt", "list"])
def test_a_text_has_a_recording_on_each_line_relative_to_it(name: str, folder: Path) -> None:
    path = folder / name
    path.write_text(f"# the good ones\n b.edf\n\nolder/d.edf\r\n{folder / 'a, b.edf'}\n", encoding="utf-8-sig")
    assert read_list(path) == [folder / "b.edf", folder / "older" / "d.edf", folder / "a, b.edf"]
    assert find_recordings([folder / "b.edf"], path) == read_list(path)


@pytest.mark.parametrize(("name", "mark"), [("list.csv", ";"), ("list.TSV", "\t")])
def test_a_table_names_recordings_in_its_column(name: str, mark: str, folder: Path) -> None:
    lines = [("Animal", "Recording"), ("1", "b.edf"), ("2", ""), ("3", "older/d.edf")]
    (folder / name).write_text("\n".join(mark.join(line) for line in lines), encoding="utf-8")
    assert read_list(folder / name) == [folder / "b.edf", folder / "older" / "d.edf"]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("list.txt", b"# nothing yet\n\n", "names no recording"),
        ("list.txt", b"\xff\xfe\x00", "not text in UTF-8"),
        ("list.txt", None, "cannot be read"),
        ("list.csv", b"animal,file\n1,a.edf\n", "has no column 'recording'; it has animal, file"),
        ("list.csv", b"", "The list cannot be read: list.csv is empty"),
    ],
)
def test_a_list_that_cannot_be_used_is_one_sentence(
    name: str, content: bytes | None, said: str, tmp_path: Path
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(SettingError) as error:
        read_list(tmp_path / name)
    assert said in str(error.value) and "\n" not in str(error.value)


@pytest.mark.skipif(os.name == "nt", reason="a home folder is named otherwise there")
def test_a_tilde_in_a_list_is_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/lab")
    (tmp_path / "list.txt").write_text("~/a.edf\n", encoding="utf-8")
    assert read_list(tmp_path / "list.txt") == [Path("/home/lab/a.edf")]

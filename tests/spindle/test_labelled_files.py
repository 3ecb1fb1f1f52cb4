"""Which labels belong to which recording: only where there is no doubt."""

from __future__ import annotations

from pathlib import Path

import pytest

from spindle.errors import LabelError, RecordingError, SettingError
from spindle.labelled_files import LABEL_ENDINGS, LabelledFile, find_labelled


def make(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).write_text("x", encoding="utf-8")


def pairs(files: list[LabelledFile]) -> dict[str, str]:
    return {file.recording.name: file.labels.name for file in files}


@pytest.mark.parametrize("ending", LABEL_ENDINGS)
def test_labels_beside_a_recording_are_found(tmp_path: Path, ending: str) -> None:
    make(tmp_path, "m.edf", f"m{ending}")
    assert pairs(find_labelled([tmp_path / "m.edf"])) == {"m.edf": f"m{ending}"}


def test_bids_names_are_found(tmp_path: Path) -> None:
    make(tmp_path, "sub-01_task-sleep_eeg.edf", "sub-01_task-sleep_events.tsv")
    found = find_labelled([tmp_path / "sub-01_task-sleep_eeg.edf"])
    assert pairs(found) == {"sub-01_task-sleep_eeg.edf": "sub-01_task-sleep_events.tsv"}


def test_a_folder_stands_for_every_recording_in_it_that_has_labels(tmp_path: Path) -> None:
    make(tmp_path, "b.edf", "b_labels.csv", "a.npz", "a.csv", "alone.edf", "notes.txt", "b_hypnogram.edf")
    assert pairs(find_labelled([tmp_path])) == {"a.npz": "a.csv", "b.edf": "b_labels.csv"}


def test_labels_are_taken_in_the_order_they_are_named(tmp_path: Path) -> None:
    files = find_labelled([Path("a.edf"), Path("b.edf")], [Path("2.csv"), Path("1.csv")])
    assert pairs(files) == {"a.edf": "2.csv", "b.edf": "1.csv"}


def test_as_many_labels_as_recordings_are_needed() -> None:
    with pytest.raises(SettingError, match="2 recordings and 1 label file"):
        find_labelled([Path("a.edf"), Path("b.edf")], [Path("1.csv")])


def test_two_candidates_are_not_chosen_between(tmp_path: Path) -> None:
    make(tmp_path, "m.edf", "m.csv", "m_labels.csv")
    with pytest.raises(LabelError, match=r"m_labels\.csv and m\.csv"):
        find_labelled([tmp_path / "m.edf"])


def test_a_model_does_not_learn_from_its_own_scores_unasked(tmp_path: Path) -> None:
    make(tmp_path, "m.edf", "m_events.tsv", "m_scores.csv")
    with pytest.raises(LabelError, match="no labels beside it"):
        find_labelled([tmp_path / "m.edf"])


def test_a_missing_recording_and_an_empty_folder_are_said(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="no file"):
        find_labelled([tmp_path / "m.edf"])
    with pytest.raises(LabelError, match="no recording with labels"):
        find_labelled([tmp_path])


def test_a_csv_recording_is_not_its_own_labels(tmp_path: Path) -> None:
    make(tmp_path, "m.csv")
    with pytest.raises(LabelError, match="no labels beside it"):
        find_labelled([tmp_path / "m.csv"])

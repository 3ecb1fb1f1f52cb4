"""`spindle simulate`: the same words give the same bytes, and no recording of a user is ever replaced."""

from __future__ import annotations

from pathlib import Path

import pytest

import spindle as package
from spindle.errors import SettingError
from spindle.labels import read_labels
from spindle.reading import read_recording

from .conftest import Snapshot, Spindle


def test_one_mouse_is_an_edf_with_labels_beside_it(spindle: Spindle, capsys: pytest.CaptureFixture[str]) -> None:
    assert spindle("simulate", "--out", "new/mouse07.edf", "--hours", "0.05", "--seed", 1) == 0
    recording = read_recording(Path("new/mouse07.edf"))
    assert recording.labels == ("EEG1", "EEG2", "EMG")
    assert [len(expert) for expert in read_labels(Path("new/mouse07_labels.csv"))] == [45, 45]
    assert any("Simulated" in note.text for note in recording.annotations)
    assert "is a simulated recording of 3 min" in capsys.readouterr().out


def test_the_same_words_give_the_same_bytes_and_another_seed_others(spindle: Spindle) -> None:
    for out, seed in (("a.edf", 1), ("b.edf", 1), ("c.edf", 2)):
        assert spindle("simulate", "--out", out, "--hours", "0.02", "--seed", seed) == 0
    a, b, c = (Path(name).read_bytes() for name in ("a.edf", "b.edf", "c.edf"))
    assert a == b != c


def test_a_simulation_may_be_replaced_but_a_recording_may_not(
    spindle: Spindle, mouse: Path, everything: Snapshot, capsys: pytest.CaptureFixture[str]
) -> None:
    assert spindle("simulate", "--out", "a.edf", "--hours", "0.02") == 0
    assert spindle("simulate", "--out", "a.edf", "--hours", "0.02") == 0
    before = everything()
    assert spindle("simulate", "--out", mouse, "--hours", "0.02") == 2
    assert "is not a simulated recording" in capsys.readouterr().err
    assert everything() == before


def test_an_experts_labels_are_not_replaced(spindle: Spindle, labels: Path, everything: Snapshot) -> None:
    labels.with_name("mouse07.edf").unlink()
    before = everything()
    assert spindle("simulate", "--out", "mouse07.edf", "--hours", "0.02") == 2
    assert everything() == before


def test_laboratories_are_kept_when_they_are_there_and_more_can_follow(spindle: Spindle) -> None:
    words = ("--shortest-hours", "0.01", "--hours", "0.02", "--seed", 3, "--out", "labs")
    assert spindle("simulate", "--laboratories", 2, *words) == 0
    first = Path("labs/laboratory_0000.edf")
    whole = first.read_bytes()
    Path("labs/laboratory_0001.edf").unlink()  # as an interrupted simulation leaves it
    first.write_bytes(whole + b"mark")
    assert spindle("simulate", "--laboratories", 3, *words) == 0
    assert sorted(path.name for path in Path("labs").glob("*.edf")) == [f"laboratory_000{n}.edf" for n in range(3)]
    assert first.read_bytes() == whole + b"mark"


def test_several_processes_give_what_one_gives(spindle: Spindle) -> None:
    words = ("--laboratories", 3, "--shortest-hours", "0.01", "--hours", "0.02")
    assert spindle("simulate", *words, "--out", "one") == 0
    assert spindle("simulate", *words, "--out", "two", "--workers", 2) == 0
    one, two = ({path.name: path.read_bytes() for path in Path(folder).iterdir()} for folder in ("one", "two"))
    assert one == two


def test_a_folder_made_with_other_settings_is_refused(
    spindle: Spindle, everything: Snapshot, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("--laboratories", 1, "--shortest-hours", "0.01", "--out", "labs")
    assert spindle("simulate", *words, "--hours", "0.02") == 0
    before = everything()
    assert spindle("simulate", *words, "--hours", "0.03") == 2
    assert "other settings" in capsys.readouterr().err
    assert everything() == before


def test_a_folder_with_recordings_of_a_user_is_refused(spindle: Spindle, mouse: Path, everything: Snapshot) -> None:
    before = everything()
    assert spindle("simulate", "--cohort", "A", "--hours", "0.02", "--out", ".") == 2
    assert everything() == before


def test_a_cohort_has_the_animals_of_the_thesis_table(spindle: Spindle) -> None:
    assert spindle("simulate", "--cohort", "C", "--hours", "0.02") == 0
    files = sorted(Path("cohort_C").glob("*.edf"))
    assert len(files) == 8  # Table 5.2: rats at 200 Hz
    assert {channel.rate_hz for file in files for channel in read_recording(file).channels} == {200.0}


@pytest.mark.parametrize(
    "words",
    [
        ("--hours", "0"),
        ("--hours", "-1"),
        ("--hours", "100000"),
        ("--hours", "nan"),
        ("--seed", "-1"),
        ("--workers", "0"),
        ("--laboratories", "-2"),
        ("--laboratories", "2", "--cohort", "A"),
        ("--laboratories", "2", "--hours", "0.1", "--shortest-hours", "0.2"),
        ("--out", "mouse.csv"),
    ],
)
def test_settings_that_cannot_work_are_refused(words: tuple[str, ...], spindle: Spindle, everything: Snapshot) -> None:
    assert spindle("simulate", *words) == 2
    assert everything() == {}


def test_python_returns_the_files_and_raises_instead_of_printing(
    spindle: Spindle, capsys: pytest.CaptureFixture[str]
) -> None:
    assert package.simulate("a.edf", hours=0.02, seed=1) == [Path("a.edf")]
    with pytest.raises(SettingError, match="31 days"):
        package.simulate("b.edf", hours=-1)
    assert capsys.readouterr() == ("", "")

"""The table of a cohort, as people write it."""

from __future__ import annotations

from datetime import time
from pathlib import Path

import pytest

from spindle.cohorts.table import parse_time, read_cohort_table
from spindle.errors import CohortError


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """a.edf and b.edf with scores beside them, c.edf without; what is in them does not matter here."""
    for name in ("a", "b", "c"):
        (tmp_path / f"{name}.edf").write_bytes(b"")
    for name in ("a", "b"):
        (tmp_path / f"{name}_scores.csv").write_bytes(b"")
    return tmp_path


def write(folder: Path, *lines: str) -> Path:
    path = folder / "cohort.csv"
    path.write_text("\n".join([*lines, ""]), encoding="utf-8")
    return path


def test_two_columns_are_enough(files: Path) -> None:
    table = read_cohort_table(write(files, "recording,group", "a.edf,wt", "b.edf,mut"))
    first, second = table.rows
    assert (first.animal, first.group, first.recording, first.scores) == (
        "a", "wt", files / "a.edf", files / "a_scores.csv"
    )  # fmt: skip
    assert (second.lights_on, second.eeg, second.emg) == (None, (), None)
    assert table.groups == ("wt", "mut")
    assert (table.failed, table.notes) == ((), ())


def test_every_column_is_taken_whatever_the_delimiter_and_case(files: Path) -> None:
    path = write(
        files, "Animal;Recording;Group;Lights_on;EEG;EMG;Scores", "m1;c.edf;wt;7:30;EEG1 | EEG2;neck;b_scores.csv"
    )
    (row,) = read_cohort_table(path, lights_on=time(6)).rows
    assert (row.animal, row.lights_on, row.eeg, row.emg) == ("m1", time(7, 30), ("EEG1", "EEG2"), "neck")
    assert row.scores == files / "b_scores.csv"


def test_lights_on_is_the_options_where_a_row_has_none(files: Path) -> None:
    path = write(files, "recording,group,lights_on", "a.edf,wt,", "b.edf,wt,09:00")
    assert [row.lights_on for row in read_cohort_table(path, lights_on=time(7)).rows] == [time(7), time(9)]


def test_scores_are_looked_for_in_a_folder_also_with_the_animal_in_their_name(files: Path) -> None:
    (files / "scored").mkdir()
    for name in ("a_scores.csv", "c_m3_scores.csv"):
        (files / "scored" / name).write_bytes(b"")
    path = write(files, "recording,group,animal", "a.edf,wt,", "c.edf,wt,m3")
    rows = read_cohort_table(path, scores=files / "scored").rows
    assert [row.scores.name for row in rows] == ["a_scores.csv", "c_m3_scores.csv"]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("a.edf,,m1,", "Animal 'm1' has no group."),
        ("a.edf,unknown,m1,", "Animal 'm1' has no group."),
        ("x.edf,wt,m1,", "There is no recording "),
        (",wt,m1,", "No recording is named."),
        ("a.edf,wt,m1,noon", "Lights-on 'noon' is no time of day, such as 07:30."),
        ("c.edf,wt,m1,", "make them with: spindle score "),
        ("a.edf,wt,b,", "Animal 'b' stands in line 2 already"),
    ],
)
def test_a_row_that_cannot_be_used_says_why_and_the_others_go_on(files: Path, line: str, said: str) -> None:
    table = read_cohort_table(write(files, "recording,group,animal,lights_on", "b.edf,wt,b,", line))
    assert [row.animal for row in table.rows] == ["b"]
    (failed,) = table.failed
    assert failed.reason.startswith("cohort.csv, line 3: ") and said in failed.reason


def test_columns_that_are_not_used_are_named(files: Path) -> None:
    one = read_cohort_table(write(files, "recording,group,sex", "a.edf,wt,f"))
    assert one.notes == ("The column sex of cohort.csv is not used.",)
    two = read_cohort_table(write(files, "recording,group,sex,age", "a.edf,wt,f,3"))
    assert two.notes == ("Of cohort.csv, the columns sex, age are not used.",)


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (("recording,grup", "a.edf,wt"), "lacks the column group; it has recording, grup"),
        (("recording,group",), "has a header and no animal"),
        (("recording,group", "a.edf"), "line 2: 1 columns"),
    ],
)
def test_a_table_that_is_no_cohort_is_refused(files: Path, lines: tuple[str, ...], said: str) -> None:
    with pytest.raises(CohortError, match=said):
        read_cohort_table(write(files, *lines))


def test_a_missing_table_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CohortError, match="no file"):
        read_cohort_table(tmp_path / "cohort.csv")


@pytest.mark.parametrize("text", ["07:30", "7:30"])
def test_times_need_no_leading_zero(text: str) -> None:
    assert parse_time(text) == time(7, 30)

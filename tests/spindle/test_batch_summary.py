"""The summary has a row for each animal, whatever became of it."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from spindle.batch_summary import SUMMARY, Outcome, Row, check_summary, summary_table, write_summary
from spindle.errors import OutputError
from spindle.hypnogram import Stage

from .examples import example_scores, one_state_scores


def test_a_row_counts_what_the_scores_hold() -> None:
    scores = example_scores(600)
    row = Row.scored(Path("a.edf"), scores, 1.234)
    codes = scores.hypnogram.codes[scores.hypnogram.scored]
    shares = [100 * float(np.mean(codes == place)) for place in range(3)]
    assert [row.wake_percent, row.nrem_percent, row.rem_percent] == pytest.approx(shares, abs=0.005)
    assert row.unscored_epochs == 600 - len(codes) > 0
    assert row.artifact_epochs == np.count_nonzero(scores.hypnogram.artifact & scores.hypnogram.scored)
    assert (row.duration_s, row.seconds) == (2400.0, 1.23)
    assert row.notes == " ".join(scores.notes)


def test_without_a_scored_epoch_there_are_no_shares() -> None:
    row = Row.scored(Path("a.edf"), one_state_scores(Stage.UNSCORED), 1.0)
    assert (row.wake_percent, row.unscored_epochs) == (None, 30)


def test_the_file_reads_back_whatever_names_and_sentences_hold(tmp_path: Path) -> None:
    rows = [
        Row.failed(Path('odd, "name".edf'), "It is neither EDF, nor BDF.", "09"),
        Row.scored(Path("mouse\udcff.edf"), example_scores(100), 2.0),
    ]
    with write_summary(rows, tmp_path).open(encoding="utf-8", newline="") as file:
        first, second = csv.DictReader(file)
    assert (first["recording"], first["animal"], first["outcome"]) == ('odd, "name".edf', "09", "failed")
    assert (first["problem"], first["wake_percent"]) == ("It is neither EDF, nor BDF.", "")
    assert (second["recording"], float(second["duration_s"])) == ("mouse?.edf", 400.0)


def test_a_summary_of_somebody_else_is_not_replaced(tmp_path: Path) -> None:
    check_summary(tmp_path)
    write_summary([], tmp_path)
    check_summary(tmp_path)
    (tmp_path / SUMMARY).write_text("animal,weight\n", encoding="utf-8")
    with pytest.raises(OutputError, match=r"summary\.csv exists and is not SPINDLE's"):
        check_summary(tmp_path)


def test_the_table_says_what_was_kept_and_what_failed() -> None:
    kept = Row(recording="x/a.edf", animal="9", outcome=Outcome.KEPT, duration_s=60.0)
    table = summary_table([kept, Row.failed(Path("b.edf"), "It is broken.")])
    assert list(table.columns[0].cells) == ["a.edf, animal 9", "b.edf"]
    assert list(table.columns[-1].cells) == ["kept", "It is broken."]

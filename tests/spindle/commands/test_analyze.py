"""`spindle analyze`: what it prints and its exit codes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from spindle.edf import write_edf
from spindle.outputs import COLUMNS

from .conftest import EPOCHS, Spindle, codes, signals

QUICK = ("--bin-hours", "0.01", "--timing-hours", "0.01", "--highest-hz", "5", "--lights-on", "8:00")


@pytest.fixture
def cohort(tmp_path: Path) -> Path:
    """cohort.csv: two animals of each of two groups, two minutes each."""
    lines = ["recording,group"]
    for seed, name in enumerate(("a1", "a2", "b1", "b2")):
        write_edf(tmp_path / f"{name}.edf", signals(("EEG", "EMG"), seed=seed))
        states = np.roll(codes(), seed)
        rows = [
            f"{e},{4 * e},{('wake', 'nrem', 'rem')[c]},{c == 0:d},{c == 1:d},{c == 2:d},0.1,0"
            for e, c in enumerate(states)
        ]
        (tmp_path / f"{name}_scores.csv").write_text("\n".join([",".join(COLUMNS), *rows, ""]), encoding="utf-8")
        lines.append(f"{name}.edf,{name[0]}")
    assert len(rows) == EPOCHS
    path = tmp_path / "cohort.csv"
    path.write_text("\n".join([*lines, ""]), encoding="utf-8")
    return path


def test_it_says_what_was_found_and_where_the_page_is(
    spindle: Spindle, cohort: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert spindle("analyze", cohort, *QUICK) == 0
    printed = capsys.readouterr()
    assert printed.err == ""
    assert printed.out.startswith("Animals: a 2, b 2.\n")
    page = Path("analysis/analysis.html")
    assert page.is_file()
    assert f"The page is {page}; open it in a browser." in printed.out


def test_a_row_that_failed_is_said_and_gives_exit_code_2(
    spindle: Spindle, cohort: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("b2_scores.csv").unlink()
    assert spindle("analyze", cohort, *QUICK, "--statistics", "thesis", "--out", "new/place") == 2
    printed = capsys.readouterr()
    assert printed.err.count("\n") == 1 and printed.err.startswith("spindle: cohort.csv, line 5: b2.edf has no scores")
    assert "spindle score" in printed.err
    assert "Group 'b' has one animal" in printed.out
    assert Path("new/place/analysis.html").is_file()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--lights-on", "noon"), "--lights-on: 'noon' is no time of day, such as 07:30; see spindle analyze --help."),
        (("--bin-hours", "0"), "--bin-hours must be more than 0, not 0."),
        (("--timing-hours", "30"), "--timing-hours 30 is longer than the light cycle of 24 h."),
        (("--clean-above", "1"), "--clean-above must lie between 0 and 1, not at 1."),
        (("--highest-hz", "64"), "--highest-hz must lie between 0.5 and less than 64, not at 64."),
        (("--reference", "c"), "--reference: 'c' is no group of cohort.csv with an animal; it has a, b."),
    ],
)
def test_an_option_that_cannot_work_is_one_sentence(
    spindle: Spindle, cohort: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], said: str
) -> None:
    assert spindle("analyze", cohort, *words) == 2
    assert capsys.readouterr().err == f"spindle: {said}\n"
    assert not Path("analysis/analysis.html").exists()


def test_a_table_without_any_scores_is_one_sentence(
    spindle: Spindle, cohort: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert spindle("analyze", cohort, "--scores", "nowhere") == 2
    printed = capsys.readouterr().err
    assert (
        printed.startswith("spindle: None of the 4 animals of cohort.csv can be analysed;") and printed.count("\n") == 1
    )

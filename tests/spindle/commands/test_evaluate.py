"""`spindle evaluate`: recordings and saved scores against experts."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

import spindle as package
from spindle.errors import LabelError
from spindle.hypnogram import Hypnogram
from spindle.labels import write_published_labels

from .conftest import EPOCHS, Snapshot, Spindle, codes

HEADER = "epoch,start_s,stage,p_wake,p_nrem,p_rem,p_artifact,artifact"
NAMES = ("wake", "nrem", "rem")


def save_scores(path: Path, states: np.ndarray) -> Path:
    rows = [f"{epoch},{4 * epoch},{NAMES[code]},0.3,0.3,0.4,0.1,0" for epoch, code in enumerate(states.tolist())]
    path.write_text("\n".join([HEADER, *rows, ""]), encoding="utf-8")
    return path


def test_a_recording_is_compared_before_and_after_decoding(
    spindle: Spindle, mouse: Path, labels: Path, model_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert spindle("evaluate", mouse, labels, "--model", model_file) == 0
    printed = capsys.readouterr().out
    assert "intersection vs spindle" in printed and "expert 1 vs expert 2" in printed
    assert "before decoding" in printed


def test_saved_scores_are_compared_without_the_recording(
    spindle: Spindle, tmp_path: Path, labels: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scores = save_scores(tmp_path / "mouse07_scores.csv", codes())
    assert spindle("evaluate", scores, labels, "--json", "all.json", "--csv", "all.csv") == 0
    printed = capsys.readouterr().out
    assert "100.0" in printed and "before decoding" not in printed
    figures = json.loads(Path("all.json").read_text(encoding="utf-8"))
    assert figures["epochs"] == EPOCHS
    by_name = {comparison["reference"]: comparison for comparison in figures["comparisons"][:3]}
    assert by_name["expert 1"]["states"]["after"]["accuracy"] == 1
    # The second expert differs in one of the 28 epochs that neither of them marked.
    assert by_name["expert 2"]["states"]["after"]["accuracy"] == pytest.approx(27 / 28)
    with Path("all.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    wanted = {"comparison": "expert 2 vs spindle", "metric": "accuracy"}
    found = {row["epochs"]: float(row["value"]) for row in rows if wanted.items() <= row.items()}
    # The one difference lies beside a change, as do 2 epochs of each of the other bouts but the artifacts 20 and 21.
    assert found == pytest.approx({"all": 27 / 28, "near changes": 10 / 11, "steady": 1.0})
    assert figures["reliability"]["epochs"] == 27


def test_experts_may_have_a_file_each(spindle: Spindle, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    scores = save_scores(tmp_path / "a_scores.csv", codes())
    for name in ("one.csv", "two.csv"):
        write_published_labels(tmp_path / name, [Hypnogram(codes=codes(), artifact=np.zeros(EPOCHS, dtype=bool))])
    assert spindle("evaluate", scores, "one.csv", "two.csv") == 0
    assert "expert 1 vs expert 2" in capsys.readouterr().out


def test_artifacts_by_a_density_are_compared_with_the_experts(
    spindle: Spindle, mouse: Path, labels: Path, model_file: Path, density_file: Path
) -> None:
    """Above a threshold that no epoch reaches all are artifacts, of which each expert marked one or two."""
    words = ("--model", model_file, "--density", density_file, "--density-threshold")
    marked = []
    for threshold in (-1e6, 0):
        assert spindle("evaluate", mouse, labels, *words, threshold, "--json", "all.json") == 0
        comparisons = json.loads(Path("all.json").read_text(encoding="utf-8"))["comparisons"]
        marked.append({one["reference"]: one["artifacts"] for one in comparisons[:3]})
    none, every = marked
    assert {name: [one["both"], one["either"]] for name, one in none.items()} == {
        "expert 1": [0, 1], "expert 2": [0, 2], "intersection": [0, 1],
    }  # fmt: skip
    assert every["expert 1"]["both"] == 1 and every["expert 1"]["either"] == EPOCHS
    assert every["expert 2"]["both"] == 2 and every["expert 2"]["either"] == EPOCHS


def test_a_density_is_refused_with_another_method_before_anything_is_read(
    spindle: Spindle, tmp_path: Path, everything: Snapshot, capsys: pytest.CaptureFixture[str]
) -> None:
    before = everything()
    words = ("--method", "faster", "--density", "density.safetensors", "--json", "all.json")
    assert spindle("evaluate", "missing.edf", "missing.csv", *words) == 2
    assert capsys.readouterr().err == (
        "spindle: The method faster has no use for --density; leave out one or the other.\n"
    )
    assert everything() == before


@pytest.mark.parametrize(
    "words", [("--eeg", "EEG1"), ("--model", "x"), ("--artifact-threshold", "0.7"), ("--density", "x")]
)
def test_options_for_scoring_are_refused_with_saved_scores(
    words: tuple[str, ...], spindle: Spindle, tmp_path: Path, labels: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scores = save_scores(tmp_path / "a_scores.csv", codes())
    assert spindle("evaluate", scores, labels, *words) == 2
    assert "holds scores already" in capsys.readouterr().err


def test_saved_scores_of_another_length_are_refused_with_both_counts(
    spindle: Spindle, tmp_path: Path, labels: Path, everything: Snapshot, capsys: pytest.CaptureFixture[str]
) -> None:
    scores = save_scores(tmp_path / "a_scores.csv", codes(29))
    before = everything()
    assert spindle("evaluate", scores, labels, "--json", "all.json") == 2
    said = capsys.readouterr().err
    assert "29" in said and "30" in said
    assert everything() == before


def test_figures_of_a_recording_show_its_signals(
    spindle: Spindle, mouse: Path, labels: Path, model_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert spindle("evaluate", mouse, labels, "--model", model_file, "--figures", "new/figures") == 0
    assert "mouse07_strip.png" in capsys.readouterr().out
    assert len(list(Path("new/figures").iterdir())) == 9
    with Path("new/figures/mouse07_strip.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 8 * EPOCHS
    assert {"eeg1_low_uV", "eeg2_low_uV", "emg_low_uV", "stage_expert_2"} <= set(rows[0])


def test_figures_of_saved_scores_show_hypnograms_from_a_chosen_hour(
    spindle: Spindle, tmp_path: Path, labels: Path
) -> None:
    scores = save_scores(tmp_path / "mouse07_scores.csv", codes())
    assert spindle("evaluate", scores, labels, "--figures", "figures", "--from-hour", "0.02") == 0
    with Path("figures/mouse07_strip.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    # 0.02 h are 18 epochs.
    assert [int(row["epoch"]) for row in rows] == list(range(18, EPOCHS))
    assert not any("eeg" in name for name in rows[0])


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--from-hour", "1"), "--figures"),
        (("--figures", "new", "--from-hour", "1"), "no excerpt can begin 1 h after its start"),
        (("--figures", "mouse07_labels.csv"), "is a file"),
    ],
)
def test_figures_that_cannot_be_drawn_leave_nothing_behind(
    words: tuple[str, ...],
    sentence: str,
    spindle: Spindle,
    tmp_path: Path,
    labels: Path,
    everything: Snapshot,
    capsys: pytest.CaptureFixture[str],
) -> None:
    scores = save_scores(tmp_path / "a_scores.csv", codes())
    before = everything()
    assert spindle("evaluate", scores, labels, "--json", "all.json", *words) == 2
    assert sentence in capsys.readouterr().err
    assert everything() == before


def test_python_returns_the_comparison(tmp_path: Path, labels: Path) -> None:
    scores = save_scores(tmp_path / "a_scores.csv", codes())
    evaluation = package.evaluate(scores, labels)
    assert evaluation.main.reference == "intersection"
    assert evaluation.main.states.accuracy == 1
    with pytest.raises(LabelError, match="29"):
        package.evaluate(save_scores(tmp_path / "b_scores.csv", codes(29)), [labels])

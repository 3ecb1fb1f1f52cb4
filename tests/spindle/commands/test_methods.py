"""`--method`: the three rival methods through every command."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import spindle as package
from spindle.baselines import KINDS, packaged_baseline
from spindle.errors import SettingError
from spindle.outputs import read_scores_csv

from .conftest import EPOCHS, Snapshot, Spindle


@pytest.mark.parametrize("method", KINDS)
def test_a_method_writes_the_same_files_as_spindle_and_says_what_they_lack(
    method: str, spindle: Spindle, mouse: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert spindle("score", mouse, "--method", method) == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert f"{method} finds no artifacts" in printed
    assert f"Scored with {method} (simulated laboratories)." in printed
    assert f"spindle train --method {method} --help" in printed
    ends = {"scores.csv", "stages.csv", "artifacts.csv", "hypnogram.edf", "events.tsv", "report.html"}
    assert {path.name for path in Path("out").iterdir()} == {f"mouse07_{end}" for end in ends}
    saved = read_scores_csv(Path("out/mouse07_scores.csv"))
    assert len(saved.hypnogram) == EPOCHS and not saved.hypnogram.artifact.any()
    np.testing.assert_allclose(saved.stage_probability.sum(axis=1), 1, atol=1e-5)
    assert (saved.artifact_probability == 0).all()


def test_the_report_and_the_picture_can_be_drawn_without_a_network_behind_the_scores(
    spindle: Spindle, mouse: Path
) -> None:
    words = ("--method", "faster", "--formats", "csv", "--figure", "--no-report")
    assert spindle("score", mouse, *words) == 0
    assert Path("out/mouse07_figure.png").exists()
    assert spindle("report", mouse, "out/mouse07_scores.csv", "--out", "again.html") == 0
    assert Path("again.html").stat().st_size > 100_000


@pytest.mark.parametrize("method", KINDS)
def test_python_scores_as_the_command_line_does(method: str, spindle: Spindle, mouse: Path) -> None:
    assert spindle("score", mouse, "--method", method, "--formats", "csv", "--no-report") == 0
    scores = package.score(mouse, method=method)
    saved = read_scores_csv(Path("out/mouse07_scores.csv"))
    np.testing.assert_array_equal(scores.hypnogram.codes, saved.hypnogram.codes)
    assert scores.model_name == f"{method} (simulated laboratories)"


@pytest.mark.parametrize("method", KINDS)
def test_a_method_learns_from_labelled_recordings_and_scores_with_what_it_learned(
    method: str, spindle: Spindle, mouse: Path, labels: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert spindle("train", mouse, "--method", method, "--run", "run", "--name", "our mice") == 0
    printed = capsys.readouterr()
    assert printed.err == "" and f"--method {method} --model {Path('run') / f'{method}.json'}" in printed.out
    assert {path.name for path in Path("run").iterdir()} == {f"{method}.json"}
    content = json.loads(Path(f"run/{method}.json").read_text(encoding="utf-8"))
    assert content["card"]["name"] == "our mice" and "mouse07.edf" in content["card"]["data"]
    assert spindle("score", mouse, "--method", method, "--model", f"run/{method}.json") == 0
    printed = capsys.readouterr()
    assert f"Scored with {method} (our mice)." in printed.out and "simulated" not in printed.out
    called = package.train([mouse], method=method, run="called")
    assert called.method.parameters() == content["parameters"]


def test_what_was_learned_is_not_replaced(
    spindle: Spindle, mouse: Path, labels: Path, everything: Snapshot, capsys: pytest.CaptureFixture[str]
) -> None:
    assert spindle("train", mouse, "--method", "scoprism", "--run", "run") == 0
    before = everything()
    assert spindle("train", mouse, "--method", "scoprism", "--run", "run") == 2
    assert "exists already" in capsys.readouterr().err
    assert everything() == before


def test_evaluation_of_a_method_has_no_figures_before_decoding(
    spindle: Spindle, mouse: Path, labels: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert spindle("evaluate", mouse, labels, "--method", "autoscore") == 0
    printed = capsys.readouterr().out
    assert "intersection vs spindle" in printed and "before decoding" not in printed
    evaluation = package.evaluate(mouse, labels, method="autoscore")
    assert evaluation.main.before_decoding is None and evaluation.main.states.epochs > 0


@pytest.mark.parametrize(
    ("words", "option"),
    [
        (("score", "mouse07.edf", "--thesis"), "--thesis"),
        (("score", "mouse07.edf", "--transitions", "own.csv"), "--transitions"),
        (("evaluate", "mouse07.edf", "mouse07_labels.csv", "--artifact-threshold", "0.7"), "--artifact-threshold"),
        (("train", "mouse07.edf", "--resume"), "--resume"),
        (("train", "mouse07.edf", "--passes", "3"), "--passes"),
        (("train", "mouse07.edf", "--from", "starter"), "--from"),
    ],
)
def test_options_that_a_method_has_no_use_for_are_refused(
    words: tuple[str, ...],
    option: str,
    spindle: Spindle,
    labels: Path,
    everything: Snapshot,
    capsys: pytest.CaptureFixture[str],
) -> None:
    before = everything()
    assert spindle(*words, "--method", "faster") == 2
    assert capsys.readouterr().err == (
        f"spindle: The method faster has no use for {option}; leave out one or the other.\n"
    )
    assert everything() == before


def test_python_refuses_the_same_and_models_of_another_method(mouse: Path) -> None:
    with pytest.raises(SettingError, match="--thesis"):
        package.score(mouse, method="faster", thesis=True)
    with pytest.raises(SettingError, match="name that method too"):
        package.score(mouse, model=packaged_baseline("faster"))
    with pytest.raises(SettingError, match="not one of scoprism"):
        package.score(mouse, method="scoprism", model=packaged_baseline("faster"))


def test_a_model_of_spindle_is_no_model_of_another_method(
    spindle: Spindle, mouse: Path, model_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert spindle("score", mouse, "--method", "scoprism", "--model", model_file) == 2
    assert "is not a model of faster, scoprism, autoscore" in capsys.readouterr().err
    Path("a.json").write_text("{}", encoding="utf-8")
    assert spindle("score", mouse, "--model", "a.json") == 2
    assert "is not a SPINDLE model" in capsys.readouterr().err

"""`spindle report`: the page again, from saved scores and the recording."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import spindle as package
from spindle.edf import write_edf
from spindle.montage import choose_montage
from spindle.outputs import read_scores_csv
from spindle.reading import read_recording
from spindle.scoring import restore_scores, score

from .conftest import Snapshot, Spindle, signals


@pytest.fixture
def scored(spindle: Spindle, mouse: Path, model_file: Path) -> Path:
    assert spindle("score", mouse, "--model", model_file, "--no-report", "--formats", "csv") == 0
    return Path("out/mouse07_scores.csv")


def test_the_report_is_written_beside_the_scores(
    spindle: Spindle, mouse: Path, scored: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    assert spindle("report", mouse, scored) == 0
    page = Path("out/mouse07_report.html")
    assert capsys.readouterr().out == f"The report is {page}; open it in a browser.\n"
    text = page.read_text(encoding="utf-8")
    assert "States, probabilities and artifacts were read from mouse07_scores.csv." in text


def test_states_that_were_changed_by_hand_are_kept(mouse: Path, scored: Path) -> None:
    lines = scored.read_text(encoding="utf-8").splitlines()
    was = lines[6].split(",")[2]
    now = "wake" if was != "wake" else "nrem"
    lines[6] = lines[6].replace(was, now)
    scored.write_text("\n".join([*lines, ""]), encoding="utf-8")
    recording = read_recording(mouse)
    restored = restore_scores(read_scores_csv(scored), choose_montage(recording), recording, source=scored.name)
    assert restored.hypnogram.stages[5] == now


def test_what_is_restored_draws_what_was_scored(mouse: Path, scored: Path, model_file: Path) -> None:
    recording = read_recording(mouse)
    restored = restore_scores(read_scores_csv(scored), choose_montage(recording), recording, source=scored.name)
    original = score(mouse, model=model_file)
    np.testing.assert_array_equal(restored.hypnogram.codes, original.hypnogram.codes)
    np.testing.assert_array_equal(restored.hypnogram.artifact, original.hypnogram.artifact)
    np.testing.assert_allclose(restored.stage_probability, original.stage_probability, atol=1e-6)
    np.testing.assert_array_equal(restored.overview.spectrogram, original.overview.spectrogram)
    assert (restored.eeg_labels, restored.emg_label) == (original.eeg_labels, original.emg_label)
    assert restored.artifact_threshold == original.artifact_threshold == 0.5


@pytest.mark.parametrize("threshold", [0.2, 0.45, 0.55, 0.8])
def test_another_threshold_is_told_by_the_flags(mouse: Path, scored: Path, threshold: float) -> None:
    saved = read_scores_csv(scored)
    rng = np.random.default_rng(0)
    probability = rng.uniform(size=len(saved.hypnogram))
    probability[:4] = threshold - 0.02, threshold + 0.02, 0.1, 0.9
    flags = saved.hypnogram.with_artifact(probability > threshold)
    changed = type(saved)(hypnogram=flags, stage_probability=saved.stage_probability, artifact_probability=probability)
    recording = read_recording(mouse)
    restored = restore_scores(changed, choose_montage(recording), recording, source=scored.name)
    np.testing.assert_array_equal(restored.at_threshold(restored.artifact_threshold), flags.artifact)


def test_scores_of_another_length_are_refused_with_both_counts(
    spindle: Spindle, mouse: Path, scored: Path, everything: Snapshot, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = scored.read_text(encoding="utf-8").splitlines()[:-1]
    scored.write_text("\n".join([*lines, ""]), encoding="utf-8")
    capsys.readouterr()
    before = everything()
    assert spindle("report", mouse, scored) == 2
    assert capsys.readouterr().err == "spindle: mouse07_scores.csv has 29 epochs, mouse07 has 30.\n"
    assert everything() == before


def test_the_name_of_the_scores_says_which_animal_is_meant(
    spindle: Spindle, tmp_path: Path, model_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_edf(tmp_path / "mice.edf", signals(("EEG09", "EMG09", "EEG10", "EMG10")))
    assert spindle("score", "mice.edf", "--model", model_file, "--no-report", "--formats", "csv") == 0
    page = package.report("mice.edf", "out/mice_10_scores.csv", out="new/page.html")
    assert "EEG10" in page.read_text(encoding="utf-8")
    Path("out/other.csv").write_bytes(Path("out/mice_10_scores.csv").read_bytes())
    capsys.readouterr()
    assert spindle("report", "mice.edf", "out/other.csv") == 2
    assert "several animals (09, 10)" in capsys.readouterr().err

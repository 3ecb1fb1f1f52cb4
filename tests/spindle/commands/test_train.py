"""`spindle train`: from labelled recordings to a model that `spindle score` takes, through every interruption."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

import spindle as package
from spindle.density import load_density
from spindle.edf import write_edf
from spindle.hypnogram import Hypnogram
from spindle.labels import write_published_labels
from spindle.model_file import load_model
from spindle.recording import Channel
from spindle.training import TrainingConfig

from .conftest import Snapshot, Spindle, codes, signals

LABELLED_EPOCHS = 60
QUICK = ("--passes", "2", "--batch", "10", "--threads", "1", "--seed", "5")


@pytest.fixture
def laboratory(tmp_path: Path) -> Path:
    """A folder with two labelled mice, whose states can be heard in the noise."""
    folder = tmp_path / "laboratory"
    folder.mkdir()
    states = codes(LABELLED_EPOCHS)
    for seed, name in enumerate(("a", "b")):
        channels = []
        for place, channel in enumerate(signals(("EEG", "EMG"), epochs=LABELLED_EPOCHS, seed=seed)):
            gain = np.array([[1.0, 3.0, 2.0], [3.0, 1.0, 0.3]])[place][np.repeat(states, 512)]
            channels.append(Channel.from_array(channel.label, gain * channel.read(0, channel.samples), 128))
        write_edf(folder / f"{name}.edf", channels)
        flags = np.arange(LABELLED_EPOCHS) % 6 == seed
        write_published_labels(folder / f"{name}_labels.csv", [Hypnogram(codes=states, artifact=flags)])
    return folder


def test_a_folder_becomes_a_model_that_can_score(
    spindle: Spindle, laboratory: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert spindle("train", laboratory, "--run", "run", "--name", "our mice", *QUICK) == 0
    printed = capsys.readouterr()
    assert printed.err == ""
    assert "a.edf: 60 epochs, labelled by one expert in a_labels.csv." in printed.out
    assert "Pass 2 of the artifact network" in printed.out
    with Path("run/history.csv").open(encoding="utf-8", newline="") as file:
        assert [row["network"] for row in csv.DictReader(file)] == ["stage"] * 2 + ["artifact"] * 2
    card = load_model(Path("run/model.safetensors")).card
    assert card.name == "our mice" and card.data.startswith("2 labelled recordings, 120 epochs")
    assert spindle("score", laboratory / "a.edf", "--model", "run/model.safetensors") == 0
    assert "Scored with our mice." in capsys.readouterr().out


def test_a_folder_becomes_a_density_beside_the_model(
    spindle: Spindle, laboratory: Path, model_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("--run", "run", "--density", "small", "--passes", "1", "--threads", "1", "--name", "our mice")
    assert spindle("train", laboratory, *words) == 0
    printed = capsys.readouterr()
    assert printed.err == ""
    assert "Pass 1 of the density network" in printed.out
    path = Path("run") / "density.safetensors"
    assert f"To find artifacts by it: spindle score RECORDING --density {path}" in printed.out
    assert load_density(path).card.name == "density of our mice"
    assert spindle("train", laboratory, *words) == 2
    assert "holds another training already" in capsys.readouterr().err
    assert spindle("train", laboratory, *words, "--resume") == 0
    more = ("--model", model_file, "--density", path, "--no-report", "--formats", "csv")
    assert spindle("score", laboratory / "a.edf", *more) == 0
    assert "artifacts by density of our mice." in capsys.readouterr().out


def test_a_density_wants_artifacts_among_the_labels(
    spindle: Spindle, laboratory: Path, capsys: pytest.CaptureFixture[str], everything: Snapshot
) -> None:
    clean = Hypnogram(codes=codes(LABELLED_EPOCHS), artifact=np.zeros(LABELLED_EPOCHS, dtype=bool))
    for name in ("a", "b"):
        write_published_labels(laboratory / f"{name}_labels.csv", [clean])
    before = everything()
    assert spindle("train", laboratory, "--run", "run", "--density", "small") == 2
    assert "chooses its threshold by artifacts; the labels hold 120 and 0" in capsys.readouterr().err
    assert everything() == before


def test_labels_can_be_named_one_by_one(spindle: Spindle, laboratory: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (laboratory / "a_labels.csv").rename(laboratory / "seen.csv")
    words = ("--labels", laboratory / "seen.csv", "--eeg", "EEG", "--emg", "EMG", "--run", "run")
    assert spindle("train", laboratory / "a.edf", *words, *QUICK) == 0
    assert "labelled by one expert in seen.csv" in capsys.readouterr().out


def test_training_can_start_from_a_model(spindle: Spindle, laboratory: Path, model_file: Path) -> None:
    # So small a step leaves the base's weights as they are, to what half precision shows.
    words = ("--from", model_file, "--learning-rate", "1e-12", "--run", "run")
    assert spindle("train", laboratory, *words, *QUICK) == 0
    base, trained = load_file(model_file), load_file("run/model.safetensors")
    for name, values in base.items():
        torch.testing.assert_close(trained[name], values, rtol=2e-3, atol=1e-6)


def test_a_run_folder_in_use_is_not_taken_over(
    spindle: Spindle, laboratory: Path, everything: Snapshot, capsys: pytest.CaptureFixture[str]
) -> None:
    assert spindle("train", laboratory, "--run", "run", *QUICK) == 0
    before = everything()
    assert spindle("train", laboratory, "--run", "run", *QUICK) == 2
    assert "holds another training already" in capsys.readouterr().err
    assert spindle("train", laboratory, "--run", "run", "--resume", *QUICK, "--patience", "9") == 2
    assert "patience was 3 and is 9" in capsys.readouterr().err
    assert everything() == before


def test_a_fault_in_the_last_recording_is_found_before_the_first_is_read(
    spindle: Spindle, laboratory: Path, everything: Snapshot, capsys: pytest.CaptureFixture[str]
) -> None:
    write_edf(laboratory / "c.edf", signals(("EEG", "EMG"), epochs=7))
    write_published_labels(laboratory / "c_labels.csv", [Hypnogram(codes=codes(9), artifact=np.zeros(9, dtype=bool))])
    before = everything()
    assert spindle("train", laboratory, "--run", "run", *QUICK) == 2
    said = capsys.readouterr().err
    assert "c_labels.csv has 9 epochs" in said and "7" in said
    assert everything() == before


@pytest.mark.parametrize("words", [("--passes", "0"), ("--batch", "0"), ("--learning-rate", "0"), ("--seed", "-1")])
def test_settings_that_cannot_work_are_refused(
    words: tuple[str, ...], spindle: Spindle, laboratory: Path, everything: Snapshot
) -> None:
    before = everything()
    assert spindle("train", laboratory, *words) == 2
    assert everything() == before


def test_an_interruption_says_how_to_go_on(
    spindle: Spindle, laboratory: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupt(*words: object, **more: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("spindle.training.fit", interrupt)
        assert spindle("train", laboratory, "--run", "run", *QUICK) == 130
    said = capsys.readouterr().err
    assert said == "spindle: Interrupted. The same command with --resume goes on from the last checkpoint.\n"
    assert spindle("train", laboratory, "--run", "run", "--resume", *QUICK) == 0


def start(laboratory: Path, run: str, *words: str) -> subprocess.Popen[bytes]:
    """`spindle train` as a process of its own, with passes enough to be killed in the middle."""
    command = [sys.executable, "-m", "spindle", "train", str(laboratory), "--run", run, *QUICK, "--passes", "4", *words]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)


def test_a_killed_training_that_is_resumed_ends_with_the_same_weights_to_the_bit(
    spindle: Spindle, laboratory: Path
) -> None:
    whole = start(laboratory, "whole")
    killed = start(laboratory, "killed")
    checkpoint = Path("killed/checkpoint-stage.safetensors")
    while not checkpoint.exists() and killed.poll() is None:
        time.sleep(0.02)
    killed.kill()
    assert killed.wait() != 0
    assert not Path("killed/model.safetensors").exists()
    assert start(laboratory, "killed", "--resume").wait() == 0
    assert whole.wait() == 0
    first, second = load_file("whole/model.safetensors"), load_file("killed/model.safetensors")
    assert first.keys() == second.keys()
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_python_trains_the_same_model(spindle: Spindle, laboratory: Path) -> None:
    assert spindle("train", laboratory, "--run", "typed", *QUICK) == 0
    config = TrainingConfig(passes=2, batch=10, threads=1, seed=5)
    package.train([laboratory / "a.edf", laboratory / "b.edf"], run="called", config=config)
    typed, called = load_file("typed/model.safetensors"), load_file("called/model.safetensors")
    assert all(torch.equal(typed[name], called[name]) for name in typed)

"""`latentia train`: from a configuration to a run, through every interruption."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from .conftest import Latentia

LONG = ("--set", "training.steps=60", "--set", "training.evaluate_steps=30", "--no-pictures")


def test_a_configuration_becomes_a_run_that_can_be_measured(
    latentia: Latentia, config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert latentia("train", config, "--set", "training.steps=4") == 0
    printed = capsys.readouterr()
    assert printed.err == ""
    assert "Step 4: validation " in printed.out and "of 2 layers active" in printed.out
    assert "nats per layer, top first: " in printed.out
    assert "active units per layer: " in printed.out
    assert "squares: 16 training and 4 validation images of 1×8×8 with 8 bits." in printed.out
    assert "it begins" not in printed.out
    assert "The run is runs/tiny. To measure its model: latentia evaluate runs/tiny" in printed.out
    assert latentia("evaluate", "runs/tiny", "--importance-samples", "2", "--images", "3") == 0


def test_a_killed_training_goes_on_to_the_weights_of_an_uninterrupted_one(
    latentia: Latentia, config: Path, tmp_path: Path
) -> None:
    command = [sys.executable, "-m", "latentia", "train", str(config), "--out", "killed", *LONG]
    training = subprocess.Popen(command, cwd=tmp_path, env={**os.environ, "OMP_NUM_THREADS": "1"})
    while not (tmp_path / "killed" / "checkpoint.safetensors").exists() and training.poll() is None:
        time.sleep(0.005)
    training.kill()
    assert training.wait() == -signal.SIGKILL
    assert latentia("train", config, "--out", "killed", "--resume", *LONG) == 0
    assert latentia("train", config, "--out", "whole", *LONG) == 0
    wanted, found = (load_file(tmp_path / name / "model.safetensors") for name in ("whole", "killed"))
    assert wanted.keys() == found.keys() and all(torch.equal(wanted[name], found[name]) for name in wanted)


def test_an_interruption_says_how_to_go_on(
    latentia: Latentia, config: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from latentia.runs import training

    def interrupt(*arguments: object, **settings: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(training, "fit", interrupt)
    assert latentia("train", config) == 130
    said = "latentia: Interrupted. The same command with --resume goes on from the last checkpoint.\n"
    assert capsys.readouterr().err == said


def test_resuming_what_was_never_begun_begins_it_and_says_so(
    latentia: Latentia, config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert latentia("train", config, "--set", "training.steps=4", "--out", "typo", "--resume") == 0
    assert "There is no training yet to go on with: it begins." in capsys.readouterr().out

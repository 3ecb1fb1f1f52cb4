"""What `make run` hands to `spindle`, seen by a stand-in that writes down its arguments."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
STAND_IN = '#!/bin/sh\nprintf "call\\n" >> "$CALLS"\nfor word in "$@"; do printf "%s\\n" "$word" >> "$CALLS"; done\n'
STAMPS = (".python", ".torch", ".run", ".dev")

MakeRun = Callable[..., list[list[str]]]


@pytest.fixture
def make_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MakeRun:
    """Run `make run` with variables, in an environment that is set up already; give each call of `spindle`."""
    if shutil.which("make") is None:
        pytest.skip("make is not here")
    venv, calls = tmp_path / "venv", tmp_path / "calls.txt"
    (venv / "bin").mkdir(parents=True)
    spindle = venv / "bin" / "spindle"
    spindle.write_text(STAND_IN, encoding="utf-8")
    spindle.chmod(0o755)
    for stamp in STAMPS:
        (venv / stamp).touch()
    monkeypatch.setenv("CALLS", str(calls))
    monkeypatch.delenv("MAKEFLAGS", raising=False)  # of the `make test` around this

    def run(**variables: str) -> list[list[str]]:
        given = [
            f"{name}={value}" for name, value in {"VENV": str(venv), "OUT": str(tmp_path / "out"), **variables}.items()
        ]
        subprocess.run(["make", "--silent", "run", *given], cwd=ROOT, check=True, capture_output=True, text=True)
        return [call.splitlines() for call in calls.read_text(encoding="utf-8").split("call\n")[1:]]

    return run


def test_make_run_simulates_and_scores_when_no_recording_is_named(make_run: MakeRun, tmp_path: Path) -> None:
    demo = str(tmp_path / "out" / "demo.edf")
    assert make_run() == [
        ["simulate", "--out", demo, "--hours", "4", "--seed", "1"],
        ["score", demo, "--out", str(tmp_path / "out")],
    ]


def test_make_run_scores_a_named_recording_with_named_channels(make_run: MakeRun, tmp_path: Path) -> None:
    calls = make_run(RECORDING="/data/mouse.edf", EEG="EEG1 EEG2", EMG="EMG")
    out = str(tmp_path / "out")
    assert calls == [
        ["score", "/data/mouse.edf", "--out", out, "--eeg", "EEG1", "--eeg", "EEG2", "--emg", "EMG"],
    ]


@pytest.mark.parametrize("recording", ["/my data/it's mouse 7.edf", '/a/"b" $(c) $d `e`.edf', "/a/*.edf", "/ä/ü.edf"])
def test_make_run_hands_on_any_file_name_unchanged(make_run: MakeRun, recording: str) -> None:
    assert make_run(RECORDING=recording)[0][1] == recording


def test_make_run_takes_channel_names_with_spaces_between_commas(make_run: MakeRun) -> None:
    (call,) = make_run(RECORDING="a.edf", EEG="EEG 1, EEG 2", EMG="EMG neck")
    assert call[4:] == ["--eeg", "EEG 1", "--eeg", "EEG 2", "--emg", "EMG neck"]


def test_make_run_takes_one_channel_name_with_spaces_before_a_comma(make_run: MakeRun) -> None:
    (call,) = make_run(RECORDING="a.edf", EEG="EEG 1,")
    assert call[4:] == ["--eeg", "EEG 1"]

"""Whatever is wrong with what a user gives: one sentence, exit code 2, and no file touched."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file

from spindle.cli import main
from spindle.edf import write_edf
from spindle.hypnogram import Hypnogram
from spindle.labels import write_published_labels

from .conftest import Snapshot, Spindle, codes, signals

Make = Callable[[Path], None]
HEADER = 256 * 4


def edf(path: Path, labels: tuple[str, ...] = ("EEG1", "EEG2", "EMG"), rate_hz: float = 128.0) -> None:
    write_edf(path, signals(labels, rate_hz=rate_hz, epochs=4))


def truncated(path: Path) -> None:
    edf(path)
    path.write_bytes(path.read_bytes()[:-1000])


def without_records(path: Path) -> None:
    edf(path)
    content = path.read_bytes()
    head = content[: int(content[184:192])]
    path.write_bytes(head[:236] + b"0       " + head[244:])


def all_nan(path: Path) -> None:
    eeg, emg = (channel.read(0, channel.samples) for channel in signals(("EEG", "EMG"), epochs=4))
    np.savez(path, eeg=np.full_like(eeg, np.nan), emg=emg, rate_hz=128)


BAD_RECORDINGS: dict[str, tuple[str, Make, tuple[str, ...], str]] = {
    "not an EDF": ("a.edf", lambda path: path.write_text("no recording") and None, (), "a.edf"),
    "truncated": ("a.edf", truncated, (), "a.edf"),
    "zero data records": ("a.edf", without_records, (), "a.edf"),
    "empty": ("a.edf", lambda path: path.write_bytes(b"") and None, (), "a.edf is empty"),
    "missing": ("a.edf", lambda path: None, (), "no file"),
    "unknown channel": ("a.edf", edf, ("--eeg", "EEG1", "--emg", "EMG2"), "it has EEG1, EEG2, EMG"),
    "no EMG": ("a.edf", lambda path: edf(path, ("EEG1", "EEG2")), (), "looks like an EMG"),
    "rate too low": ("a.edf", lambda path: edf(path, rate_hz=32), (), "32 Hz; scoring needs 64 Hz"),
    "all NaN": ("a.npz", all_nan, (), "all NaN"),
    "a folder": ("a.edf", Path.mkdir, (), "is a folder"),
    "names and positions": ("a.edf", edf, ("--emg", "EMG", "--by-position"), "not both"),
}


@pytest.mark.parametrize("case", BAD_RECORDINGS)
@pytest.mark.parametrize("command", ["score", "evaluate", "train", "report"])
def test_a_bad_recording_is_one_sentence(
    case: str,
    command: str,
    spindle: Spindle,
    tmp_path: Path,
    model_file: Path,
    everything: Snapshot,
    capsys: pytest.CaptureFixture[str],
) -> None:
    name, make, words, said = BAD_RECORDINGS[case]
    make(tmp_path / name)
    labels, scores = tmp_path / "seen.csv", tmp_path / "saved_scores.csv"
    write_published_labels(labels, [Hypnogram(codes=codes(4), artifact=np.zeros(4, dtype=bool))])
    scores.write_text(
        "epoch,start_s,stage,p_wake,p_nrem,p_rem,p_artifact,artifact\n"
        + "".join(f"{epoch},{4 * epoch},wake,1,0,0,0,0\n" for epoch in range(4)),
        encoding="utf-8",
    )
    rest = {
        "score": ["--model", model_file],
        "evaluate": [labels, "--model", model_file],
        "train": ["--labels", labels],
        "report": [scores],
    }[command]
    before = everything()
    assert spindle(command, name, *rest, *words) == 2
    printed = capsys.readouterr()
    assert printed.err.startswith("spindle: ") and printed.err.count("\n") == 1
    assert said in printed.err
    assert everything() == before


def safetensors_of_others(path: Path) -> None:
    save_file({"weight": torch.zeros(3)}, path)


def of_a_newer_version(path: Path) -> None:
    save_file({"weight": torch.zeros(3)}, path, {"format": "spindle-model", "version": "99", "rows": "narrow"})


BAD_MODELS: dict[str, tuple[Make, str]] = {
    "missing": (lambda path: None, "no model file"),
    "text": (lambda path: path.write_text("no model") and None, "is not a SPINDLE model"),
    "of others": (safetensors_of_others, "not a SPINDLE model"),
    "newer": (of_a_newer_version, "model format 99"),
}


@pytest.mark.parametrize("case", BAD_MODELS)
@pytest.mark.parametrize("words", [("score", "mouse07.edf"), ("evaluate", "mouse07.edf", "mouse07_labels.csv")])
def test_a_bad_model_is_one_sentence(
    case: str,
    words: tuple[str, ...],
    spindle: Spindle,
    labels: Path,
    everything: Snapshot,
    capsys: pytest.CaptureFixture[str],
) -> None:
    make, said = BAD_MODELS[case]
    make(labels.with_name("m.safetensors"))
    before = everything()
    assert spindle(*words, "--model", "m.safetensors") == 2
    printed = capsys.readouterr().err
    assert printed.startswith("spindle: ") and printed.count("\n") == 1 and said in printed
    assert everything() == before


def too_short(path: Path) -> None:
    write_published_labels(path, [Hypnogram(codes=codes(29), artifact=np.zeros(29, dtype=bool))])


def with_an_unknown_label(path: Path) -> None:
    rows = [f"{epoch},{'dreaming' if epoch == 3 else 'wake'}\n" for epoch in range(30)]
    path.write_text("epoch,stage\n" + "".join(rows), encoding="utf-8")


BAD_LABELS: dict[str, tuple[Make, tuple[str, ...]]] = {
    "too short": (too_short, ("29", "30")),
    "unknown label": (with_an_unknown_label, ("dreaming", "line 5")),
    "empty": (lambda path: path.write_bytes(b"") and None, ("is empty",)),
    "missing": (lambda path: None, ("labels",)),
}


@pytest.mark.parametrize("case", BAD_LABELS)
@pytest.mark.parametrize("command", ["evaluate", "train"])
def test_a_bad_label_file_is_one_sentence(
    case: str,
    command: str,
    spindle: Spindle,
    mouse: Path,
    model_file: Path,
    everything: Snapshot,
    capsys: pytest.CaptureFixture[str],
) -> None:
    make, said = BAD_LABELS[case]
    make(mouse.with_name("mouse07_labels.csv"))
    words = (mouse, "mouse07_labels.csv", "--model", model_file) if command == "evaluate" else (mouse,)
    before = everything()
    assert spindle(command, *words) == 2
    printed = capsys.readouterr()
    assert printed.err.startswith("spindle: ") and printed.err.count("\n") == 1
    assert all(part in printed.err for part in said)
    assert everything() == before


@pytest.mark.parametrize(
    "words",
    [
        ("score", "mouse07.edf", "--out", "taken"),
        ("score", "mouse07.edf", "--out", "taken/below"),
        ("train", "mouse07.edf", "--run", "taken"),
        ("train", "mouse07.edf", "--run", "taken/below"),
        ("simulate", "--out", "taken/a.edf"),
        ("simulate", "--laboratories", "2", "--out", "taken"),
        ("simulate", "--cohort", "A", "--out", "taken/below"),
        ("evaluate", "mouse07.edf", "mouse07_labels.csv", "--json", "taken/a.json"),
        ("evaluate", "mouse07.edf", "mouse07_labels.csv", "--csv", "folder"),
        ("report", "mouse07.edf", "mouse07_scores.csv", "--out", "taken/a.html"),
        ("report", "mouse07.edf", "mouse07_scores.csv", "--out", "folder"),
    ],
)
def test_a_place_that_cannot_be_written_is_said_before_the_work(
    words: tuple[str, ...], spindle: Spindle, labels: Path, everything: Snapshot, capsys: pytest.CaptureFixture[str]
) -> None:
    labels.with_name("taken").write_text("a file", encoding="utf-8")
    labels.with_name("folder").mkdir()
    before = everything()
    assert spindle(*words) == 2
    printed = capsys.readouterr()
    assert printed.err.startswith("spindle: ") and printed.err.count("\n") == 1
    assert printed.out == ""
    assert everything() == before


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("sound") / "a.edf"
    write_edf(path, signals(("EEG1", "EEG2", "EMG"), epochs=2))
    return path.read_bytes()


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    changes=st.lists(
        st.tuples(st.integers(0, HEADER), st.binary(min_size=1, max_size=8) | st.sampled_from([b"-1", b"0 ", b"1e99"])),
        min_size=1,
        max_size=4,
    )
)
def test_no_header_however_mangled_gives_a_traceback(
    changes: list[tuple[int, bytes]], sound: bytes, model_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    content = bytearray(sound)
    for place, new in changes:
        content[place : place + len(new)] = new
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.edf"
        path.write_bytes(content)
        words = ["--model", str(model_file), "--out", str(Path(folder) / "out"), "--no-report", "--formats", "csv"]
        code = main(["score", str(path), *words])
        printed = capsys.readouterr()
        assert code in (0, 2)
        if code == 2:
            assert printed.err.startswith("spindle: ") and printed.err.count("\n") == 1
            assert not (Path(folder) / "out").exists()

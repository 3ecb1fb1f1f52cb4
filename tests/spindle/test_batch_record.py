"""A record vouches for results only while all that they were made from stays as it was."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path

import pytest

from spindle.batch_record import RecordingState, Settings, forget, kept_rows, record_of, write_record
from spindle.batch_summary import Outcome, Row
from spindle.options import ChannelOptions, DensityOptions, MethodOptions, ResultOptions
from spindle.outputs import Format

ROW = Row(recording="mouse.edf", outcome=Outcome.SCORED, duration_s=120.0, wake_percent=100.0, seconds=0.5)


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    path = tmp_path / "mouse.edf"
    path.write_bytes(b"0       ")
    return path


def settings(
    channels: ChannelOptions | None = None,
    method: MethodOptions | None = None,
    density: DensityOptions | None = None,
    results: ResultOptions | None = None,
) -> Settings:
    return Settings.of(
        channels or ChannelOptions(), method or MethodOptions(), density or DensityOptions(), results or ResultOptions()
    )


@pytest.fixture
def kept(recording: Path, tmp_path: Path) -> Callable[[Settings], tuple[Row, ...]]:
    """Results of the usual settings in the same folder; what is kept of them under others."""
    scores = tmp_path / "mouse_scores.csv"
    scores.touch()
    write_record(recording, tmp_path, settings(), RecordingState.of(recording), [ROW], [scores])
    return lambda now: kept_rows(recording, tmp_path, now)


Kept = Callable[[Settings], tuple[Row, ...]]


def test_what_was_scored_is_kept_as_it_was(kept: Kept) -> None:
    assert kept(settings()) == (replace(ROW, outcome=Outcome.KEPT),)


@pytest.mark.parametrize(
    "now",
    [
        settings(ChannelOptions(eeg=("EEG1",))),
        settings(ChannelOptions(rate_hz=200.0)),
        settings(method=MethodOptions(artifact_threshold=0.4)),
        settings(method=MethodOptions(thesis=True)),
        settings(density=DensityOptions(density=Path("density.safetensors"))),
        settings(results=ResultOptions(formats=(Format.CSV,))),
        settings(results=ResultOptions(figure=True)),
    ],
)
def test_other_settings_are_scored_again(now: Settings, kept: Kept) -> None:
    assert kept(now) == ()


def test_the_folder_for_results_is_no_setting(kept: Kept) -> None:
    assert kept(settings(results=ResultOptions(out=Path("moved"))))


def test_every_option_of_the_method_is_part_of_the_settings() -> None:
    assert set(settings().values["method"]) == {field.name for field in fields(MethodOptions)}


def test_a_model_counts_by_its_content(tmp_path: Path) -> None:
    one, two = tmp_path / "one.safetensors", tmp_path / "two.safetensors"
    one.write_bytes(b"weights")
    two.write_bytes(b"weights")
    first = settings(method=MethodOptions(model=one))
    assert first == settings(method=MethodOptions(model=two)) != settings()
    two.write_bytes(b"other weights")
    assert first != settings(method=MethodOptions(model=two))


def test_another_version_scores_again(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("spindle.batch_record.metadata.version", lambda name: "99.0")
    assert kept(settings()) == ()


def test_a_recording_that_changed_is_scored_again(kept: Kept, recording: Path) -> None:
    before = recording.stat()
    recording.write_bytes(b"0        and more")
    os.utime(recording, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert kept(settings()) == ()
    recording.write_bytes(b"0       ")
    os.utime(recording, ns=(before.st_atime_ns, before.st_mtime_ns + 1))
    assert kept(settings()) == ()
    recording.unlink()
    assert kept(settings()) == ()


def test_a_recording_that_is_a_folder_changes_with_its_files(tmp_path: Path) -> None:
    folder = tmp_path / "mouse.mff"
    folder.mkdir()
    (folder / "signal1.bin").write_bytes(b"12")
    before = RecordingState.of(folder)
    (folder / "signal2.bin").write_bytes(b"345")
    assert (before.size_bytes, RecordingState.of(folder).size_bytes) == (2, 5)


def test_a_result_that_is_gone_is_made_again(kept: Kept, tmp_path: Path) -> None:
    (tmp_path / "mouse_scores.csv").unlink()
    assert kept(settings()) == ()


def test_what_is_forgotten_is_not_kept(kept: Kept, recording: Path, tmp_path: Path) -> None:
    forget(recording, tmp_path)
    assert kept(settings()) == ()
    forget(recording, tmp_path)


def test_a_damaged_record_vouches_for_nothing(kept: Kept, recording: Path, tmp_path: Path) -> None:
    path = record_of(recording, tmp_path)
    whole = json.loads(path.read_text(encoding="utf-8"))
    for content in ("", "[]", "{", json.dumps({**whole, "rows": [{}]}), json.dumps({**whole, "format_version": 2})):
        path.write_text(content, encoding="utf-8")
        assert kept(settings()) == ()


def test_what_a_killed_program_left_is_swept_up(recording: Path, tmp_path: Path) -> None:
    scores = tmp_path / "mouse_scores.csv"
    unfinished = tmp_path / ".mouse_scores-abc123.csv"
    for path in (scores, unfinished):
        path.touch()
    write_record(recording, tmp_path, settings(), RecordingState.of(recording), [ROW], [scores])
    assert scores.exists() and not unfinished.exists()

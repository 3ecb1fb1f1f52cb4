from __future__ import annotations

import csv
import os
import stat
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import spindle.outputs
from spindle.edf import read_annotations
from spindle.errors import LabelError, OutputError
from spindle.hypnogram import Hypnogram, Stage
from spindle.labels import read_labels
from spindle.outputs import (
    Format,
    is_scores_csv,
    read_scores_csv,
    report_of,
    write_csv,
    write_edf,
    write_events,
    write_outputs,
)
from spindle.scores import Overview, Scores

W, N, R, X = Stage.WAKE, Stage.NREM, Stage.REM, Stage.UNSCORED

one_folder = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


def scores_of(hypnogram: Hypnogram, seed: int = 0) -> Scores:
    """A scoring with made-up probabilities, NaN where the hypnogram is unscored."""
    generator = np.random.default_rng(seed)
    epochs, gap = len(hypnogram), ~hypnogram.scored
    probability, artifact = generator.dirichlet([1, 1, 1], epochs), generator.random(epochs)
    probability[gap], artifact[gap] = np.nan, np.nan
    nothing = np.full(epochs, np.nan)
    return Scores(
        name="mouse1.edf",
        animal="",
        hypnogram=hypnogram,
        stage_probability=probability,
        network_probability=probability,
        artifact_probability=artifact,
        artifact_threshold=0.5,
        overview=Overview(
            eeg_min=nothing,
            eeg_max=nothing,
            emg_rms=nothing,
            spectrogram=np.full((epochs, 24), np.nan),
            frequencies_hz=np.arange(24) / 2,
            eeg_unit="uV",
            emg_unit="uV",
        ),
        eeg_labels=("EEG1", "EEG2"),
        emg_label="EMG",
        model_name="starter",
        start=datetime(2024, 3, 4, 8, 0, 0),
    )


@st.composite
def hypnograms(draw: st.DrawFn) -> Hypnogram:
    epochs = draw(st.integers(1, 40))
    codes = draw(st.lists(st.integers(-1, 2), min_size=epochs, max_size=epochs))
    flags = draw(st.lists(st.booleans(), min_size=epochs, max_size=epochs))
    epoch_s = draw(st.sampled_from([4.0, 2.5, 1.0, 10.0, 1 / 3]))
    return Hypnogram(codes=np.array(codes, dtype=np.int8), artifact=np.array(flags), epoch_s=epoch_s)


@pytest.fixture
def example() -> Scores:
    return scores_of(Hypnogram.from_stages([W, W, N, N, X, R], [False, True, False, False, False, True]))


def test_the_table_of_scores_has_a_line_per_epoch(example: Scores, tmp_path: Path) -> None:
    write_csv(example, tmp_path / "a.csv")
    content = (tmp_path / "a.csv").read_bytes().decode("utf-8")
    assert "\r" not in content and content.endswith("\n")
    lines = list(csv.reader(content.splitlines()))
    assert lines[0] == ["epoch", "start_s", "stage", "p_wake", "p_nrem", "p_rem", "p_artifact", "artifact"]
    assert [line[:3] for line in lines[1:]] == [
        ["0", "0", "wake"],
        ["1", "4", "wake"],
        ["2", "8", "nrem"],
        ["3", "12", "nrem"],
        ["4", "16", "unscored"],
        ["5", "20", "rem"],
    ]
    assert lines[5][3:7] == ["", "", "", ""]
    assert [line[7] for line in lines[1:]] == ["0", "1", "0", "0", "0", "1"]
    assert lines[1][3] == f"{example.stage_probability[0, 0]:.6f}"
    assert lines[1][6] == f"{example.artifact_probability[0]:.6f}"


def test_the_services_tables_have_no_header_and_keep_artifacts_apart(example: Scores, tmp_path: Path) -> None:
    stages, artifacts = write_outputs(example, tmp_path, [Format.SERVICE], "mouse1")
    assert stages.name == "mouse1_stages.csv"
    assert stages.read_text().splitlines() == ["0,w", "1,w", "2,n", "3,n", "4,x", "5,r"]
    assert artifacts.name == "mouse1_artifacts.csv"
    lines = artifacts.read_text().splitlines()
    assert lines[0] == f"0,{example.artifact_probability[0]:.6f}"
    assert lines[4] == "4,"


def test_events_hold_one_line_per_bout(example: Scores, tmp_path: Path) -> None:
    write_events(example, tmp_path / "a.tsv")
    assert (tmp_path / "a.tsv").read_text().splitlines() == [
        "onset\tduration\ttrial_type\tartifact",
        "0\t4\twake\t0",
        "4\t4\twake\t1",
        "8\t8\tnrem\t0",
        "16\t4\tunscored\t0",
        "20\t4\trem\t1",
    ]


def test_edf_annotations_hold_each_epochs_state_and_artifacts_beside_it(example: Scores, tmp_path: Path) -> None:
    write_edf(example, tmp_path / "a.edf")
    recording = read_annotations(tmp_path / "a.edf")
    assert recording.start == example.start
    states = [note for note in recording.annotations if note.text.startswith("Sleep stage ")]
    assert [note.text[-1] for note in states] == ["W", "W", "N", "N", "?", "R"]
    assert [(note.onset_s, note.duration_s) for note in states] == [(4.0 * epoch, 4.0) for epoch in range(6)]
    assert [note.onset_s for note in recording.annotations if note.text == "Artifact"] == [4.0, 20.0]


def test_another_program_reads_the_edf_annotations(example: Scores, tmp_path: Path) -> None:
    mne = pytest.importorskip("mne")
    write_edf(example, tmp_path / "a.edf")
    found = mne.read_annotations(tmp_path / "a.edf")
    states = [text for text in found.description if text != "Artifact"]
    assert states == [f"Sleep stage {letter}" for letter in "WWNN?R"]
    assert set(found.duration) == {4.0}
    assert sorted(set(found.onset)) == [0.0, 4.0, 8.0, 12.0, 16.0, 20.0]


@settings(one_folder, max_examples=50)
@given(hypnograms())
def test_every_format_survives_writing_and_reading(tmp_path: Path, hypnogram: Hypnogram) -> None:
    paths = write_outputs(scores_of(hypnogram), tmp_path, list(Format), "mouse1")
    for path in paths:
        if path.name == "mouse1_artifacts.csv":
            continue
        (again,) = read_labels(path, epochs=len(hypnogram), epoch_s=hypnogram.epoch_s)
        np.testing.assert_array_equal(again.codes, hypnogram.codes)
        if path.name != "mouse1_stages.csv":
            np.testing.assert_array_equal(again.artifact, hypnogram.artifact)


@settings(one_folder, max_examples=50)
@given(hypnograms())
def test_a_report_gets_back_all_that_the_table_of_scores_holds(tmp_path: Path, hypnogram: Hypnogram) -> None:
    scores = scores_of(hypnogram)
    write_csv(scores, tmp_path / "scores.csv")
    saved = read_scores_csv(tmp_path / "scores.csv")
    np.testing.assert_array_equal(saved.hypnogram.codes, hypnogram.codes)
    np.testing.assert_array_equal(saved.hypnogram.artifact, hypnogram.artifact)
    if len(hypnogram) > 1:
        assert saved.hypnogram.epoch_s == pytest.approx(hypnogram.epoch_s, abs=1e-6)
    np.testing.assert_allclose(saved.stage_probability, scores.stage_probability, atol=6e-7)
    np.testing.assert_allclose(saved.artifact_probability, scores.artifact_probability, atol=6e-7)


def test_what_a_density_gave_is_one_more_column_and_comes_back(example: Scores, tmp_path: Path) -> None:
    density = np.array([-2.5, -7.125, -2.75, -2.0, np.nan, -6.0])
    write_csv(replace(example, density_nats=density), tmp_path / "a.csv")
    header, *lines = (tmp_path / "a.csv").read_text(encoding="utf-8").splitlines()
    assert header.endswith("artifact,density_nats")
    assert [line.rpartition(",")[2] for line in lines[:2]] == ["-2.500000", "-7.125000"]
    assert lines[4].endswith(",")
    np.testing.assert_array_equal(read_scores_csv(tmp_path / "a.csv").density_nats, density)
    write_csv(example, tmp_path / "b.csv")
    assert read_scores_csv(tmp_path / "b.csv").density_nats is None
    assert is_scores_csv(tmp_path / "a.csv")
    (again,) = read_labels(tmp_path / "a.csv", epochs=6)
    np.testing.assert_array_equal(again.artifact, example.hypnogram.artifact)


def test_a_day_keeps_its_epoch_length_exactly(tmp_path: Path) -> None:
    epochs = 21_600
    hypnogram = Hypnogram(codes=np.zeros(epochs, dtype=np.int8), artifact=np.zeros(epochs, dtype=bool))
    write_csv(scores_of(hypnogram), tmp_path / "day.csv")
    assert read_scores_csv(tmp_path / "day.csv").hypnogram.epoch_s == 4.0


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (lambda text: text.replace("p_rem", "rem"), r"scores\.csv is no file of scores: it lacks p_rem"),
        (lambda text: text.splitlines()[0], r"it holds no epochs"),
        (lambda text: text.replace(",wake,", ",wok,", 1), r"line 2: the label 'wok' is unknown"),
        (lambda text: text.replace("0,0,wake,0.", "0,0,wake,7.", 1), r"line 2: p_wake is 7\.\d+, and can be 0 to 1"),
        (lambda text: text.replace("20,rem", "-20,rem"), r"its last epoch starts at -20 s"),
        (lambda text: text.replace("4,wake", "5,wake", 1), r"line 3: epoch 1 starts at 5 s"),
    ],
)
def test_a_damaged_table_of_scores_is_refused(change: object, found: str, example: Scores, tmp_path: Path) -> None:
    path = tmp_path / "scores.csv"
    write_csv(example, path)
    assert callable(change)
    path.write_text(change(path.read_text()), encoding="utf-8")
    with pytest.raises(LabelError, match=found):
        read_scores_csv(path)


def test_all_formats_together_give_the_files_they_name(example: Scores, tmp_path: Path) -> None:
    paths = write_outputs(example, tmp_path, [Format.BIDS, Format.CSV, Format.CSV, Format.EDF, Format.SERVICE], "m")
    assert [path.name for path in paths] == [
        "m_events.tsv",
        "m_scores.csv",
        "m_hypnogram.edf",
        "m_stages.csv",
        "m_artifacts.csv",
    ]
    assert sorted(tmp_path.iterdir()) == sorted(paths)


def test_older_results_are_replaced(example: Scores, tmp_path: Path) -> None:
    (path,) = write_outputs(example, tmp_path, [Format.CSV], "m")
    before = path.read_bytes()
    path.write_bytes(b"old")
    assert write_outputs(example, tmp_path, [Format.CSV], "m") == [path]
    assert path.read_bytes() == before


def test_a_missing_folder_or_a_file_in_its_place_is_refused(example: Scores, tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"The output folder .*absent does not exist\."):
        write_outputs(example, tmp_path / "absent", [Format.CSV], "m")
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match=r"The output folder .*file is a file\."):
        write_outputs(example, tmp_path / "file", [Format.CSV], "m")


def test_a_folder_in_the_place_of_one_file_leaves_the_others_untouched(example: Scores, tmp_path: Path) -> None:
    (tmp_path / "m_events.tsv").mkdir()
    (tmp_path / "m_scores.csv").write_text("old")
    with pytest.raises(OutputError, match=r"m_events\.tsv cannot be written: a folder has that name"):
        write_outputs(example, tmp_path, [Format.CSV, Format.EDF, Format.BIDS], "m")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["m_events.tsv", "m_scores.csv"]
    assert (tmp_path / "m_scores.csv").read_text() == "old"


def test_a_failure_in_the_last_file_leaves_nothing_of_the_first(
    example: Scores, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full_disk(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(spindle.outputs, "write_annotations", full_disk)
    (tmp_path / "m_scores.csv").write_text("old")
    with pytest.raises(OutputError, match=r"cannot be written to .*: No space left on device\."):
        write_outputs(example, tmp_path, [Format.CSV, Format.BIDS, Format.EDF], "m")
    assert [path.name for path in tmp_path.iterdir()] == ["m_scores.csv"]
    assert (tmp_path / "m_scores.csv").read_text() == "old"


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write anywhere")
def test_an_unwritable_folder_is_refused(example: Scores, tmp_path: Path) -> None:
    tmp_path.chmod(stat.S_IRUSR | stat.S_IXUSR)
    try:
        with pytest.raises(OutputError, match="cannot be written"):
            write_outputs(example, tmp_path, [Format.CSV], "m")
    finally:
        tmp_path.chmod(stat.S_IRWXU)


def test_a_file_that_another_program_holds_is_named_before_anything_is_written(
    example: Scores, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = write_outputs(example, tmp_path, [Format.CSV, Format.BIDS], "m")
    before = [path.stat().st_mtime_ns for path in paths]
    ordinary = Path.open

    def held(self: Path, mode: str = "r", *arguments: object, **options: object) -> object:
        if self.name == "m_events.tsv" and mode == "r+b":
            raise PermissionError(13, "Permission denied")
        return ordinary(self, mode, *arguments, **options)  # type: ignore[call-overload]

    monkeypatch.setattr(Path, "open", held)
    with pytest.raises(OutputError, match=r"m_events\.tsv cannot be replaced: Permission denied"):
        write_outputs(example, tmp_path, [Format.CSV, Format.BIDS], "m")
    assert [path.stat().st_mtime_ns for path in paths] == before


def test_a_recording_is_never_overwritten_by_its_own_scores(example: Scores, tmp_path: Path) -> None:
    recordings = [tmp_path / f"mouse1{suffix}" for suffix in (".edf", ".csv", ".tsv", ".npz")]
    for recording in recordings:
        recording.write_bytes(b"signals")
    write_outputs(example, tmp_path, list(Format), "mouse1")
    assert all(recording.read_bytes() == b"signals" for recording in recordings)


def test_scores_are_known_by_their_header(example: Scores, tmp_path: Path) -> None:
    written = {path.name: is_scores_csv(path) for path in write_outputs(example, tmp_path, list(Format), "m")}
    assert [name for name, known in written.items() if known] == ["m_scores.csv"]
    semicolons = tmp_path / "excel.csv"
    semicolons.write_text(
        (tmp_path / "m_scores.csv").read_text(encoding="utf-8").replace(",", ";"), encoding="utf-8-sig"
    )
    assert is_scores_csv(semicolons)
    assert not is_scores_csv(tmp_path)
    assert not is_scores_csv(tmp_path / "missing.csv")


def test_a_report_lies_beside_its_scores() -> None:
    assert report_of(Path("out/m_09_scores.csv")) == Path("out/m_09_report.html")
    assert report_of(Path("out/other.csv")) == Path("out/other_report.html")

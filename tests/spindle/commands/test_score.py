"""`spindle score`: results for every animal, in plain words, and nothing half done."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np
import pytest

from spindle.edf import write_edf
from spindle.labels import read_labels
from spindle.outputs import read_scores_csv
from spindle.recording import Channel

from .conftest import EPOCHS, Snapshot, Spindle, signals

ALL = {"scores.csv", "stages.csv", "artifacts.csv", "hypnogram.edf", "events.tsv", "report.html"}


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_a_recording_gives_every_file_and_says_so(
    spindle: Spindle, mouse: Path, model_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert spindle("score", mouse, "--model", model_file) == 0
    printed = capsys.readouterr()
    assert names(Path("out")) == {f"mouse07_{end}" for end in ALL}
    assert printed.err == ""
    assert "Took 'EEG1' and 'EEG2' as EEG and 'EMG' as EMG, from their labels." in printed.out
    assert "All its 30 epochs of 4 s were scored." in printed.out
    assert f"The report is {Path('out') / 'mouse07_report.html'}; open it in a browser." in printed.out
    assert "starter model" not in printed.out


def test_every_hypnogram_file_says_the_same(spindle: Spindle, mouse: Path, model_file: Path) -> None:
    assert spindle("score", mouse, "--model", model_file, "--no-report") == 0
    saved = read_scores_csv(Path("out/mouse07_scores.csv")).hypnogram
    for name in ("mouse07_stages.csv", "mouse07_hypnogram.edf", "mouse07_events.tsv"):
        (other,) = read_labels(Path("out") / name, epochs=EPOCHS)
        np.testing.assert_array_equal(other.codes, saved.codes)


def test_only_what_was_asked_for_is_written(spindle: Spindle, mouse: Path, model_file: Path) -> None:
    words = ("--formats", "edf, csv", "--no-report", "--figure", "--out", "results/of/today")
    assert spindle("score", mouse, "--model", model_file, *words) == 0
    assert names(Path("results/of/today")) == {
        "mouse07_scores.csv",
        "mouse07_hypnogram.edf",
        "mouse07_figure.png",
        "mouse07_figure.svg",
    }


def test_channels_can_be_named_with_spaces_and_one_eeg_is_enough(
    spindle: Spindle, tmp_path: Path, model_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_edf(tmp_path / "a.edf", signals(("left [1]", "right", "neck muscle")))
    assert spindle("score", "a.edf", "--eeg", "left [1]", "--emg", "neck muscle", "--model", model_file) == 0
    assert "There is one EEG; it takes the place of both." in capsys.readouterr().out


def test_channels_can_be_taken_by_position(spindle: Spindle, tmp_path: Path, model_file: Path) -> None:
    write_edf(tmp_path / "a.edf", signals(("one", "two", "three")))
    assert spindle("score", "a.edf", "--model", model_file) == 2
    assert spindle("score", "a.edf", "--by-position", "--model", model_file) == 0


def test_a_file_without_a_rate_takes_the_one_that_is_given(
    spindle: Spindle, tmp_path: Path, model_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    eeg, emg = (channel.read(0, channel.samples) for channel in signals(("EEG", "EMG")))
    np.savez(tmp_path / "a.npz", eeg=eeg, emg=emg)
    assert spindle("score", "a.npz", "--model", model_file) == 2
    assert "--rate-hz" in capsys.readouterr().err
    assert spindle("score", "a.npz", "--rate-hz", 128, "--model", model_file) == 0


def test_options_can_come_from_a_file_and_the_command_line_wins(
    spindle: Spindle, mouse: Path, model_file: Path, tmp_path: Path
) -> None:
    settings = f"eeg: [EEG2]\nemg: EMG\nmodel: {model_file}\nreport: false\nformats: csv\nout: there\n"
    (tmp_path / "lab.yaml").write_text(settings, encoding="utf-8")
    assert spindle("score", mouse, "--config", "lab.yaml", "--out", "here") == 0
    assert names(Path("here")) == {"mouse07_scores.csv"}
    assert not Path("there").exists()


def test_a_tilde_is_the_home_folder(
    spindle: Spindle, mouse: Path, model_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    for name in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(name, str(home))
    assert spindle("score", mouse, "--model", model_file, "--out=~/results", "--no-report") == 0
    assert (home / "results" / "mouse07_scores.csv").exists()


def test_each_animal_of_a_file_has_results_of_its_own(
    spindle: Spindle, tmp_path: Path, model_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_edf(tmp_path / "mice.edf", signals(("EEG09", "EMG09", "EEG10", "EMG10")))
    assert spindle("score", "mice.edf", "--model", model_file, "--formats", "csv", "--no-report") == 0
    assert names(Path("out")) == {"mice_09_scores.csv", "mice_10_scores.csv"}
    printed = capsys.readouterr().out
    assert "mice, animal 09" in printed and "mice, animal 10" in printed


def test_an_animal_that_cannot_be_scored_does_not_stop_the_others(
    spindle: Spindle, tmp_path: Path, model_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    eeg09, emg09, eeg10, emg10 = signals(("EEG09", "EMG09", "EEG10", "EMG10"))
    flat = Channel.from_array("EEG09", np.zeros(eeg09.samples), 128)
    write_edf(tmp_path / "mice.edf", [flat, emg09, eeg10, emg10])
    assert spindle("score", "mice.edf", "--model", model_file, "--formats", "csv", "--no-report") == 2
    assert names(Path("out")) == {"mice_10_scores.csv"}
    said = capsys.readouterr().err
    assert said.startswith("spindle: mice.edf, animal 09: ") and said.count("\n") == 1


def test_a_recording_that_cannot_be_scored_does_not_stop_the_others(
    spindle: Spindle, mouse: Path, model_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "broken.edf").write_bytes(b"nothing of the sort")
    assert spindle("score", "broken.edf", "gone.edf", mouse, "--model", model_file) == 2
    assert "mouse07_scores.csv" in names(Path("out"))
    first, second, last = capsys.readouterr().err.splitlines()
    assert "broken.edf" in first and "gone.edf" in second
    assert last == "spindle: 2 of 3 recordings could not be scored."


def test_recordings_whose_results_would_share_a_name_are_refused(
    spindle: Spindle, mouse: Path, model_file: Path, tmp_path: Path, everything: Snapshot
) -> None:
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "mouse07.edf").write_bytes(mouse.read_bytes())
    before = everything()
    assert spindle("score", mouse, "b/mouse07.edf", "--model", model_file) == 2
    assert everything() == before


def test_an_experts_events_are_not_replaced(
    spindle: Spindle, mouse: Path, model_file: Path, everything: Snapshot, capsys: pytest.CaptureFixture[str]
) -> None:
    mouse.with_name("mouse07_events.tsv").write_text("onset\tduration\ttrial_type\n0\t4\twake\n", encoding="utf-8")
    before = everything()
    assert spindle("score", mouse, "--model", model_file, "--out", ".") == 2
    assert everything() == before
    assert "may be an expert's" in capsys.readouterr().err


def test_scoring_again_replaces_the_older_results(spindle: Spindle, mouse: Path, model_file: Path) -> None:
    assert spindle("score", mouse, "--model", model_file, "--out", ".") == 0
    Path("mouse07_scores.csv").write_text("old", encoding="utf-8")
    assert spindle("score", mouse, "--model", model_file, "--out", ".") == 0
    assert len(read_scores_csv(Path("mouse07_scores.csv")).hypnogram) == EPOCHS


def test_the_threshold_decides_which_epochs_are_artifacts(spindle: Spindle, mouse: Path, model_file: Path) -> None:
    for threshold, folder in (("0.000001", "all"), ("0.999999", "none")):
        words = ("--artifact-threshold", threshold, "--out", folder, "--no-report")
        assert spindle("score", mouse, "--model", model_file, *words) == 0
    assert read_scores_csv(Path("all/mouse07_scores.csv")).hypnogram.artifact.all()
    assert not read_scores_csv(Path("none/mouse07_scores.csv")).hypnogram.artifact.any()


def test_a_density_finds_the_artifacts_and_its_scores_are_kept(
    spindle: Spindle, mouse: Path, model_file: Path, density_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert spindle("score", mouse, "--model", model_file, "--density", density_file) == 0
    assert "Scored with untrained, artifacts by density of two mice." in capsys.readouterr().out
    saved = read_scores_csv(Path("out/mouse07_scores.csv"))
    density = saved.density_nats
    assert density is not None and np.isfinite(density).all()
    np.testing.assert_array_equal(saved.hypnogram.artifact, density < -6.5)
    order = np.argsort(density)
    assert (np.diff(saved.artifact_probability[order]) <= 0).all()
    middle = float(np.median(density))
    words = ("--density", density_file, "--density-threshold", middle, "--out", "moved", "--no-report")
    assert spindle("score", mouse, "--model", model_file, *words) == 0
    moved = read_scores_csv(Path("moved/mouse07_scores.csv"))
    np.testing.assert_array_equal(moved.density_nats, density)
    assert moved.hypnogram.artifact.sum() == EPOCHS / 2


def test_layers_and_samples_of_a_density_change_its_scores(
    spindle: Spindle, mouse: Path, model_file: Path, density_file: Path
) -> None:
    found = []
    for number, words in enumerate([(), ("--density-layers", 4), ("--density-samples", 2)]):
        more = ("--density", density_file, *words, "--out", number, "--no-report", "--formats", "csv")
        assert spindle("score", mouse, "--model", model_file, *more) == 0
        found.append(read_scores_csv(Path(f"{number}/mouse07_scores.csv")).density_nats)
    assert not np.array_equal(found[0], found[1]) and not np.array_equal(found[0], found[2])


def test_a_density_that_cannot_be_read_stops_the_scoring_in_a_sentence(
    spindle: Spindle, mouse: Path, model_file: Path, everything: Snapshot, capsys: pytest.CaptureFixture[str]
) -> None:
    before = everything()
    assert spindle("score", mouse, "--model", model_file, "--density", model_file) == 2
    printed = capsys.readouterr().err
    assert "is not a SPINDLE density" in printed and printed.count("\n") == 1
    assert everything() == before


def test_a_transition_matrix_of_ones_own_is_obeyed(
    spindle: Spindle, mouse: Path, model_file: Path, tmp_path: Path
) -> None:
    (tmp_path / "only-wake.csv").write_text("1,0,0\n1,0,0\n1,0,0\n", encoding="utf-8")
    assert spindle("score", mouse, "--model", model_file, "--transitions", "only-wake.csv", "--no-report") == 0
    assert (read_scores_csv(Path("out/mouse07_scores.csv")).hypnogram.codes[1:] == 0).all()


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere, every file name is text")
def test_a_file_name_that_is_no_text_is_no_obstacle(spindle: Spindle, mouse: Path, model_file: Path) -> None:
    name = os.fsdecode(b"mouse\xff.edf")
    mouse.rename(mouse.with_name(name))
    assert spindle("score", name, "--model", model_file, "--figure", "--formats", "csv") == 0
    assert len(names(Path("out"))) == 4


@pytest.mark.real_data
def test_the_eight_mice_of_one_file_give_62_epochs_each(
    spindle: Spindle, real_data: Path, model_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = real_data / "sleep" / "mouse_faster2_8mice_128hz.edf"
    assert spindle("score", path, "--model", model_file, "--formats", "csv", "--no-report") == 0
    lengths = {path.name: len(read_scores_csv(path).hypnogram) for path in Path("out").iterdir()}
    assert lengths == {f"{path.stem}_{number:02d}_scores.csv": 62 for number in range(9, 17)}
    assert capsys.readouterr().out.count("There is one EEG; it takes the place of both.") == 8


@pytest.mark.real_data
def test_the_unlabelled_mouse_at_200_hz_scores_from_an_edf(
    spindle: Spindle, real_data: Path, model_file: Path, tmp_path: Path
) -> None:
    with np.load(real_data / "sleep" / "mouse_unlabelled_200hz_4s_i16.npz", allow_pickle=False) as file:
        microvolts = 1e6 * float(file["scale"])
        runs = {
            label: [file[name].ravel() for name in sorted(file) if name.startswith(start)]
            for label, start in (("EEG", "eeg_"), ("EMG", "emgabs_"))
        }
    channels = [Channel.from_array(label, microvolts * np.concatenate(run), 200) for label, run in runs.items()]
    write_edf(tmp_path / "mouse.edf", channels)
    assert spindle("score", "mouse.edf", "--model", model_file) == 0
    saved = read_scores_csv(Path("out/mouse_scores.csv"))
    assert len(saved.hypnogram) == 1158
    assert saved.hypnogram.scored.mean() > 0.95

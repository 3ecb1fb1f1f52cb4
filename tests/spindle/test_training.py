from __future__ import annotations

import csv
import json
import math
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Generator, Tensor

from spindle.classifier import EpochClassifier, initialise, probabilities
from spindle.errors import OutputError, SettingError
from spindle.hypnogram import Hypnogram
from spindle.model_file import ModelCard, SpindleModel, load_model
from spindle.spectrogram import FRAMES_PER_EPOCH, RowChoice, TimeFrequency
from spindle.training import TrainingConfig, TrainingProgress, train
from spindle.training_set import LabelledRecording, prepare


def recording(seed: int, epochs: int = 120, *, artifacts: bool = True, states: int = 3) -> LabelledRecording:
    """States with a spectrum and a muscle tone of their own, and artifacts in all three channels."""
    rng = np.random.default_rng(seed)
    codes = np.repeat(rng.permuted(np.arange(epochs // 2) % states), 2).astype(np.int8)
    artifact = rng.random(epochs) < (0.15 if artifacts else 0.0)
    state = np.repeat(codes, FRAMES_PER_EPOCH)
    spoiled = np.repeat(artifact, FRAMES_PER_EPOCH)
    eeg = rng.normal(size=(2, len(state), 24))
    eeg[:, state == 1, :8] += 2
    eeg[:, state == 2, 12:18] += 2
    emg = rng.normal(size=len(state)) + 2 * (state == 0) + 3 * spoiled
    time_frequency = TimeFrequency(
        eeg=(eeg + 3 * spoiled[:, None]).astype(np.float32),
        emg=emg.astype(np.float32),
        usable=np.ones(epochs, dtype=bool),
        rows=RowChoice.NARROW,
        centre=np.zeros(24, dtype=np.float32),
        scale=np.ones(24, dtype=np.float32),
    )
    return LabelledRecording(
        name=f"mouse{seed:02d}",
        time_frequency=time_frequency,
        hypnograms=(Hypnogram(codes=codes, artifact=artifact),),
    )


def recordings(**changes: Any) -> list[LabelledRecording]:
    return [recording(seed, **changes) for seed in (1, 2)]


def config(**changes: Any) -> TrainingConfig:
    settings = {"batch": 10, "passes": 2, "checkpoint_steps": 8, "threads": 1, "learning_rate": 1e-4, **changes}
    return TrainingConfig(**settings)


def untrained(rows: RowChoice = RowChoice.NARROW) -> SpindleModel:
    networks = EpochClassifier(3), EpochClassifier(2)
    for seed, network in enumerate(networks):
        initialise(network, Generator().manual_seed(seed))
    card = ModelCard(name="base", created="", commit="", data="")
    return SpindleModel(stage=networks[0].eval(), artifact=networks[1].eval(), rows=rows, card=card)


def weights(model: SpindleModel) -> dict[str, Tensor]:
    return {
        f"{name}.{key}": value
        for name, network in (("stage", model.stage), ("artifact", model.artifact))
        for key, value in network.state_dict().items()
    }


class StoppedError(Exception):
    """Thrown by a test's progress hook."""


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> tuple[SpindleModel, Path]:
    folder = tmp_path_factory.mktemp("runs") / "whole"
    return train(recordings(), config(), folder), folder


def run_as_child(folder: Path) -> None:
    """Train to the middle of the second pass, between two checkpoints, say so, and wait to be killed."""

    def tell(progress: TrainingProgress) -> None:
        if (progress.network, progress.progress.pass_number, progress.progress.step) == ("stage", 1, 11):
            sys.stdout.write("ready\n")
            sys.stdout.flush()
            time.sleep(600)

    train(recordings(), config(), folder, on_progress=tell)


def test_a_training_that_was_killed_resumes_to_the_same_weights_to_the_bit(
    uninterrupted: tuple[SpindleModel, Path], tmp_path: Path
) -> None:
    folder = tmp_path / "run"
    with subprocess.Popen([sys.executable, __file__, str(folder)], stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        said = child.stdout.readline()
        child.kill()
    assert said == "ready\n"
    assert child.returncode != 0
    assert not (folder / "model.safetensors").exists()
    seen: list[TrainingProgress] = []

    resumed = train((), config(), folder, resume=True, on_progress=seen.append)

    first = seen[0].progress
    assert (seen[0].network, first.pass_number, first.step) == ("stage", 1, 9)  # from the checkpoint after step 8
    assert first.step < first.steps
    expected, whole = uninterrupted
    found = weights(resumed)
    assert all(torch.equal(value, found[name]) for name, value in weights(expected).items())
    assert (folder / "history.csv").read_bytes() == (whole / "history.csv").read_bytes()
    assert resumed.card.figures == expected.card.figures


def test_a_training_that_was_stopped_in_the_artifact_network_resumes_to_the_same_weights(
    uninterrupted: tuple[SpindleModel, Path], tmp_path: Path
) -> None:
    def stop(progress: TrainingProgress) -> None:
        if progress.network == "artifact" and progress.progress.step == 6:
            raise StoppedError

    with pytest.raises(StoppedError):
        train(recordings(), config(), tmp_path, on_progress=stop)
    seen: list[TrainingProgress] = []
    resumed = train((), config(), tmp_path, resume=True, on_progress=seen.append)

    assert {progress.network for progress in seen} == {"artifact"}
    found = weights(resumed)
    assert all(torch.equal(value, found[name]) for name, value in weights(uninterrupted[0]).items())
    assert (tmp_path / "history.csv").read_bytes() == (uninterrupted[1] / "history.csv").read_bytes()


def test_both_networks_learn_what_sets_the_classes_apart(uninterrupted: tuple[SpindleModel, Path]) -> None:
    model, _ = uninterrupted
    unseen = recording(9)
    truth = unseen.hypnograms[0]
    stage = probabilities(model.stage, unseen.time_frequency).argmax(axis=1)
    artifact = probabilities(model.artifact, unseen.time_frequency).argmax(axis=1) == 1
    assert (stage == truth.codes)[~truth.artifact].mean() > 0.8
    assert (artifact == truth.artifact).mean() > 0.9


def test_a_run_leaves_model_history_and_record_and_no_checkpoints(uninterrupted: tuple[SpindleModel, Path]) -> None:
    model, folder = uninterrupted
    assert {path.name for path in folder.iterdir()} == {"data", "history.csv", "model.safetensors", "record.json"}
    assert load_model(folder / "model.safetensors").card == model.card
    record = json.loads((folder / "record.json").read_text(encoding="utf-8"))
    assert record["seed"] == 0
    assert record["config"]["batch"] == 10
    assert record["data_sha256"]["training set"] in model.card.data
    assert record["hardware"]["threads"] == 1
    with (folder / "history.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["network"], row["pass"]) for row in rows] == [
        ("stage", "0"),
        ("stage", "1"),
        ("artifact", "0"),
        ("artifact", "1"),
    ]
    for row in rows:
        classes = ["wake", "nrem", "rem"] if row["network"] == "stage" else ["clean", "artifact"]
        assert all(math.isfinite(float(row[name])) for name in ("loss", "held_out_loss", "balanced_accuracy"))
        assert all(0 <= float(row[f"f1_{name}"]) <= 1 for name in classes), row


def test_the_card_holds_the_figures_of_the_best_pass(uninterrupted: tuple[SpindleModel, Path]) -> None:
    model, folder = uninterrupted
    with (folder / "history.csv").open(encoding="utf-8", newline="") as file:
        stage = [row for row in csv.DictReader(file) if row["network"] == "stage"]
    best = min(stage, key=lambda row: float(row["held_out_loss"]))
    assert model.card.figures["stage_held_out_loss"] == float(best["held_out_loss"])
    assert model.card.figures["stage_held_out_f1_rem"] == float(best["f1_rem"])
    assert "2 labelled recordings, 240 epochs (mouse01, mouse02)" in model.card.data


def test_a_finished_training_resumes_to_its_model(uninterrupted: tuple[SpindleModel, Path]) -> None:
    model, folder = uninterrupted
    again = train((), config(), folder, resume=True)
    assert again.card == model.card
    found = weights(again)
    assert all(torch.equal(value.half().float(), found[name]) for name, value in weights(model).items())


def test_a_folder_in_use_is_not_written_over(uninterrupted: tuple[SpindleModel, Path]) -> None:
    with pytest.raises(SettingError, match="holds another training already; resume it, or name another folder"):
        train(recordings(), config(), uninterrupted[1])


def test_a_training_is_not_resumed_with_other_settings(uninterrupted: tuple[SpindleModel, Path]) -> None:
    with pytest.raises(SettingError, match=r"cannot be resumed with other settings: batch was 10 and is 20\."):
        train((), config(batch=20), uninterrupted[1], resume=True)


def quit_at_once(progress: TrainingProgress) -> None:
    raise StoppedError


def test_a_training_is_not_resumed_on_other_data(tmp_path: Path) -> None:
    first = prepare(recordings(), tmp_path / "first", rows=RowChoice.NARROW)
    second = prepare([recording(3)], tmp_path / "second", rows=RowChoice.NARROW)
    with pytest.raises(StoppedError):
        train(first, config(), tmp_path / "run", on_progress=quit_at_once)
    with pytest.raises(SettingError, match="was started on other data"):
        train(second, config(), tmp_path / "run", resume=True)


def test_a_resumed_training_takes_the_number_of_threads_it_began_with(tmp_path: Path) -> None:
    prepared = prepare(recordings(), tmp_path / "data", rows=RowChoice.NARROW)
    seen: list[int] = []

    def watch(progress: TrainingProgress) -> None:
        seen.append(torch.get_num_threads())
        raise StoppedError

    before = torch.get_num_threads()
    try:
        for threads in (2, 1):
            torch.set_num_threads(threads)
            with pytest.raises(StoppedError):
                train(prepared, config(threads=None), tmp_path / "run", resume=True, on_progress=watch)
            assert torch.get_num_threads() == threads  # and it gives them back
    finally:
        torch.set_num_threads(before)
    assert seen == [2, 2]


def test_a_prepared_set_serves_several_trainings(tmp_path: Path, uninterrupted: tuple[SpindleModel, Path]) -> None:
    prepared = prepare(recordings(), tmp_path / "data", rows=RowChoice.NARROW)
    for name in ("one", "two"):
        with pytest.raises(StoppedError):
            train(prepared, config(), tmp_path / name, on_progress=quit_at_once)
    records = [json.loads((folder / "record.json").read_text()) for folder in (tmp_path / "one", uninterrupted[1])]
    assert records[0]["data_sha256"] == records[1]["data_sha256"]


def test_recordings_are_taken_one_at_a_time(tmp_path: Path) -> None:
    alive: list[int] = []

    def stream() -> Iterator[LabelledRecording]:
        for seed in (1, 2, 3):
            made = recording(seed, epochs=60)
            alive.append(seed)
            yield made
            alive.remove(seed)

    prepare(stream(), tmp_path, rows=RowChoice.NARROW)
    assert not alive


def test_without_artifact_labels_no_epoch_is_called_an_artifact(tmp_path: Path) -> None:
    model = train(recordings(artifacts=False), config(passes=1), tmp_path)
    assert any("no artifacts" in note for note in model.card.notes)
    assert (probabilities(model.artifact, recording(9).time_frequency)[:, 1] < 1e-6).all()


def test_without_artifact_labels_the_base_models_artifact_network_is_kept(tmp_path: Path) -> None:
    base = untrained()
    model = train(recordings(artifacts=False), config(passes=1), tmp_path, base=base)
    assert any("base model" in note for note in model.card.notes)
    assert torch.equal(model.artifact.hidden_1.weight, base.artifact.hidden_1.weight)


def test_training_starts_from_the_base_models_weights_and_leaves_the_base_alone(tmp_path: Path) -> None:
    base = untrained()
    before = {name: value.clone() for name, value in weights(base).items()}
    tiny = config(passes=1, learning_rate=1e-7)
    model = train(recordings(artifacts=False), tiny, tmp_path, base=base)
    moved = (model.stage.hidden_1.weight - base.stage.hidden_1.weight).abs().max()
    assert 0 < moved < 1e-4
    assert all(torch.equal(value, before[name]) for name, value in weights(base).items())


def test_a_base_model_with_other_rows_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="base model reads wide rows; this training was set to narrow ones"):
        train(recordings(), config(), tmp_path / "run", base=untrained(RowChoice.WIDE))
    assert not (tmp_path / "run").exists()


def test_a_state_without_labels_is_noted(tmp_path: Path) -> None:
    model = train(recordings(states=2, artifacts=False), config(passes=1), tmp_path)
    assert any("held no rem" in note for note in model.card.notes)
    assert "stage_held_out_f1_rem" not in model.card.figures


def test_labels_that_leave_nothing_to_train_on_are_refused(tmp_path: Path) -> None:
    unlabelled = recording(1, epochs=60)
    nothing = Hypnogram(codes=np.full(60, -1, dtype=np.int8), artifact=np.zeros(60, dtype=bool))
    only = LabelledRecording(name="m", time_frequency=unlabelled.time_frequency, hypnograms=(nothing,))
    with pytest.raises(SettingError, match="stage network has 0 labelled epochs to train on and 0 held out"):
        train([only], config(), tmp_path)


def test_no_recordings_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="at least one labelled recording"):
        train([], config(), tmp_path)


def test_a_run_folder_that_cannot_be_made_is_an_output_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OutputError, match="cannot be written"):
        train(recordings(), config(), tmp_path / "file" / "run")


def test_augmentation_changes_the_training_and_repeats(tmp_path: Path) -> None:
    prepared = prepare(recordings(), tmp_path / "data", rows=RowChoice.NARROW)

    def losses(name: str, *, augment: bool) -> list[float]:
        seen: list[float] = []

        def stop(progress: TrainingProgress) -> None:
            seen.append(progress.progress.loss)
            if progress.progress.step == 3:
                raise StoppedError

        with pytest.raises(StoppedError):
            train(prepared, replace(config(), augment=augment), tmp_path / name, on_progress=stop)
        return seen

    varied = losses("one", augment=True)
    assert varied == losses("two", augment=True)
    assert varied != losses("three", augment=False)


def test_half_precision_trains_to_finite_weights_and_full_ones_are_saved(tmp_path: Path) -> None:
    model = train(recordings(), replace(config(), precision="bf16-mixed"), tmp_path)
    for parameter in model.stage.parameters():
        assert parameter.dtype is torch.float32
        assert torch.isfinite(parameter).all()


if __name__ == "__main__":
    run_as_child(Path(sys.argv[1]))

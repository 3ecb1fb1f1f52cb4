from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.spindle.density.epochs import recording

from spindle.density import DensityConfig, DensityModel, load_density, train_density
from spindle.density.detector import DensityDetector
from spindle.density.images import LEVELS
from spindle.errors import SettingError
from spindle.spectrogram import RowChoice
from spindle.training import TrainingProgress
from spindle.training_set import LabelledRecording, prepare


def config(**changes: Any) -> DensityConfig:
    settings = {"batch": 8, "steps": 16, "threads": 1, "learning_rate": 0.01, "checkpoint_steps": 3, **changes}
    return DensityConfig(**settings)


def recordings(**changes: Any) -> list[LabelledRecording]:
    return [recording(seed, **changes) for seed in (1, 2)]


class StoppedError(Exception):
    """Thrown by a test's progress hook."""


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[DensityModel, Path]:
    folder = tmp_path_factory.mktemp("density") / "run"
    return train_density(recordings(), config(), folder), folder


def test_a_little_training_tells_loud_noise_from_clean_epochs(trained: tuple[DensityModel, Path]) -> None:
    model, _ = trained
    other = recording(7)
    found = DensityDetector(model=model).find(other.time_frequency)
    marked = other.hypnograms[0].artifact
    assert found.density_nats is not None
    assert float(np.median(found.density_nats[marked])) < float(found.density_nats[~marked].max()) - 0.5
    assert model.calibrations[1].area_under_roc > 0.8
    flagged = found.probability > 0.5
    assert (flagged & marked).sum() / marked.sum() > 0.6


def test_the_folder_holds_the_density_its_record_and_its_history(trained: tuple[DensityModel, Path]) -> None:
    model, folder = trained
    assert {path.name for path in folder.iterdir()} == {
        "density.safetensors", "density-record.json", "density-history.csv", "density-data",
    }  # fmt: skip
    loaded = load_density(folder / "density.safetensors")
    assert loaded.calibrations == model.calibrations
    assert "2 labelled recordings, 80 epochs (mouse1, mouse2)" in loaded.card.data
    assert loaded.card.figures["training_agreement"] == model.calibrations[1].agreement
    record = json.loads((folder / "density-record.json").read_text(encoding="utf-8"))
    assert record["config"]["steps"] == 16
    header, *rows = (folder / "density-history.csv").read_text(encoding="utf-8").splitlines()
    assert "bits_per_dimension" in header and rows


def test_an_interrupted_training_ends_with_the_same_density(trained: tuple[DensityModel, Path], tmp_path: Path) -> None:
    def stop(state: TrainingProgress) -> None:
        if state.progress.run_step == 8 and state.progress.evaluation is None:
            raise StoppedError

    with pytest.raises(StoppedError):
        train_density(recordings(), config(), tmp_path, on_progress=stop)
    assert not (tmp_path / "density.safetensors").exists()
    with pytest.raises(SettingError, match="holds another training already"):
        train_density(recordings(), config(), tmp_path)
    with pytest.raises(SettingError, match="steps was 16 and is 17"):
        train_density(recordings(), config(steps=17), tmp_path, resume=True)
    resumed = train_density([], config(), tmp_path, resume=True)
    for name, weight in trained[0].network.state_dict().items():
        assert torch.equal(resumed.network.state_dict()[name], weight), name
    assert resumed.calibrations == trained[0].calibrations
    assert train_density([], config(), tmp_path, resume=True).calibrations == resumed.calibrations


def test_no_artifact_is_trained_on(tmp_path: Path) -> None:
    """Whatever lies in epochs that somebody marked, and is in no clean epoch's window, changes nothing."""
    marked = np.zeros(40, dtype=bool)
    marked[20:30] = True
    weights = []
    for kind in (0, 1):
        one = recording(1, artifacts=False)
        rows = one.time_frequency.emg.copy()
        rows[23 * 32 : 27 * 32] += 3.0 * kind
        spoiled = replace(
            one,
            time_frequency=replace(one.time_frequency, emg=rows),
            hypnograms=(replace(one.hypnograms[0], artifact=marked),),
        )
        model = train_density([spoiled], config(steps=3), tmp_path / str(kind))
        weights.append(torch.cat([weight.flatten() for weight in model.network.state_dict().values()]))
    assert torch.equal(weights[0], weights[1])


def test_labels_without_an_artifact_are_refused_before_anything_is_trained(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="the labels hold 80 and 0 on which all experts agree"):
        train_density(recordings(artifacts=False), config(), tmp_path)
    assert not (tmp_path / "density-record.json").exists()


def test_a_set_that_was_prepared_for_the_networks_is_refused(tmp_path: Path) -> None:
    examples = prepare(recordings(), tmp_path / "data", rows=RowChoice.NARROW)
    with pytest.raises(SettingError, match="prepared for the networks"):
        train_density(examples, config(), tmp_path / "run")
    whole = prepare(recordings(), tmp_path / "levels", rows=RowChoice.NARROW, stored=LEVELS)
    with pytest.raises(SettingError, match="narrow rows; this training was set to wide"):
        train_density(whole, config(rows=RowChoice.WIDE), tmp_path / "other")

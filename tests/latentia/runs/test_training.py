"""A run's folder holds what its training did, goes on where it stopped, and lets nobody else in."""

from __future__ import annotations

import csv
import json
import math
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from latentia.data import Split
from latentia.errors import CheckpointError, DataError, SettingError
from latentia.evaluation import evaluate_bound, nats_to_bits
from latentia.runs import Configuration, load_run, read_configuration, train
from latentia.training import Evaluation, Progress, Task
from latentia.training.density import density_task


class StoppedError(Exception):
    """In place of a kill."""


def stop_at(step: int, progress: Progress) -> None:
    if progress.run_step == step and progress.evaluation is None:
        raise StoppedError


@pytest.fixture
def configuration(config: Path) -> Configuration:
    return read_configuration(str(config))


def test_the_folder_has_all_that_a_run_needs_and_nothing_half_done(trained: Path) -> None:
    assert sorted(path.name for path in trained.iterdir()) == [
        "checkpoint.safetensors",
        "config.yaml",
        "history.csv",
        "model.safetensors",
        "pictures",
        "record.json",
    ]
    assert sorted(path.name for path in (trained / "pictures").iterdir()) == [
        f"{what}-{step:08d}.png" for what in ("reconstructions", "samples") for step in (4, 8)
    ]


def test_the_record_says_configuration_seed_data_and_code(trained: Path) -> None:
    record = json.loads((trained / "record.json").read_text(encoding="utf-8"))
    assert record["config"]["model"]["kind"] == "ladder_vae" and record["config"]["training"]["free_bits"] == 0.01
    assert set(record["data_sha256"]) == {"train", "validation"}
    assert record["seed"] == 0 and record["source"] and record["hardware"]


def test_the_model_is_the_one_with_the_best_validation_score_in_the_history(trained: Path) -> None:
    with (trained / "history.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["step"] for row in rows] == ["4", "8"]
    run = load_run(trained)
    validation = run.images(Split.VALIDATION)
    terms = evaluate_bound(run.model, validation.tensor(slice(None)), batch=4)
    score = nats_to_bits(float(terms.elbo.mean()), validation.format.dimensions)
    assert score == pytest.approx(min(float(row["bits_per_dimension"]) for row in rows), abs=1e-6)
    assert run.weights == "average"


@pytest.mark.parametrize("step", [2, 5])
def test_a_stopped_run_goes_on_to_the_same_model(
    step: int, configuration: Configuration, trained: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "run"
    with pytest.raises(StoppedError):
        train(configuration, folder, on_progress=lambda progress: stop_at(step, progress))
    outcome = train(configuration, folder, resume=True)
    assert outcome.steps == 8
    wanted, found = load_file(trained / "model.safetensors"), load_file(folder / "model.safetensors")
    assert wanted.keys() == found.keys() and all(torch.equal(wanted[name], found[name]) for name in wanted)
    assert len(json.loads((folder / "record.json").read_text(encoding="utf-8"))["resumed"]) == 1


@pytest.mark.parametrize(
    ("scores", "kept"),
    [((3.0, 2.0, 2.5), 2), ((2.0, 2.0), 1), ((math.nan, 3.0), 2), ((3.0, math.nan), 1), ((math.nan,), 1)],
)
def test_the_model_that_is_kept_is_the_one_that_the_loop_counts_as_best(
    scores: tuple[float, ...], kept: int, configuration: Configuration, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved: list[int] = []
    number = 0
    monkeypatch.setattr("latentia.runs.image_subject.save_model", lambda model, config, path: saved.append(number))
    values = iter(scores)

    def with_scores(*arguments: Any) -> Task[Any]:
        return replace(density_task(*arguments), evaluate=lambda module: evaluation(next(values)))

    def evaluation(score: float) -> Evaluation:
        return Evaluation(score=score, figures={"bits_per_dimension": score})

    monkeypatch.setattr("latentia.runs.image_subject.density_task", with_scores)
    changed = replace(configuration, training=replace(configuration.training, steps=len(scores), evaluate_steps=1))

    def count(progress: Progress) -> None:
        nonlocal number
        number = progress.run_step

    outcome = train(changed, tmp_path / "run", pictures=False, on_progress=count)
    assert saved[-1] == kept == outcome.best + 1


def test_a_finished_run_can_be_made_longer(configuration: Configuration, trained: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(trained, tmp_path / "run")
    longer = read_configuration(str(folder / "config.yaml"), ["training.steps=12"])
    assert train(longer, folder, resume=True).steps == 12
    assert load_run(folder).configuration.training.steps == 12


def test_a_folder_in_use_is_left_alone(configuration: Configuration, trained: Path, tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="holds a training already; go on with it by --resume"):
        train(configuration, trained)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "thesis.txt").write_text("years of work", encoding="utf-8")
    with pytest.raises(SettingError, match="holds other files and no training"):
        train(configuration, tmp_path / "other")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("model.channels=6", "model.channels was 4 and is now 6"),
        ("training.batch=2", "training.batch was 4 and is now 2"),
        ("seed=1", "seed was 0 and is now 1"),
        ("transforms.flip=true", "transforms.flip was False and is now True"),
    ],
)
def test_a_run_does_not_go_on_with_other_settings(change: str, said: str, config: Path, trained: Path) -> None:
    with pytest.raises(SettingError, match=said):
        train(read_configuration(str(config), [change]), trained, resume=True)


def test_a_run_does_not_go_on_with_other_images(
    configuration: Configuration, pictures: Path, trained: Path, tmp_path: Path, config: Path
) -> None:
    folder = shutil.copytree(trained, tmp_path / "run")
    moved = shutil.copytree(pictures, tmp_path / "squares")
    longer = [f"data.folder={moved}", "training.steps=9"]
    train(read_configuration(str(config), longer), folder, resume=True)
    shutil.copy(moved / "00.png", moved / "01.png")
    with pytest.raises(SettingError, match="was begun on other data"):
        train(read_configuration(str(config), longer), folder, resume=True)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("data.validation=0", "no validation images"),
        ("data.folder=nowhere", "There is no folder .*nowhere"),
        ("training.batch=64", "batch must be 1 to 16, because squares has 16"),
        ("model.observation=bernoulli", "Bernoulli pixels are of 1 bit; these images have 8"),
    ],
)
def test_what_does_not_fit_together_is_said_before_anything_is_written(
    change: str, said: str, config: Path, tmp_path: Path
) -> None:
    with pytest.raises((DataError, SettingError), match=said):
        train(read_configuration(str(config), [change]), tmp_path / "run")
    assert [path.name for path in tmp_path.iterdir()] == [config.name]


def test_images_that_are_drawn_binary_train_a_binary_model(config: Path, tmp_path: Path) -> None:
    changes = ["transforms.binarise=true", "model.observation=bernoulli", "training.steps=2"]
    train(read_configuration(str(config), changes), tmp_path / "run", pictures=False)
    run = load_run(tmp_path / "run")
    assert run.images(Split.TEST).format == run.model.image_format
    assert not (tmp_path / "run" / "pictures").exists()


def test_images_of_another_format_than_the_models_are_refused(trained: Path) -> None:
    run = load_run(trained, ("data.bits=5",))
    with pytest.raises(DataError, match="is for images of 1×8×8 with 8 bits; squares has 1×8×8 with 5 bits"):
        run.images(Split.TEST)


def test_only_settings_of_the_data_change_of_a_trained_run(trained: Path) -> None:
    with pytest.raises(SettingError, match=r"only settings of the data can be changed, not model\.channels=6"):
        load_run(trained, ("model.channels=6",))


def test_a_folder_without_a_run_is_one_sentence(tmp_path: Path, configuration: Configuration) -> None:
    with pytest.raises(CheckpointError, match="is no folder of a run"):
        load_run(tmp_path / "nowhere")
    with pytest.raises(CheckpointError, match=r"it has no config\.yaml"):
        load_run(tmp_path)
    with pytest.raises(StoppedError):
        train(configuration, tmp_path / "run", on_progress=lambda progress: stop_at(1, progress))
    with pytest.raises(CheckpointError, match="has no model yet: its first evaluation makes one"):
        load_run(tmp_path / "run")


@pytest.mark.parametrize(("content", "said"), [("{", "is not JSON"), ("[1]", "is no record of a run")])
def test_a_damaged_record_is_one_sentence(
    content: str, said: str, configuration: Configuration, trained: Path, tmp_path: Path
) -> None:
    folder = shutil.copytree(trained, tmp_path / "run")
    (folder / "record.json").write_text(content, encoding="utf-8")
    with pytest.raises(CheckpointError, match=said):
        train(configuration, folder, resume=True)


def test_a_damaged_checkpoint_is_one_sentence(configuration: Configuration, trained: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(trained, tmp_path / "run")
    (folder / "checkpoint.safetensors").write_bytes(b"x" * 100)
    with pytest.raises(CheckpointError, match="is damaged"):
        train(configuration, folder, resume=True)


def test_a_finished_run_without_its_checkpoint_is_not_begun_again(trained: Path, config: Path, tmp_path: Path) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(trained, folder)
    (folder / "checkpoint.safetensors").unlink()
    before = (folder / "model.safetensors").read_bytes()
    with pytest.raises(CheckpointError, match=r"holds a model but no checkpoint\.safetensors to go on from"):
        train(read_configuration(str(config)), folder, resume=True)
    assert (folder / "model.safetensors").read_bytes() == before

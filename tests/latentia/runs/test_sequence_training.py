"""A run of sentences or clips keeps all that a run of images keeps, goes on to the bit, and knows its own words."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from latentia.data import Split
from latentia.errors import CheckpointError, DataError, SettingError
from latentia.evaluation.sequences import evaluate_sequences
from latentia.models.recurrent_vae import RecurrentVAEConfig
from latentia.randomness import seeded
from latentia.runs import (
    SequenceRun,
    configuration_of,
    load_model,
    load_run,
    load_sequence_model,
    read_configuration,
    save_sequence_model,
    train,
    write_yaml,
)
from latentia.sequences import WordFormat
from latentia.training import Progress
from latentia.training.sequence import SequenceTraining

Settings = Callable[[], dict[str, Any]]


class StoppedError(Exception):
    """In place of a kill."""


def stop_at(step: int, progress: Progress) -> None:
    if progress.run_step == step and progress.evaluation is None:
        raise StoppedError


def sequence_run(path: Path, changes: tuple[str, ...] = ()) -> SequenceRun:
    run = load_run(path, changes)
    assert isinstance(run, SequenceRun)
    return run


@pytest.mark.parametrize(("folder", "ending"), [("trained_on_sentences", "txt"), ("trained_on_clips", "png")])
def test_the_folder_has_all_that_a_run_needs(folder: str, ending: str, request: pytest.FixtureRequest) -> None:
    run = request.getfixturevalue(folder)
    assert sorted(path.name for path in run.iterdir()) == [
        "checkpoint.safetensors",
        "config.yaml",
        "history.csv",
        "model.safetensors",
        "pictures",
        "record.json",
    ]
    steps = (3, 6) if ending == "txt" else (2,)
    names = [f"reconstructions-{step:08d}.{ending}" for step in steps]
    assert sorted(path.name for path in (run / "pictures").iterdir()) == names


def test_sentences_stand_above_what_the_model_makes_of_them(trained_on_sentences: Path) -> None:
    run = sequence_run(trained_on_sentences)
    text = (trained_on_sentences / "pictures" / "reconstructions-00000006.txt").read_text(encoding="utf-8")
    pairs = [block.splitlines() for block in text.strip().split("\n\n")]
    validation = run.sequences(Split.VALIDATION)
    assert run.vocabulary is not None and len(pairs) == len(validation) == 6
    for number, (given, said) in enumerate(pairs):
        words = run.vocabulary.decode(validation.sequences(slice(number, number + 1)).values[0].tolist())
        assert given == f"sentence        {' '.join(words)}"
        assert set(said.removeprefix("reconstruction  ").split()) <= set(run.vocabulary.words)


def test_clips_stand_above_what_the_model_makes_of_them(trained_on_clips: Path) -> None:
    with Image.open(trained_on_clips / "pictures" / "reconstructions-00000002.png") as picture:
        assert picture.mode == "RGB" and picture.height > 6 * 2 * 64 and picture.width > 5 * 64


def test_the_model_is_the_one_with_the_best_score_in_the_history(trained_on_sentences: Path) -> None:
    with (trained_on_sentences / "history.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["step"] for row in rows] == ["3", "6"]
    run = sequence_run(trained_on_sentences)
    held_out = run.sequences(Split.VALIDATION).sequences(slice(None))
    held_out = held_out.at(held_out.lengths.argsort(stable=True))
    figures = evaluate_sequences(run.model, held_out, batch=4)
    assert figures.reconstruction == pytest.approx(min(float(row["reconstruction"]) for row in rows), rel=1e-6)
    assert run.weights == "last"


def test_the_record_has_the_checksums_of_the_sentences(trained_on_sentences: Path) -> None:
    record = json.loads((trained_on_sentences / "record.json").read_text(encoding="utf-8"))
    run = sequence_run(trained_on_sentences)
    assert record["data_sha256"] == {
        str(split): run.sequences(split).sha256 for split in (Split.TRAIN, Split.VALIDATION)
    }
    assert record["config"]["training"]["objective"] == "sequences"


@pytest.mark.parametrize("step", [2, 5])
def test_a_stopped_run_goes_on_to_the_same_model(
    step: int, sentence_settings: Settings, trained_on_sentences: Path, tmp_path: Path
) -> None:
    configuration, folder = configuration_of(sentence_settings(), "pets"), tmp_path / "run"
    with pytest.raises(StoppedError):
        train(configuration, folder, on_progress=lambda progress: stop_at(step, progress))
    assert train(configuration, folder, resume=True).steps == 6
    for name in ("model.safetensors", "checkpoint.safetensors"):
        wanted, found = load_file(trained_on_sentences / name), load_file(folder / name)
        assert wanted.keys() == found.keys()
        assert all(torch.equal(wanted[key], found[key]) for key in wanted if "seconds" not in key)


def test_a_run_goes_on_where_its_text_was_moved(
    sentence_settings: Settings, sentences: Path, trained_on_sentences: Path, tmp_path: Path
) -> None:
    folder, values = shutil.copytree(trained_on_sentences, tmp_path / "run"), sentence_settings()
    values["data"]["train"] = str(shutil.copy(sentences, tmp_path / "pets.txt"))
    values["training"]["steps"] = 7
    assert train(configuration_of(values, "pets"), folder, resume=True).steps == 7
    values["data"]["validation"] = 5
    with pytest.raises(SettingError, match=r"data\.validation was 6 and is now 5"):
        train(configuration_of(values, "pets"), folder, resume=True)


def test_a_run_samples_without_its_data(trained_on_sentences: Path, tmp_path: Path) -> None:
    run = sequence_run(trained_on_sentences, ("data.train=nowhere.txt",))
    assert run.vocabulary is not None and run.vocabulary.words[:4] == ("<eos>", "<unk>", "the", "a")
    with pytest.raises(DataError, match=r"There is no file .*nowhere\.txt"):
        run.sequences(Split.TEST)


def test_a_run_is_not_measured_on_sentences_of_other_words(trained_on_sentences: Path, tmp_path: Path) -> None:
    (tmp_path / "fish.txt").write_text("a fish swam\n" * 20, encoding="utf-8")
    run = sequence_run(trained_on_sentences, (f"data.train={tmp_path / 'fish.txt'}",))
    with pytest.raises(DataError, match=r"knows the 13 words of the sentences .* of fish have other words\."):
        run.sequences(Split.TEST)


def test_a_run_is_measured_on_a_file_of_test_sentences(
    sentence_settings: Settings, trained_on_sentences: Path, tmp_path: Path
) -> None:
    (tmp_path / "fish.txt").write_text("a fish sat\n", encoding="utf-8")
    other = f"data.test={tmp_path / 'fish.txt'}"
    with pytest.raises(SettingError, match=r"would move sentences between those that .* was trained on"):
        load_run(trained_on_sentences, (other,))
    values = sentence_settings()
    values["data"]["test"] = 0
    train(configuration_of(values, "pets"), tmp_path / "run", pictures=False)
    test = sequence_run(tmp_path / "run", (other,)).sequences(Split.TEST)
    assert test.vocabulary is not None and test.vocabulary.decode(test.values.tolist()) == ["a", "<unk>", "sat"]


def test_clips_of_other_frames_than_the_models_are_refused(trained_on_clips: Path) -> None:
    run = sequence_run(trained_on_clips, ("data.size=16",))
    with pytest.raises(DataError, match="is for clips of up to 5 frames of 1×12×12 with 1 bits; simulated bouncing"):
        run.sequences(Split.TEST)


def test_without_an_objective_a_recurrent_vae_is_trained_on_sequences(
    sentence_settings: Settings, tmp_path: Path
) -> None:
    configuration = configuration_of(sentence_settings(), "pets")
    assert isinstance(configuration.training, SequenceTraining) and configuration.things == "sentences"
    path = tmp_path / "again.yaml"
    path.write_text(write_yaml(configuration), encoding="utf-8")
    assert read_configuration(str(path)) == configuration


@pytest.mark.parametrize(
    ("section", "changes", "said"),
    [
        ("data", {"set": "mnist", "train": None}, "A recurrent_vae is a model of sentences and clips; data.set mnist"),
        ("model", {"kind": "gaussian_vae"}, "A gaussian_vae is a model of images; data.set text holds sentences."),
        ("training", {"objective": "bound"}, "A recurrent_vae is trained with training.objective sequences."),
        ("fold", {"number": 1, "of": 2}, "fold is for images; data.set text holds sentences."),
        ("transforms", {"flip": True}, "transforms is for images; data.set text holds sentences."),
        ("data", {"validation": 1.5}, "data.validation must be a whole number or a path, not 1.5."),
        ("data", {"validation": None}, "data.validation must be a whole number or a path, not empty."),
        ("data", {"set": "ptb"}, "data.set must be cifar10, "),
        ("model", {"kind": "vae_rnn"}, "model.kind must be ladder_vae, "),
    ],
)
def test_what_makes_no_sense_is_one_sentence(
    section: str, changes: dict[str, Any], said: str, sentence_settings: Settings
) -> None:
    values = sentence_settings()
    if "kind" in changes:
        values["model"] = {}
    if changes.get("set") == "mnist":
        values["data"], changes = {}, {"set": "mnist"}
    values[section] = {**values.get(section, {}), **changes}
    with pytest.raises(SettingError) as error:
        configuration_of(values, "here")
    assert str(error.value).startswith(f"here: {said}")


def test_the_file_of_a_model_of_sequences_gives_model_and_words_back(
    trained_on_sentences: Path, tmp_path: Path
) -> None:
    found = load_sequence_model(trained_on_sentences / "model.safetensors")
    assert found.vocabulary is not None and isinstance(found.model.sequence_format, WordFormat)
    config = sequence_run(trained_on_sentences).configuration.model
    assert isinstance(config, RecurrentVAEConfig)
    save_sequence_model(found.model, config, found.vocabulary, tmp_path / "again.safetensors")
    again = load_sequence_model(tmp_path / "again.safetensors", config)
    assert again.vocabulary == found.vocabulary and again.model.sequence_format == found.model.sequence_format
    sentences = sequence_run(trained_on_sentences).sequences(Split.TEST).sequences(slice(None))
    with seeded(1):
        wanted = found.model.log_weights(sentences)
    with seeded(1):
        assert torch.equal(again.model.log_weights(sentences), wanted)


def test_a_model_file_of_the_other_kind_is_one_sentence(trained: Path, trained_on_sentences: Path) -> None:
    with pytest.raises(CheckpointError, match=r"is not a model .* got latentia-sequence-model-1\."):
        load_model(trained_on_sentences / "model.safetensors")
    with pytest.raises(CheckpointError, match=r"is not a model of sequences .* got latentia-model-1\."):
        load_sequence_model(trained / "model.safetensors")


@pytest.mark.parametrize("words", [None, '["<eos>", "<unk>"]', '["a"]', "3", "{"])
def test_a_model_file_with_damaged_words_is_one_sentence(
    words: str | None, trained_on_sentences: Path, tmp_path: Path
) -> None:
    with safe_open(trained_on_sentences / "model.safetensors", "pt") as opened:
        metadata = opened.metadata()
    metadata.pop("words")
    if words is not None:
        metadata["words"] = words
    path = tmp_path / "m.safetensors"
    save_file(load_file(trained_on_sentences / "model.safetensors"), path, metadata)
    with pytest.raises(CheckpointError, match="does not hold the weights that its description asks for"):
        load_sequence_model(path)


@pytest.mark.parametrize(
    ("name", "latent_size", "rate", "decay", "annealing", "forcing", "dropout_weight"),
    [
        ("ptb-recurrent-vae", 64, 0.003, 0.9, "linear", "full", 1.0),
        ("ptb-dynamic-word-dropout", 64, 0.003, 0.9, "linear", "dynamic_word_dropout", 60.0),
        ("kth-recurrent-vae", 128, 0.001, 0.9995, "none", "full", 1.0),
    ],
)
def test_the_packaged_configurations_are_those_of_the_thesis(
    name: str, latent_size: int, rate: float, decay: float, annealing: str, forcing: str, dropout_weight: float
) -> None:
    """Thesis A, 3.5.1 and 3.5.2."""
    configuration = read_configuration(name)
    model, training = configuration.model, configuration.training
    assert isinstance(model, RecurrentVAEConfig) and isinstance(training, SequenceTraining)
    assert (model.hidden, model.latent_size, model.forcing.kind) == (512, latent_size, forcing)
    assert (training.batch, training.learning_rate, training.learning_rate_decay) == (128, rate, decay)
    assert (training.annealing, training.dropout_weight, training.optimizer) == (annealing, dropout_weight, "adam")


def test_the_packaged_configuration_of_balls_trains(tmp_path: Path) -> None:
    sizes = ["data.train=40", "data.validation=4", "data.frames=3", "training.passes=", "training.steps=1"]
    train(read_configuration("bouncing-balls-recurrent-vae", sizes), tmp_path / "run", pictures=False)
    assert sequence_run(tmp_path / "run").configuration.things == "clips"

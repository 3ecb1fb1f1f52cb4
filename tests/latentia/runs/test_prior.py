"""The prior of a VQ-VAE's run: learned once, resumed to the bit, and used by that very model alone."""

from __future__ import annotations

import itertools
import logging
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from latentia.data import Split
from latentia.errors import CheckpointError, DataError, OutputError, SettingError
from latentia.models.vq_vae import VQVAE
from latentia.runs import configuration_of, load_run, train
from latentia.runs.model_file import save_model
from latentia.runs.prior import PriorConfiguration, bits_per_code, read_prior_configuration, train_prior
from latentia.training import Progress
from latentia.uses import sample

SMALL = ("prior.layers=2", "prior.channels=6", "training.steps=6", "training.batch=4", "training.evaluate_steps=3")


class StoppedError(Exception):
    """In place of a kill."""


def settings(*more: str) -> PriorConfiguration:
    return read_prior_configuration((*SMALL, "training.checkpoint_steps=2", *more))


@pytest.fixture(scope="module")
def labelled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A VQ-VAE of 24 images of 8×8 in three classes, trained for a second."""
    folder = tmp_path_factory.mktemp("vq")
    rng = np.random.default_rng(0)
    labels = np.arange(24) % 3
    images = (rng.integers(0, 60, (24, 8, 8)) + 60 * labels[:, None, None]).astype(np.uint8)
    np.savez(folder / "images.npz", images=images, labels=labels)
    values = {
        "data": {
            "set": "npz", "file": str(folder / "images.npz"), "labels": "labels", "validation": 4, "test": 4
        },
        "model": {"kind": "vq_vae", "embeddings": 5, "embedding_size": 3, "widths": [4, 6], "decoders": "single"},
        "training": {
            "steps": 4, "batch": 4, "evaluate_steps": 4, "accelerator": "cpu", "masking": {"exponent": 20.0}
        },
    }  # fmt: skip
    train(configuration_of(values, "here"), folder / "run")
    return folder / "run"


@pytest.fixture
def run(labelled: Path, tmp_path: Path) -> Path:
    return shutil.copytree(labelled, tmp_path / "run")


def test_a_run_without_a_prior_cannot_be_sampled_and_one_with_it_can(run: Path) -> None:
    with pytest.raises(SettingError, match="no prior to draw codes from yet: `latentia prior` learns one"):
        sample(load_run(run).model, 2)
    train_prior(load_run(run), settings())
    loaded = load_run(run).model
    assert isinstance(loaded, VQVAE) and loaded.prior is not None and not loaded.prior.training
    assert sample(loaded, 2).images.shape == (1, 2, 1, 8, 8)


def test_a_prior_gives_codes_of_the_images_more_than_an_even_share(run: Path) -> None:
    loaded = load_run(run)
    assert isinstance(loaded.model, VQVAE)
    images = loaded.images(Split.TRAIN).tensor(slice(None))
    with torch.no_grad():
        codes = loaded.model.encode(loaded.model.as_values(images)).codes
        assert codes is not None
        evenly = loaded.model.log_prior(codes).mean()
    train_prior(loaded, settings("training.steps=150", "training.learning_rate=0.01", "training.average_decay=0.5"))
    with torch.no_grad():
        assert loaded.model.log_prior(codes).mean() > evenly + 1


def test_without_a_prior_a_code_costs_as_much_as_naming_a_vector_of_the_codebook(run: Path) -> None:
    loaded = load_run(run)
    assert isinstance(loaded.model, VQVAE)
    bits = bits_per_code(loaded.model, loaded.images(Split.TEST), batch=3)
    assert bits.shape == (4,) and torch.allclose(bits, torch.tensor(5.0).log2().double())


def test_a_stopped_prior_goes_on_to_the_same_weights(run: Path, tmp_path: Path) -> None:
    whole = shutil.copytree(run, tmp_path / "whole")
    train_prior(load_run(whole), settings())

    def stop(progress: Progress) -> None:
        if progress.run_step == 5 and progress.evaluation is None:
            raise StoppedError

    with pytest.raises(StoppedError):
        train_prior(load_run(run), settings(), on_progress=stop)
    train_prior(load_run(run), settings(), resume=True)
    one, other = (load_file(folder / "prior" / "model.safetensors") for folder in (run, whole))
    assert all(torch.equal(one[name], other[name]) for name in other)


def test_a_second_prior_and_other_settings_are_refused(run: Path) -> None:
    train_prior(load_run(run), settings())
    with pytest.raises(SettingError, match="holds a prior already; go on with it by --resume"):
        train_prior(load_run(run), settings())
    with pytest.raises(SettingError, match="of other settings or of an earlier model"):
        train_prior(load_run(run), settings("prior.channels=7"), resume=True)


@pytest.mark.parametrize("wrong", ["training.batch=17", "training.accelerator=mps", "prior.classes=2"])
def test_a_prior_that_cannot_be_learned_leaves_nothing_in_the_way_of_another(wrong: str, run: Path) -> None:
    with pytest.raises(SettingError):
        train_prior(load_run(run), settings(wrong))
    assert not (run / "prior").exists()
    train_prior(load_run(run), settings())


def test_a_prior_that_goes_on_keeps_the_record_of_its_beginning(run: Path) -> None:
    train_prior(load_run(run), settings())
    before = (run / "prior" / "record.json").read_bytes()
    train_prior(load_run(run), settings(), resume=True)
    assert (run / "prior" / "record.json").read_bytes() == before


def test_a_file_in_the_place_of_the_prior_s_folder_is_named(run: Path) -> None:
    (run / "prior").touch()
    with pytest.raises(OutputError, match=r"The output folder .*prior is a file\."):
        train_prior(load_run(run), settings())


def test_a_damaged_record_of_a_prior_is_one_sentence(run: Path) -> None:
    train_prior(load_run(run), settings())
    for text in ("nothing", "[]", '{"config": {}}', '{"config": {}, "data_sha256": "x"}'):
        (run / "prior" / "record.json").write_text(text, encoding="utf-8")
        with pytest.raises(CheckpointError, match=r"record\.json is damaged\.$"):
            train_prior(load_run(run), settings(), resume=True)


def test_a_prior_of_an_earlier_model_is_left_out_with_a_warning(run: Path, caplog: pytest.LogCaptureFixture) -> None:
    train_prior(load_run(run), settings())
    later = load_run(run)
    with torch.no_grad():
        later.model.encoder[0][0].weight.mul_(1.01)
    assert isinstance(later.model, VQVAE)
    later.model.prior = None
    save_model(later.model, later.configuration.model, later.folder.model)
    with caplog.at_level(logging.WARNING):
        model = load_run(run).model
    assert isinstance(model, VQVAE) and model.prior is None
    assert f"The prior in {run / 'prior'} is of an earlier model, and is left out; learn it anew." in caplog.text
    with pytest.raises(SettingError, match="of other settings or of an earlier model; delete that folder"):
        train_prior(load_run(run), settings(), resume=True)


def test_a_damaged_prior_is_one_sentence(run: Path) -> None:
    train_prior(load_run(run), settings())
    (run / "prior" / "model.safetensors").write_bytes(b"nothing")
    with pytest.raises(CheckpointError, match="cannot be read as a prior"):
        load_run(run)


def test_a_prior_of_classes_is_averaged_over_them(run: Path) -> None:
    loaded = load_run(run)
    train_prior(loaded, settings("prior.classes=3"))
    model = loaded.model
    assert isinstance(model, VQVAE) and model.prior is not None
    maps = torch.tensor(list(itertools.product(range(5), repeat=4))).view(-1, 2, 2)
    with torch.no_grad():
        assert float(model.log_prior(maps).exp().sum()) == pytest.approx(1, abs=1e-5)
        each = [model.prior.log_prob(maps, labels=torch.full((len(maps),), label)).exp() for label in range(3)]
        assert torch.allclose(model.log_prior(maps).exp(), sum(each) / 3, atol=1e-7)
    assert sample(model, 3).images.shape == (1, 3, 1, 8, 8)


def test_classes_need_labels(run: Path) -> None:
    with pytest.raises(SettingError, match="so that labels are 0 to 1; those of images are 0 to 2"):
        train_prior(load_run(run), settings("prior.classes=2"))
    unlabelled = load_run(run, ("data.labels=null",))
    with pytest.raises(DataError, match=r"prior.classes is 3, but images has no labels"):
        train_prior(unlabelled, settings("prior.classes=3"))


def test_a_conditioned_prior_is_told_of_known_pixels(run: Path) -> None:
    loaded = load_run(run)
    train_prior(loaded, settings("prior.conditioned=true", "masking={places: uniform, share: 0.5}"))
    model = load_run(run).model
    assert isinstance(model, VQVAE) and model.prior is not None and model.prior.conditioned
    with torch.no_grad():
        nothing = model.nothing_known(4)
        known = torch.cat([torch.rand(4, 1, 8, 8), torch.ones(4, 1, 8, 8)], 1)
        codes = torch.zeros(4, 2, 2, dtype=torch.int64)
        assert torch.equal(model.log_prior(codes), model.prior.log_prob(codes, condition=nothing))
        assert not torch.equal(model.log_prior(codes), model.prior.log_prob(codes, condition=known))
        assert model.draw_latent(4, condition=known).shape == (4, 3, 2, 2)


def test_a_model_without_codes_needs_no_prior(trained: Path) -> None:
    with pytest.raises(SettingError, match="is no VQ-VAE: it needs no prior to be learned"):
        train_prior(load_run(trained), settings())


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (["prior.layrs=3"], "--set prior.layrs=3: prior has no setting 'layrs'; did you mean layers?"),
        (["prior.layers=0"], "--set prior.layers=0: layers must be 1 or more; it is 0."),
        (["training.passes=0"], "--set training.passes=0: passes must be 1 or more; it is 0."),
        (["prior=3"], "--set prior=3: prior must hold settings, each with its name, not 3."),
        (["seed=-1"], "--set seed=-1: seed must be 0 or more, not -1."),
    ],
)
def test_a_wrong_setting_is_named(changes: list[str], said: str) -> None:
    with pytest.raises(SettingError) as error:
        read_prior_configuration(changes)
    assert str(error.value) == said


def test_a_length_in_steps_or_passes_replaces_the_usual_one() -> None:
    assert read_prior_configuration([]).training.passes == 20
    assert read_prior_configuration(["training.learning_rate=0.01"]).training.passes == 20
    assert read_prior_configuration(["training.steps=7"]).training.passes is None
    assert read_prior_configuration(["training.passes=7"]).training.passes == 7

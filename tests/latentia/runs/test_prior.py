"""The prior of a VQ-VAE's run: learned once, resumed to the bit, and used by that very model alone."""

from __future__ import annotations

import hashlib
import itertools
import json
import logging
import math
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.distributions import Normal

from latentia.data import NpzImages, Split
from latentia.errors import CheckpointError, DataError, OutputError, SettingError
from latentia.evaluation import evaluate_bound
from latentia.models.vq_vae import VQVAE
from latentia.runs import Run, load_run
from latentia.runs.model_file import save_model
from latentia.runs.prior import PriorConfiguration, bits_per_code, read_prior_configuration, train_prior
from latentia.training import Progress
from latentia.uses import sample

SMALL = ("prior.layers=2", "prior.channels=6", "training.steps=6", "training.batch=4", "training.evaluate_steps=3")
THOROUGH = ("training.steps=150", "training.evaluate_steps=50", "training.learning_rate=0.01")


class StoppedError(Exception):
    """In place of a kill."""


def settings(*more: str) -> PriorConfiguration:
    return read_prior_configuration((*SMALL, "training.checkpoint_steps=2", *more))


@pytest.fixture
def run(trained_vq: Path, tmp_path: Path) -> Path:
    """A run of its own for the test."""
    return shutil.copytree(trained_vq, tmp_path / "run")


def model_of(run: Run) -> VQVAE:
    assert isinstance(run.model, VQVAE)
    return run.model


def codes_of(run: Run) -> Tensor:
    """Codes of the training images."""
    model = model_of(run)
    with torch.no_grad():
        codes = model.encode(model.as_values(run.images(Split.TRAIN).tensor(slice(None)))).codes
    assert codes is not None
    return codes


def test_a_run_without_a_prior_cannot_be_sampled_and_one_with_it_can(run: Path) -> None:
    with pytest.raises(SettingError, match="no prior to draw codes from yet: `latentia prior` learns one"):
        sample(load_run(run).model, 2)
    train_prior(load_run(run), settings())
    model = model_of(load_run(run))
    assert model.prior is not None and not model.prior.training
    assert sample(model, 2).images.shape == (1, 2, 1, 8, 8)


def test_a_prior_makes_the_bound_better_by_what_it_knows_of_the_codes(run: Path) -> None:
    loaded = load_run(run)
    model, images = model_of(loaded), loaded.images(Split.TRAIN).tensor(slice(None))
    evenly = evaluate_bound(model, images)
    assert evenly.divergence.flatten().tolist() == pytest.approx([4 * math.log(5)] * len(images))
    train_prior(loaded, settings(*THOROUGH))
    with torch.no_grad():
        codes = codes_of(loaded)
        assert model.prior is not None
        logits = model.prior(codes)
        each = logits.softmax(1).gather(1, codes[:, None]).double().log().flatten(1).sum(1)
        expected = model.decode(model.quantizer.codebook[codes].movedim(-1, 1)).double()
    # −log p(x | z) of a normal distribution of variance ½ in shares of white, whose outer bins reach to infinity.
    edges = torch.arange(257, dtype=torch.float64).sub(0.5).div(255)
    edges[0], edges[-1] = -math.inf, math.inf
    normal = Normal(expected, math.sqrt(0.5))
    pixels = (normal.cdf(edges[images.long() + 1]) - normal.cdf(edges[images.long()])).log().flatten(1).sum(1)
    bound = evaluate_bound(model, images)
    assert bound.elbo.tolist() == pytest.approx((pixels + each).tolist(), rel=1e-5)
    assert torch.equal(bound.log_likelihood, evenly.log_likelihood)
    assert bound.elbo.mean() > evenly.elbo.mean() + 1


def test_the_prior_that_is_kept_is_that_of_the_best_evaluation_and_not_of_the_last(run: Path) -> None:
    loaded = load_run(run)
    longer = ("training.steps=60", "training.evaluate_steps=6", "training.learning_rate=0.1")
    outcome = train_prior(loaded, settings(*longer, "training.average_decay=null"))
    assert outcome.best < len(outcome.history) - 1  # it has learned the 16 training maps by heart
    left, kept = (model_of(one).prior for one in (loaded, load_run(run)))
    assert left is not None and kept is not None
    codes = codes_of(loaded)
    with torch.no_grad():
        assert torch.equal(kept.log_prob(codes), left.log_prob(codes))


def test_without_a_prior_a_code_costs_as_much_as_naming_a_vector_of_the_codebook(run: Path) -> None:
    loaded = load_run(run)
    bits = bits_per_code(model_of(loaded), loaded.images(Split.TEST), batch=3)
    assert bits.shape == (4,) and torch.allclose(bits, torch.tensor(5.0).log2().double())


@pytest.mark.parametrize("kind", [(), ("prior.classes=3",), ("prior.conditioned=true", "prior.dropout=0.3")])
def test_a_stopped_prior_goes_on_to_the_same_weights(kind: tuple[str, ...], run: Path, tmp_path: Path) -> None:
    whole = shutil.copytree(run, tmp_path / "whole")
    train_prior(load_run(whole), settings(*kind))

    def stop(progress: Progress) -> None:
        if progress.run_step == 5 and progress.evaluation is None:
            raise StoppedError

    with pytest.raises(StoppedError):
        train_prior(load_run(run), settings(*kind), on_progress=stop)
    train_prior(load_run(run), settings(*kind), resume=True)
    for file in ("model.safetensors", "checkpoint.safetensors"):  # the best weights, and the last ones too
        one, other = (load_file(folder / "prior" / file) for folder in (run, whole))
        assert one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in other)


def test_a_second_prior_and_other_settings_are_refused(run: Path) -> None:
    train_prior(load_run(run), settings())
    with pytest.raises(SettingError, match="holds a prior already; go on with it by --resume"):
        train_prior(load_run(run), settings())
    told = f"The prior in {run / 'prior'} cannot go on with other settings: prior.channels was 6 and is now 7."
    with pytest.raises(SettingError, match=re.escape(told)):
        train_prior(load_run(run), settings("prior.channels=7"), resume=True)


def test_a_prior_of_images_that_lie_elsewhere_goes_on_and_one_of_others_does_not(run: Path, tmp_path: Path) -> None:
    train_prior(load_run(run), settings())
    source = load_run(run).configuration.data
    assert isinstance(source, NpzImages)
    with np.load(source.file) as loaded:
        arrays = dict(loaded)
    np.savez(tmp_path / "moved.npz", **arrays)
    np.savez(tmp_path / "others.npz", **{**arrays, "images": arrays["images"][::-1]})
    train_prior(load_run(run, (f"data.file={tmp_path / 'moved.npz'}",)), settings(), resume=True)
    with pytest.raises(SettingError, match="was begun on other data"):
        train_prior(load_run(run, (f"data.file={tmp_path / 'others.npz'}",)), settings(), resume=True)


@pytest.mark.parametrize("wrong", ["training.batch=17", "training.accelerator=mps", "prior.classes=2"])
def test_a_prior_that_cannot_be_learned_leaves_nothing_in_the_way_of_another(wrong: str, run: Path) -> None:
    with pytest.raises(SettingError):
        train_prior(load_run(run), settings(wrong))
    assert not (run / "prior").exists()
    train_prior(load_run(run), settings())


def test_a_prior_that_goes_on_keeps_the_record_of_its_beginning(run: Path) -> None:
    train_prior(load_run(run), settings())
    before = (run / "prior" / "record.json").read_bytes()
    record, of_run = json.loads(before), json.loads((run / "record.json").read_bytes())
    assert record["data_sha256"].pop("model") == hashlib.sha256((run / "model.safetensors").read_bytes()).hexdigest()
    assert record["data_sha256"] == of_run["data_sha256"]
    assert record["config"]["prior"]["channels"] == 6
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
    model_of(later).prior = None
    save_model(later.model, later.configuration.model, later.folder.model)
    with caplog.at_level(logging.WARNING):
        loaded = load_run(run)
    assert model_of(loaded).prior is None
    assert told_of(run, f"The prior in {run / 'prior'} is of an earlier model.") in caplog.text
    for resume in (False, True):
        with pytest.raises(SettingError, match="of an earlier model; to learn it anew, delete that folder"):
            train_prior(loaded, settings(), resume=resume)


def told_of(run: Path, problem: str) -> str:
    return f"{problem} It is left out; to learn it anew, delete the folder {run / 'prior'}."


def test_a_damaged_prior_is_left_out_with_a_warning(run: Path, caplog: pytest.LogCaptureFixture) -> None:
    train_prior(load_run(run), settings())
    path = run / "prior" / "model.safetensors"
    with safe_open(path, "pt") as opened:
        metadata = opened.metadata()
    weights = load_file(path)

    def left_out(problem: str) -> None:
        caplog.clear()
        with caplog.at_level(logging.WARNING):
            assert model_of(load_run(run)).prior is None
        assert told_of(run, problem) in caplog.text

    for other in ('{"layers": 2, "channels": 5}', '{"layers": 0}', "nothing"):
        save_file(weights, path, {**metadata, "prior": other})
        left_out(f"{path} does not hold the weights that its description asks for.")
    path.write_bytes(b"nothing")
    left_out(f"{path} cannot be read as a prior: it is no safetensors file, or damaged.")
    shutil.copy(run / "model.safetensors", path)
    left_out(f"{path} is not a prior of this version of latentia: wanted latentia-prior-1, got latentia-model-1.")


def test_a_model_with_a_prior_is_saved_without_it(run: Path) -> None:
    train_prior(load_run(run), settings())
    loaded = load_run(run)
    model, before = model_of(loaded), load_file(run / "model.safetensors")
    assert model.prior is not None
    save_model(model, loaded.configuration.model, loaded.folder.model)
    after = load_file(run / "model.safetensors")
    assert model.prior is not None
    assert list(after) == list(before)
    assert all(torch.equal(after[name], before[name]) for name in before)
    assert isinstance(load_run(run).model, VQVAE)


def test_a_prior_can_be_made_longer(run: Path) -> None:
    train_prior(load_run(run), settings())
    before = json.loads((run / "prior" / "record.json").read_bytes())
    outcome = train_prior(load_run(run), settings("training.steps=9"), resume=True)
    assert outcome.steps == 9
    after = json.loads((run / "prior" / "record.json").read_bytes())
    assert after["config"]["training"]["steps"] == 9
    assert len(after.pop("resumed")) == 1
    assert {**after, "config": before["config"]} == before


def test_a_prior_of_classes_is_averaged_over_them(run: Path) -> None:
    loaded = load_run(run)
    train_prior(loaded, settings("prior.classes=3"))
    model = model_of(loaded)
    assert model.prior is not None
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

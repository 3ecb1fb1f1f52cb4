"""`latentia prior`, as a person would type it."""

from __future__ import annotations

import json
import math
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml

from latentia.data import NpzImages, Split
from latentia.models.vq_vae import VQVAE
from latentia.runs import load_run
from latentia.runs.model_file import save_model
from latentia.runs.prior import read_prior_configuration, train_prior

from .conftest import Latentia

SMALL = ("prior.layers=2", "prior.channels=4", "training.steps=4", "training.batch=4")


NO_PRIOR = "latentia: This VQ-VAE has no prior to draw codes from yet: `latentia prior` learns one.\n"
WORDS = tuple(word for change in SMALL for word in ("--set", change))


@pytest.fixture
def vq(trained_vq: Path, tmp_path: Path) -> Path:
    """A VQ-VAE's run of its own for the test, without a prior."""
    return shutil.copytree(trained_vq, tmp_path / "vq")


@pytest.fixture(scope="module")
def labelled(trained_vq: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with a prior of the three classes and of known pixels; whoever writes to it takes a copy."""
    folder = shutil.copytree(trained_vq, tmp_path_factory.mktemp("labelled") / "run")
    # Long enough for the classes to make a difference.
    longer = ("training.steps=40", "training.learning_rate=0.03", "training.average_decay=null")
    changes = (*SMALL, *longer, "prior.classes=3", "prior.conditioned=true")
    train_prior(load_run(folder), read_prior_configuration(changes))
    return folder


def test_a_vq_vae_is_trained_given_a_prior_and_sampled(
    latentia: Latentia, config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    values = yaml.safe_load(config.read_text(encoding="utf-8"))
    values["model"] = {"kind": "vq_vae", "embeddings": 5, "embedding_size": 3, "widths": [4, 6]}
    config.write_text(yaml.safe_dump(values), encoding="utf-8")
    run = tmp_path / "run"
    assert latentia("train", config, "--out", run) == 0
    assert latentia("sample", run) == 2
    assert capsys.readouterr().err == NO_PRIOR
    assert latentia("prior", run, *WORDS) == 0
    assert "bits per code, at step 4." in capsys.readouterr().out
    assert latentia("sample", run) == 0
    assert latentia("reconstruct", run, "--images", "0,1") == 0
    assert latentia("interpolate", run, "--images", "0,1,2,3", "--layer", "1") == 0
    assert latentia("prior", run) == 2
    assert "holds a prior already" in capsys.readouterr().err
    assert latentia("prior", run, *WORDS, "--resume") == 0


def test_a_run_of_another_kind_and_a_misspelt_setting_are_one_sentence(
    latentia: Latentia, run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert latentia("prior", run) == 2
    assert "is no VQ-VAE: it needs no prior to be learned." in capsys.readouterr().err
    assert latentia("prior", run, "--set", "prior.layrs=3") == 2
    assert "did you mean layers?" in capsys.readouterr().err
    assert not (run / "prior").exists()


@pytest.mark.parametrize("words", [("sample",), ("neighbourhood", "--kept-layers", "0"), ("impute", "--images", "0")])
def test_nothing_is_drawn_without_a_prior(
    words: tuple[str, ...], latentia: Latentia, vq: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command, *others = words
    assert latentia(command, vq, *others) == 2
    assert capsys.readouterr().err == NO_PRIOR


@pytest.mark.parametrize("kind", [(), ("--set", "prior.classes=3"), ("--set", "prior.conditioned=true")])
def test_a_run_with_a_prior_of_any_kind_can_do_all_that_others_can(
    kind: tuple[str, ...], latentia: Latentia, vq: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert latentia("prior", vq, *WORDS, *kind) == 0
    for command, *words in (
        ("sample", "--count", "2"),
        ("evaluate", "--neighbours", "1"),
        ("interpolate", "--images", "0,1"),
        ("neighbourhood", "--kept-layers", "0,1"),
        ("reconstruct", "--images", "0,1"),
        ("impute", "--images", "0,1", "--samples", "2"),
    ):
        assert latentia(command, vq, *words) == 0, capsys.readouterr().err


def test_an_interruption_says_how_to_go_on_and_so_it_does(
    latentia: Latentia, vq: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from latentia.training import loop

    save = loop.save_checkpoint

    def save_and_interrupt(*arguments: Any, **settings: Any) -> None:
        save(*arguments, **settings)
        raise KeyboardInterrupt

    words = (*WORDS, "--set", "training.checkpoint_steps=2")
    with monkeypatch.context() as patched:
        patched.setattr(loop, "save_checkpoint", save_and_interrupt)
        assert latentia("prior", vq, *words) == 130
    assert capsys.readouterr().err == "latentia: Interrupted. The same command with --resume goes on.\n"
    assert latentia("prior", vq, *words) == 2
    assert "holds a prior already; go on with it by --resume" in " ".join(capsys.readouterr().err.split())
    assert latentia("prior", vq, *words, "--resume") == 0


def test_where_the_data_are_now_is_said_among_the_settings(
    latentia: Latentia, vq: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = load_run(vq).configuration.data
    assert isinstance(data, NpzImages)
    shutil.copy(data.file, tmp_path / "moved.npz")
    text = (vq / "config.yaml").read_text(encoding="utf-8")
    (vq / "config.yaml").write_text(text.replace("images.npz", "gone.npz"), encoding="utf-8")
    assert latentia("prior", vq, *WORDS) == 2
    assert "gone.npz" in capsys.readouterr().err
    assert latentia("prior", vq, *WORDS, "--set", "data.file=moved.npz") == 0


def test_an_evaluation_says_what_the_prior_gives_beside_the_size_of_the_codebook(
    latentia: Latentia, labelled: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert latentia("evaluate", labelled, "--batch", "3", "--out", "with") == 0
    said = capsys.readouterr().out
    found = json.loads(Path("with/tasks-test.json").read_text(encoding="utf-8"))["bits_per_code"]
    run = load_run(labelled)
    assert isinstance(run.model, VQVAE)
    with torch.no_grad():
        nats = -run.model.infer(run.images(Split.TEST).tensor(slice(None))).log_prior.double()
    assert found["mean"] == pytest.approx(float(nats.mean()) / 4 / math.log(2), rel=1e-5)
    assert found["standard_error"] == pytest.approx(float(nats.std()) / 2 / 4 / math.log(2), rel=1e-4)
    assert f"│ bits per code by the prior, {math.log2(5):.4g} without" in said
    assert f" {found['mean']:.4g} │" in said
    without = shutil.copytree(labelled, Path("without"))
    shutil.rmtree(without / "prior")
    assert latentia("evaluate", without) == 0
    assert "bits per code" not in capsys.readouterr().out


def test_known_pixels_and_classes_go_with_every_use(latentia: Latentia, labelled: Path) -> None:
    assert latentia("sample", labelled, "--out", "out") == 0
    assert latentia("impute", labelled, "--images", "0,3", "--samples", "2", "--out", "out") == 0
    with np.load("out/imputation.npz") as loaded:
        assert loaded["from_pixels"].shape == (2, 2, 1, 8, 8)


def test_a_prior_of_an_earlier_model_is_told_and_left_out(
    latentia: Latentia, labelled: Path, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    copy = shutil.copytree(labelled, Path("copy"))
    later = load_run(copy)
    assert isinstance(later.model, VQVAE)
    later.model.prior = None
    with torch.no_grad():
        later.model.quantizer.codebook.mul_(2)
    save_model(later.model, later.configuration.model, later.folder.model)
    assert latentia("reconstruct", copy, "--images", "0,1") == 0
    assert (
        "The prior in copy/prior is of an earlier model. It is left out; to learn it anew, delete the folder copy/prior"
        in caplog.text
    )
    assert latentia("sample", copy) == 2
    assert "no prior to draw codes from yet" in capsys.readouterr().err


def test_a_damaged_prior_stops_what_needs_one_alone(
    latentia: Latentia, labelled: Path, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    copy = shutil.copytree(labelled, Path("copy"))
    (copy / "prior" / "model.safetensors").write_bytes(b"nothing")
    assert latentia("reconstruct", copy, "--images", "0,1") == 0
    assert "cannot be read as a prior: it is no safetensors file, or damaged. It is left out;" in caplog.text
    capsys.readouterr()
    assert latentia("sample", copy) == 2
    assert "no prior to draw codes from yet" in capsys.readouterr().err


def test_samples_can_be_of_one_class(latentia: Latentia, labelled: Path, tmp_path: Path) -> None:
    for label in (0, 2):
        assert latentia("sample", labelled, "--label", label, "--temperatures", "0,1", "--out", "out") == 0
    found = [np.load(tmp_path / "out" / f"samples-of-class-{label}.npz")["images"] for label in (0, 2)]
    model = load_run(labelled).model
    assert isinstance(model, VQVAE) and model.prior is not None
    for label, images in zip((0, 2), found, strict=True):
        assert images.shape == (2, 8, 1, 8, 8)
        labels = torch.full((1,), label)
        codes = model.prior.sample(1, labels=labels, condition=model.nothing_known(1), temperature=0.0)
        with torch.no_grad():
            wanted = model.distribution(model.decode(model.quantizer.look_up(codes))).representative
        assert (images[0] == wanted.numpy()).all()  # at temperature 0 a class has one most probable map
    assert (found[0][1] != found[1][1]).any()


@pytest.mark.parametrize("label", ["3", "-1"])
def test_a_class_that_the_prior_does_not_have_is_one_sentence(
    label: str, latentia: Latentia, labelled: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert latentia("sample", labelled, f"--label={label}", "--out", "out") == 2
    assert capsys.readouterr().err == f"latentia: The prior has classes 0 to 2, and no class {label}.\n"
    assert not Path("out").exists()


def test_a_model_without_classes_has_no_samples_of_one(
    latentia: Latentia, run: Path, labelled: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    without = shutil.copytree(labelled, Path("without"))
    shutil.rmtree(without / "prior")
    train_prior(load_run(without), read_prior_configuration(SMALL))
    for one in (run, without):
        assert latentia("sample", one, "--label", "1") == 2
        printed = capsys.readouterr().err
        assert printed.startswith(f"latentia: --label 1: the model of {one} has no prior of classes;")
        assert printed.count("\n") == 1

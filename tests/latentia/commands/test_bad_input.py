"""Whatever is wrong with what a user gives: one sentence, exit code 2, and no file touched."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from .conftest import Latentia, Snapshot


def images(folder: Path, shape: tuple[int, ...]) -> None:
    folder.mkdir()
    for number in range(14):
        Image.fromarray(np.full(shape, number, np.uint8)).save(folder / f"{number}.png")


OTHER_IMAGES: dict[str, tuple[tuple[int, ...] | None, tuple[str, ...], str]] = {
    "size": ((8, 10), (), "is for images of 1×8×8 with 8 bits; other has 1×8×10 with 8 bits."),
    "channels": ((8, 8, 3), (), "is for images of 1×8×8 with 8 bits; other has 3×8×8 with 8 bits."),
    "bit depth": ((8, 8), ("--set", "data.bits=5"), "is for images of 1×8×8 with 8 bits; other has 1×8×8 with 5 bits."),
    "no folder": (None, (), "There is no folder"),
    "too few images": ((8, 8), ("--set", "data.test=99"), "14"),
}


@pytest.mark.parametrize("case", OTHER_IMAGES)
@pytest.mark.parametrize("command", ["evaluate", "reconstruct", "interpolate", "neighbourhood"])
def test_images_that_the_model_is_not_for_are_one_sentence(
    case: str, command: str, latentia: Latentia, run: Path, tmp_path: Path, everything: Snapshot,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    shape, words, said = OTHER_IMAGES[case]
    if shape:
        images(tmp_path / "other", shape)
    before = everything()
    assert latentia(command, run, "--set", f"data.folder={tmp_path / 'other'}", *words) == 2
    printed = capsys.readouterr()
    assert printed.err.startswith("latentia: ") and printed.err.count("\n") == 1 and said in printed.err
    assert printed.out == ""
    assert everything() == before


def spindle_training(run: Path) -> None:
    (run / "config.yaml").unlink()


def of_another_program(run: Path) -> None:
    save_file({"weight": torch.zeros(2)}, run / "model.safetensors", {"format": "spindle-model"})


def misspelt(run: Path) -> None:
    path = run / "config.yaml"
    path.write_text(path.read_text(encoding="utf-8").replace("channels: 4", "chanels: 4", 1), encoding="utf-8")


BAD_RUNS: dict[str, tuple[Callable[[Path], object], str]] = {
    "of spindle": (spindle_training, "is no run of latentia: it has no config.yaml."),
    "model of another program": (of_another_program, "is not a model of this version of latentia"),
    "without a model": (lambda run: (run / "model.safetensors").unlink(), "has no model yet"),
    "damaged model": (lambda run: (run / "model.safetensors").write_bytes(b"0" * 99), "cannot be read as a model"),
    "damaged configuration": (lambda run: (run / "config.yaml").write_text("{["), "config.yaml: there is no YAML"),
    "misspelt configuration": (misspelt, "model has no setting 'chanels'; did you mean channels?"),
}


@pytest.mark.parametrize("case", BAD_RUNS)
@pytest.mark.parametrize("command", ["evaluate", "sample"])
def test_a_folder_that_holds_no_run_is_one_sentence(
    case: str, command: str, latentia: Latentia, run: Path, everything: Snapshot, capsys: pytest.CaptureFixture[str]
) -> None:
    spoil, said = BAD_RUNS[case]
    spoil(run)
    before = everything()
    assert latentia(command, run) == 2
    printed = capsys.readouterr().err
    assert printed.startswith("latentia: ") and printed.count("\n") == 1 and said in printed
    assert everything() == before


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--set", "model.chanels=8"), "--set model.chanels=8: model has no setting 'chanels'; did you mean channels?"),
        (("--set", "data.folder=nowhere"), "There is no folder"),
        (
            ("--set", "training.batch=1000"),
            "batch must be 1 to 16, because squares has 16 training images; it is 1000.",
        ),
        (("--set", "training.micro_batches=3"), "batch must be a multiple of micro_batches; they are 4 and 3."),
        (("--set", "model.observation=bernoulli"), "Bernoulli pixels are of 1 bit; these images have 8."),
        (("--out", "run"), "run holds a training already; go on with it by --resume"),
        (("--out", "run", "--resume", "--set", "model.channels=6"), "model.channels was 4 and is now 6."),
        (("--out", "run", "--resume", "--set", "model={kind: gaussian_vae}"), "model.kind was ladder_vae and is now"),
        (("--out", "tiny.yaml"), "The output folder tiny.yaml is a file."),
    ],
)
def test_a_training_that_cannot_begin_is_one_sentence(
    words: tuple[str, ...], said: str, latentia: Latentia, config: Path, run: Path, everything: Snapshot,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    before = everything()
    assert latentia("train", config, *words) == 2
    printed = capsys.readouterr()
    assert printed.err.startswith("latentia: ") and printed.err.count("\n") == 1 and said in printed.err
    assert printed.out == ""
    assert everything() == before


def test_a_checkpoint_of_another_model_is_one_sentence(
    latentia: Latentia, run: Path, everything: Snapshot, capsys: pytest.CaptureFixture[str]
) -> None:
    assert latentia("train", run / "config.yaml", "--out", "other", "--set", "model.channels=6", "--no-pictures") == 0
    (run / "checkpoint.safetensors").write_bytes(Path("other/checkpoint.safetensors").read_bytes())
    capsys.readouterr()
    before = everything()
    assert latentia("train", run / "config.yaml", "--out", run, "--resume") == 2
    printed = capsys.readouterr()
    assert "is not of this model and optimizer" in printed.err and printed.err.count("\n") == 1
    assert everything() == before


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("sample", "--temperatures", "-1"), "A temperature is a number from 0 up, not -1.0."),
        (("sample", "--count", "0"), "--count must be 1 or more, not 0."),
        (("interpolate", "--layer", "3"), "The model has 2 layers, of which 1 to 2 can be named, not 3."),
        (("interpolate", "--images", "-1,0"), "8 images in its split 'test', counted from 0; there is no image -1."),
        (("neighbourhood", "--kept-layers", "5"), "The model has 2 layers, of which 0 to 2 can be named, not 5."),
        (("neighbourhood", "--image", "8"), "8 images in its split 'test', counted from 0; there is no image 8."),
        (("evaluate", "--images", "9"), "squares has 8 images in its split 'test', not 9."),
        (("evaluate", "--draws", "0"), "--draws must be 1 or more, not 0."),
        (("evaluate", "--neighbours", "17"), "17 neighbours are wanted; there are 16 candidates."),
        (("sample", "--set", "training.steps=3"), "only settings of the data can be changed, not training.steps=3."),
        (("sample", "--out", "run/config.yaml"), "The output folder run/config.yaml is a file."),
    ],
)
def test_a_wish_that_cannot_be_met_is_one_sentence(
    words: tuple[str, ...], said: str, latentia: Latentia, run: Path, everything: Snapshot,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    before = everything()
    command, *rest = words
    assert latentia(command, run, *rest) == 2
    printed = capsys.readouterr()
    assert printed.err.startswith("latentia: ") and printed.err.count("\n") == 1 and said in printed.err
    assert printed.out == ""
    assert everything() == before


def test_a_training_that_stays_not_finite_stops_with_the_last_good_checkpoint(
    latentia: Latentia, config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # A learning rate that throws the weights beyond float32 at once.
    words = ("--set", "training.learning_rate=1", "--set", "training.steps=4000", "--set", "training.bad_steps=2")
    code = latentia("train", config, *words, "--set", "training.evaluate_steps=4000", "--no-pictures")
    said = capsys.readouterr().err
    assert code == 2 and "had a loss or a gradient that is not finite" in said and said.count("\n") == 1
    assert json.loads(Path("runs/tiny/record.json").read_text(encoding="utf-8"))["seed"] == 0

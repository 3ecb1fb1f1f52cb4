"""Small images, sentences and clips, configurations that train on them in a second, and runs that have done so."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

from latentia.runs import configuration_of, read_configuration, train

Settings = dict[str, dict[str, object]]


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """28 grey images of 8×8: bright squares on noise."""
    folder = tmp_path_factory.mktemp("data") / "squares"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for number in range(28):
        image = rng.integers(0, 60, (8, 8), dtype=np.uint8)
        top, left = rng.integers(0, 5, 2)
        image[top : top + 3, left : left + 3] += 180
        Image.fromarray(image).save(folder / f"{number:02d}.png")
    return folder


@pytest.fixture(scope="session")
def settings(pictures: Path) -> Callable[[], Settings]:
    """Make the values of a configuration that trains in a second."""

    def values() -> Settings:
        return {
            "data": {"set": "image_folder", "folder": str(pictures), "validation": 4, "test": 8},
            "model": {
                "kind": "ladder_vae",
                "layers": [1, 1],
                "channels": 4,
                "latent_channels": 2,
                "flow_channels": 0,
                "components": 2,
            },
            "training": {"steps": 8, "batch": 4, "evaluate_steps": 4, "checkpoint_steps": 3, "accelerator": "cpu"},
        }

    return values


@pytest.fixture
def config(tmp_path: Path, settings: Callable[[], Settings]) -> Path:
    """The same as a file, tiny.yaml."""
    path = tmp_path / "tiny.yaml"
    path.write_text(yaml.safe_dump(settings()), encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory, settings: Callable[[], Settings]) -> Path:
    """The folder of a finished run; whoever writes to it takes a copy."""
    folder = tmp_path_factory.mktemp("runs")
    path = folder / "tiny.yaml"
    path.write_text(yaml.safe_dump(settings()), encoding="utf-8")
    train(read_configuration(str(path)), folder / "tiny")
    return folder / "tiny"


@pytest.fixture(scope="session")
def trained_vq(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run of a VQ-VAE with 5 codes, of 24 images of 8×8 in three classes, which are told by their brightness."""
    folder = tmp_path_factory.mktemp("runs")
    rng = np.random.default_rng(0)
    labels = np.arange(24) % 3
    images = (rng.integers(0, 60, (24, 8, 8)) + 60 * labels[:, None, None]).astype(np.uint8)
    np.savez(folder / "images.npz", images=images, labels=labels)
    values = {
        "data": {"set": "npz", "file": str(folder / "images.npz"), "labels": "labels", "validation": 4, "test": 4},
        "model": {
            "kind": "vq_vae",
            "embeddings": 5,
            "embedding_size": 3,
            "widths": [4, 6],
            "codebook_decay": 0.8,
            "revive_below": 0.5,
            "decoders": "single",
        },
        "training": {
            "steps": 20,
            "batch": 4,
            "learning_rate": 0.003,
            "accelerator": "cpu",
            "masking": {"exponent": 20.0},
        },
    }
    train(configuration_of(values, "tiny VQ-VAE"), folder / "vq")
    return folder / "vq"


WHO, WHAT = ("a cat", "the cat", "a dog", "the dog", "the old bird"), ("sat", "ran", "saw the cat", "sang to a dog")


@pytest.fixture(scope="session")
def sentences(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """40 sentences of 11 words, and two empty lines."""
    path = tmp_path_factory.mktemp("data") / "pets.txt"
    lines = [f"{who} {what}" for what in WHAT for who in WHO] * 2
    lines[3:3] = ["", "  "]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def sentence_settings(sentences: Path) -> Callable[[], Settings]:
    """Make the values of a configuration of sentences that trains in a second."""

    def values() -> Settings:
        return {
            "data": {"set": "text", "train": str(sentences), "validation": 6, "test": 6},
            "model": {
                "kind": "recurrent_vae",
                "hidden": 8,
                "latent_size": 3,
                "features": 6,
                "forcing": {"kind": "dynamic_word_dropout", "hidden": 4},
            },
            "training": {"steps": 6, "batch": 4, "evaluate_steps": 3, "checkpoint_steps": 2, "accelerator": "cpu"},
        }

    return values


@pytest.fixture
def sentence_config(tmp_path: Path, sentence_settings: Callable[[], Settings]) -> Path:
    """The same as a file, pets.yaml."""
    path = tmp_path / "pets.yaml"
    path.write_text(yaml.safe_dump(sentence_settings()), encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def trained_on_sentences(tmp_path_factory: pytest.TempPathFactory, sentence_settings: Callable[[], Settings]) -> Path:
    """The folder of a finished run of sentences; whoever writes to it takes a copy."""
    folder = tmp_path_factory.mktemp("runs")
    train(configuration_of(sentence_settings(), "pets"), folder / "pets")
    return folder / "pets"


@pytest.fixture(scope="session")
def trained_on_clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a finished run of simulated balls: 5 frames of 1×12×12 with 1 bit."""
    folder = tmp_path_factory.mktemp("runs")
    values = {
        "data": {"set": "bouncing_balls", "train": 8, "validation": 7, "test": 9, "frames": 5, "size": 12},
        "model": {"kind": "recurrent_vae", "hidden": 8, "latent_size": 3, "features": 6, "observation": "bernoulli"},
        "training": {"steps": 2, "batch": 4, "annealing": "none", "accelerator": "cpu"},
    }
    train(configuration_of(values, "balls"), folder / "balls")
    return folder / "balls"

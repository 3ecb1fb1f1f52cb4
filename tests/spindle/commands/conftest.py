"""A mouse, a model that knows nothing, and `spindle` as a person would type it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.spindle.density.epochs import untrained

from spindle.classifier import EpochClassifier, initialise
from spindle.cli import main
from spindle.density import save_density
from spindle.edf import write_edf
from spindle.hypnogram import Hypnogram
from spindle.labels import write_published_labels
from spindle.model_file import ModelCard, SpindleModel, save_model
from spindle.recording import Channel
from spindle.spectrogram import RowChoice

EPOCHS = 30

Spindle = Callable[..., int]
Snapshot = Callable[[], dict[str, bytes | None]]


@pytest.fixture
def spindle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Spindle:
    """Type a command in an empty folder; what comes back is the exit code."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "120")
    return lambda *words: main([str(word) for word in words])


@pytest.fixture
def everything(tmp_path: Path) -> Snapshot:
    """All files below the folder with their content, and the folders."""

    def look() -> dict[str, bytes | None]:
        paths = sorted(tmp_path.rglob("*"))
        return {str(path): path.read_bytes() if path.is_file() else None for path in paths}

    return look


@pytest.fixture(scope="session")
def model_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model with random weights: what is tested with it holds for every model."""
    networks = []
    for classes in (3, 2):
        network = EpochClassifier(classes)
        initialise(network, torch.Generator().manual_seed(classes))
        networks.append(network)
    card = ModelCard(name="untrained", created="", commit="", data="none")
    path = tmp_path_factory.mktemp("model") / "untrained.safetensors"
    save_model(SpindleModel(stage=networks[0], artifact=networks[1], rows=RowChoice.NARROW, card=card), path)
    return path


@pytest.fixture(scope="session")
def density_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A density with first weights and a threshold in the middle of what it gives."""
    path = tmp_path_factory.mktemp("density") / "density.safetensors"
    save_density(untrained(threshold_nats=-6.5), path)
    return path


def signals(labels: tuple[str, ...], *, epochs: int = EPOCHS, rate_hz: float = 128.0, seed: int = 0) -> list[Channel]:
    """Noise, with a slow swell so that no two epochs look the same."""
    rng = np.random.default_rng(seed)
    samples = round(epochs * 4 * rate_hz)
    swell = 1 + np.sin(np.arange(samples) / samples * 20)
    return [Channel.from_array(label, 50 * swell * rng.normal(size=samples), rate_hz) for label in labels]


def codes(epochs: int = EPOCHS) -> np.ndarray:
    """Bouts of all states."""
    return (np.arange(epochs) // 5 % 3).astype(np.int8)


@pytest.fixture
def mouse(tmp_path: Path) -> Path:
    """mouse07.edf: two minutes of EEG1, EEG2 and EMG."""
    path = tmp_path / "mouse07.edf"
    write_edf(path, signals(("EEG1", "EEG2", "EMG")))
    return path


@pytest.fixture
def labels(mouse: Path) -> Path:
    """The labels of two experts beside it; the second differs in one epoch and marks another as an artifact."""
    first, second = codes(), codes()
    second[3] = 1
    flags = np.zeros((2, EPOCHS), dtype=bool)
    flags[:, 20] = True
    flags[1, 21] = True
    path = mouse.with_name("mouse07_labels.csv")
    experts = (Hypnogram(codes=first, artifact=flags[0]), Hypnogram(codes=second, artifact=flags[1]))
    write_published_labels(path, experts)
    return path

"""Labelled recordings and untrained densities for tests."""

from __future__ import annotations

from typing import Any

import numpy as np

from latentia.randomness import seeded
from spindle.density import SIZES, Calibration, DensityModel
from spindle.density.images import FORMAT
from spindle.hypnogram import Hypnogram
from spindle.model_file import ModelCard
from spindle.spectrogram import FRAMES_PER_EPOCH, RowChoice, TimeFrequency
from spindle.training_set import LabelledRecording

CARD = ModelCard(name="density of two mice", created="2024-01-01", commit="abc", data="none", figures={"a": 0.5})


def time_frequency(
    epochs: int, seed: int, *, artifact: np.ndarray | None = None, rows: RowChoice = RowChoice.NARROW
) -> TimeFrequency:
    """Smooth rows where an epoch is clean, and loud noise where it is an artifact."""
    rng = np.random.default_rng(seed)
    spoiled = np.repeat(np.zeros(epochs) if artifact is None else artifact, FRAMES_PER_EPOCH)
    eeg = 0.3 * rng.normal(size=(2, len(spoiled), 24)) + np.linspace(-1, 1, 24)
    eeg += spoiled[:, None] * rng.choice([-5, 5], size=eeg.shape)
    emg = 0.3 * rng.normal(size=len(spoiled)) + 4 * spoiled
    return TimeFrequency(
        eeg=eeg.astype(np.float32),
        emg=emg.astype(np.float32),
        usable=np.ones(epochs, dtype=bool),
        rows=rows,
        centre=np.zeros(24, dtype=np.float32),
        scale=np.ones(24, dtype=np.float32),
    )


def recording(seed: int, *, epochs: int = 40, artifacts: bool = True) -> LabelledRecording:
    """Artifacts in a few runs of three epochs."""
    marked = np.zeros(epochs, dtype=bool)
    if artifacts:
        for start in range(5, epochs - 3, 17):
            marked[start : start + 3] = True
    return LabelledRecording(
        name=f"mouse{seed}",
        time_frequency=time_frequency(epochs, seed, artifact=marked),
        hypnograms=(Hypnogram(codes=np.ones(epochs, dtype=np.int8), artifact=marked),),
    )


def calibration(top: int, **changes: Any) -> Calibration:
    fields: dict[str, Any] = {
        "top": top,
        "threshold_nats": -5.5,
        "slope": 8.0,
        "precision": 0.8,
        "recall": 0.7,
        "agreement": 0.6,
        "average_precision": 0.75,
        "area_under_roc": 0.9,
        "curve": ((-5.0, 0.5, 1.0), (-6.0, 1.0, 0.25)),
    }
    return Calibration(**{**fields, **changes})


def untrained(rows: RowChoice = RowChoice.NARROW, **changes: Any) -> DensityModel:
    """A density with first weights; `changes` are of its calibrations."""
    with seeded(1):
        network = SIZES["small"].build(FORMAT)
    calibrations = tuple(calibration(top, **changes) for top in range(1, len(network.latent_shapes) + 1))
    return DensityModel(network=network.eval(), config=SIZES["small"], rows=rows, calibrations=calibrations, card=CARD)

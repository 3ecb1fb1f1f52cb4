"""Density files: weights, thresholds and card in one safetensors file. No file from a stranger can run code."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

from latentia.errors import CheckpointError, LatentiaError, OutputError
from latentia.models.ladder_vae import LadderVAEConfig
from latentia.randomness import seeded
from latentia.runs.model_file import read_weights, write_weights
from latentia.runs.settings import plain, read
from spindle.density.detector import DensityModel
from spindle.density.images import FORMAT, REACH
from spindle.density.threshold import Calibration
from spindle.errors import ModelError
from spindle.model_file import ModelCard, read_card
from spindle.spectrogram import RowChoice

KIND = "spindle-density-1"
"""What the files say they are; the number is the version."""


def save_density(model: DensityModel, path: Path) -> None:
    """Write a density with all that scoring needs. Errors: OutputError where `path` cannot be written."""
    metadata = {
        "model": json.dumps(plain(model.config)),
        "rows": model.rows.value,
        "reach": repr(REACH),
        "calibrations": json.dumps([asdict(one) for one in model.calibrations]),
        "card": json.dumps(asdict(model.card)),
    }
    try:
        write_weights(model.network, path, KIND, metadata)
    except OSError as error:
        raise OutputError(f"The density cannot be written to {path}: {error.strerror or error}.") from error


def load_density(path: Path) -> DensityModel:
    """Read a density, in evaluation mode. Errors: ModelError where it is missing, damaged, or no density."""
    try:
        metadata, weights = read_weights(path, KIND, "SPINDLE density")
    except CheckpointError as error:
        raise ModelError(str(error)) from error
    try:
        config: LadderVAEConfig = read(LadderVAEConfig, json.loads(metadata["model"]), "model")
        reach = float(metadata["reach"])
        rows = RowChoice(metadata["rows"])
        card: ModelCard = read_card(json.loads(metadata["card"]))
        calibrations = tuple(_calibration(one) for one in json.loads(metadata["calibrations"]))
        with seeded(0):  # the first weights, which are replaced, shall not move the caller's random state
            network = config.build(FORMAT)
        network.load_state_dict(dict(weights))
    except (KeyError, TypeError, ValueError, AttributeError, RuntimeError, LatentiaError) as error:
        raise ModelError(f"{path.name} is a damaged SPINDLE density: its description does not fit it.") from error
    if reach != REACH:
        raise ModelError(f"{path.name} cuts power off at ±{reach:g}; this version of SPINDLE does at ±{REACH:g}.")
    if [one.top for one in calibrations] != list(range(1, len(network.latent_shapes) + 1)):
        raise ModelError(f"{path.name} is a damaged SPINDLE density: it has not one threshold for each of its layers.")
    return DensityModel(network=network.eval(), config=config, rows=rows, calibrations=calibrations, card=card)


def _calibration(fields: dict[str, object]) -> Calibration:
    found: Calibration = read(Calibration, fields, "calibration")
    if any(len(point) != 3 for point in found.curve):
        raise ValueError("a point of the curve has three numbers")
    return found

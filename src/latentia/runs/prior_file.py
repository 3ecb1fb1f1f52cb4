"""The prior of a VQ-VAE's run: where it lies in the run's folder, and how it comes out of there again."""

from __future__ import annotations

import hashlib
import json
import logging
from dataclasses import dataclass
from pathlib import Path

from torch import nn

from latentia.errors import CheckpointError
from latentia.models.pixel_cnn import PixelCNN, PixelCNNConfig
from latentia.models.vq_vae import VQVAE
from latentia.randomness import seeded
from latentia.runs.model_file import fitting, read_weights, write_weights
from latentia.runs.settings import plain, read

LOG = logging.getLogger(__name__)
FORMAT = "latentia-prior-1"


@dataclass(frozen=True, kw_only=True)
class PriorFolder:
    """Places in the folder of a run's prior."""

    run: Path

    @property
    def path(self) -> Path:
        """The folder."""
        return self.run / "prior"

    @property
    def model(self) -> Path:
        """The weights of the best evaluation so far."""
        return self.path / "model.safetensors"

    @property
    def checkpoint(self) -> Path:
        """Everything the training needs to go on."""
        return self.path / "checkpoint.safetensors"

    @property
    def record(self) -> Path:
        """What it takes to learn it again."""
        return self.path / "record.json"


def save_prior(prior: nn.Module, config: PixelCNNConfig, *, of: Path, path: Path) -> None:
    """Write a prior with the config that built it and the checksum of the model file whose codes it is of.

    Errors: OSError where `path` cannot be written.
    """
    write_weights(prior, path, FORMAT, {"prior": json.dumps(plain(config)), "of": checksum(of)})


def attach_prior(model: VQVAE, run: Path, model_file: Path) -> None:
    """Give a VQ-VAE the prior in its run's folder, if there is one of this very model.

    One that is damaged or of an earlier model is left out, with a warning: much can be done without a prior.
    """
    place = PriorFolder(run=run)
    if not place.model.is_file():
        return
    try:
        prior = _read_prior(place, model, model_file)
    except CheckpointError as problem:
        LOG.warning("%s It is left out; to learn it anew, delete the folder %s.", problem, place.path)
        return
    model.prior = prior.eval()


def _read_prior(place: PriorFolder, model: VQVAE, model_file: Path) -> PixelCNN:
    metadata, weights = read_weights(place.model, FORMAT, "prior")
    if metadata.get("of") != checksum(model_file):
        raise CheckpointError(f"The prior in {place.path} is of an earlier model.")
    with fitting(place.model), seeded(0):
        config: PixelCNNConfig = read(PixelCNNConfig, json.loads(metadata["prior"]), "prior")
        prior = build_prior(config, model)
        prior.load_state_dict(weights)
    return prior


def build_prior(config: PixelCNNConfig, model: VQVAE) -> PixelCNN:
    """Make a prior for a model's codes, with fresh weights drawn from torch's random state."""
    height, width = model.code_map
    known = model.image_format.channels + 1 if config.conditioned else 0
    return config.build(codes=model.config.embeddings, height=height, width=width, condition_channels=known)


def checksum(path: Path) -> str:
    """Checksum of a file's bytes."""
    return hashlib.sha256(path.read_bytes()).hexdigest()

"""A density of clean epochs, and how it finds artifacts in a recording."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor

from latentia.evaluation_mode import blocks
from latentia.models.base import LatentVariableModel
from latentia.models.ladder_vae import LadderVAEConfig
from latentia.randomness import stream
from latentia.uses import top_layers_bound
from spindle.classifier import Advance
from spindle.density.images import FORMAT, to_levels
from spindle.density.threshold import Calibration
from spindle.errors import SettingError
from spindle.model_file import ArtifactEvidence, ModelCard
from spindle.spectrogram import RowChoice, TimeFrequency

BATCH_EPOCHS = 32
"""Larger batches are slower on processors: their maps leave the cache."""
TOP_LAYERS = 2
"""L − k in thesis A, 5.3.4."""

Images = Callable[[Int[np.ndarray, " batch"]], UInt8[Tensor, "batch 3 160 24"]]


@dataclass(frozen=True, kw_only=True)
class DensityModel:
    """A density of clean epochs with the thresholds that its training labels chose."""

    network: LatentVariableModel
    config: LadderVAEConfig
    rows: RowChoice
    calibrations: tuple[Calibration, ...]
    """For 1, 2, … L layers on top."""
    card: ModelCard


@dataclass(frozen=True, kw_only=True)
class DensityDetector:
    """Finds artifacts by a density. Errors: SettingError where the density has fewer layers, or a number is wrong."""

    model: DensityModel
    top: int = TOP_LAYERS
    """Layers drawn from the posterior; all of them give the usual evidence lower bound."""
    samples: int = 1
    """Importance samples per epoch."""
    threshold_nats: float | None = None
    """Scores below are artifacts, nats per number; None takes the one that the training labels chose."""

    def __post_init__(self) -> None:
        most = len(self.model.calibrations)
        if not 1 <= self.top <= most:
            raise SettingError(f"The density has {most} layers; 1 to {most} can tell artifacts, not {self.top}.")
        if self.samples < 1:
            raise SettingError(f"A density wants one sample per epoch at least, not {self.samples}.")
        if self.threshold_nats is not None and not np.isfinite(self.threshold_nats):
            raise SettingError(f"The density's threshold must be a number, not {self.threshold_nats}.")

    @property
    def name(self) -> str:
        """What the density calls itself."""
        return self.model.card.name

    @property
    def rows(self) -> RowChoice:
        """Rows of the spectrogram that it reads."""
        return self.model.rows

    def find(self, time_frequency: TimeFrequency, advance: Advance = lambda epochs: None) -> ArtifactEvidence:
        """Score every usable epoch; the others are NaN."""
        usable = np.flatnonzero(time_frequency.usable)
        score = np.full(len(time_frequency), np.nan)
        score[usable] = density_scores(
            self.model.network,
            lambda epochs: torch.from_numpy(to_levels(time_frequency.images(epochs).numpy())),
            usable,
            top=self.top,
            samples=self.samples,
            advance=advance,
        )
        calibration = self.model.calibrations[self.top - 1]
        probability = calibration.probability(score, self.threshold_nats).astype(np.float32)
        return ArtifactEvidence(probability=probability, density_nats=score)


def density_scores(
    network: LatentVariableModel,
    images: Images,
    epochs: Int[np.ndarray, " epochs"],
    *,
    top: int = TOP_LAYERS,
    samples: int = 1,
    advance: Advance = lambda epochs: None,
) -> Float[np.ndarray, " epochs"]:
    """Bound the log density of these epochs' images by the top layers (eq. 5.2), in nats per number.

    Images are cut block by block: those of a whole day would take 250 MB. The same epochs give the same scores.
    """
    result = np.empty(len(epochs))
    for block in blocks(len(epochs), BATCH_EPOCHS, "epoch"):
        part = images(epochs[block])
        seed = stream(0, block.start)
        bound = top_layers_bound(network, part, top=top, samples=samples, batch=BATCH_EPOCHS, seed=seed)
        result[block] = bound.numpy() / FORMAT.dimensions
        advance(len(part))
    return result

"""Small recurrent VAEs of words and frames with far from even probabilities, so that the best next word may mislead."""

from __future__ import annotations

import torch

from latentia.images import ImageFormat
from latentia.models.recurrent_vae import ForcingConfig, RecurrentVAE, RecurrentVAEConfig
from latentia.randomness import seeded
from latentia.sequences import SequenceFormat, VideoFormat, WordFormat

TEXT = WordFormat(words=4, longest=5)
VIDEO = VideoFormat(frame=ImageFormat(channels=1, height=4, width=4, bits=2), longest=5)


def make(form: SequenceFormat = TEXT, seed: int = 0, kind: str = "full", latent_size: int = 2) -> RecurrentVAE:
    """In float64, with all weights from a standard normal distribution."""
    forcing = ForcingConfig(kind=kind, hidden=3)  # type: ignore[arg-type]
    config = RecurrentVAEConfig(hidden=5, latent_size=latent_size, features=4, forcing=forcing)
    with seeded(seed):
        model = config.build(form).double()
        for weights in model.parameters():
            torch.nn.init.normal_(weights)
    return model

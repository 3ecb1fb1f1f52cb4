"""Small models of thesis B, Gaussian and vector-quantized, and images for them."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from latentia.images import ImageFormat
from latentia.masks import Masking, mask_keys
from latentia.models.base import MultitaskModel
from latentia.models.multitask_gaussian_vae import MultitaskGaussianVAEConfig
from latentia.models.vq_vae import VQVAE, VQVAEConfig
from latentia.randomness import seeded

Config = MultitaskGaussianVAEConfig | VQVAEConfig
FORM = ImageFormat(channels=2, height=8, width=12, bits=3)
DIGITS = ImageFormat(channels=1, height=28, width=28)
KINDS: dict[str, dict[str, Any]] = {
    "plain": {"decoders": "plain"},
    "multi, flat": {"decoders": "multi", "condition": "flat"},
    "multi, convolution": {"decoders": "multi", "condition": "convolution"},
    "single, flat": {"decoders": "single", "condition": "flat"},
    "single, convolution": {"decoders": "single", "condition": "convolution"},
}


def gaussian(**settings: Any) -> MultitaskGaussianVAEConfig:
    return MultitaskGaussianVAEConfig(**{"latent_size": 3, "widths": (4, 6, 5), **settings})


def vq(**settings: Any) -> VQVAEConfig:
    return VQVAEConfig(**{"embeddings": 16, "embedding_size": 3, "widths": (4, 6), "residual_layers": 1, **settings})


CONFIGS = [
    pytest.param(make(**KINDS[kind]), id=f"{make.__name__}, {kind}") for make in (gaussian, vq) for kind in KINDS
]
every_model = pytest.mark.parametrize("config", CONFIGS)
conditioned_models = pytest.mark.parametrize("config", [one for one in CONFIGS if "plain" not in str(one.id)])
either_kind = pytest.mark.parametrize("make", [gaussian, vq])
every_kind_of_decoders = pytest.mark.parametrize("kind", KINDS)


def build(config: Config, form: ImageFormat = FORM, *, double: bool = True) -> MultitaskModel:
    """Make a model; a codebook is made of vectors of the encoder's, so that more than one of them is used."""
    with seeded(0):
        model = config.build(form)
    model = model.double() if double else model
    if isinstance(model, VQVAE):
        with torch.no_grad():
            vectors = model.eval().encoder(values_of(model, 32)).movedim(1, -1).flatten(0, 2)
            model.train().quantizer.codebook.copy_(vectors[:: len(vectors) // config.embeddings][: config.embeddings])
    return model


def images_of(form: ImageFormat, count: int = 4) -> Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.randint(form.levels, (count, *form.shape), generator=generator).to(torch.uint8)


def values_of(model: MultitaskModel, count: int = 4) -> Tensor:
    return model.shares(images_of(model.image_format, count))


def mask_of(form: ImageFormat, count: int = 4, share: float = 0.2) -> Tensor:
    return Masking(share=share).draw(mask_keys(2, count=count), form.height, form.width)


def sizes(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())

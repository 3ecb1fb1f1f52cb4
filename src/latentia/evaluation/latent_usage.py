"""How much each layer of latent variables is used; a layer that says nothing about the image has collapsed."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Integer
from torch import Tensor

from latentia.errors import SettingError
from latentia.evaluation_mode import blocks, evaluation_mode
from latentia.models.base import LatentVariableModel
from latentia.randomness import seeded

ACTIVE_NATS = 0.01
"""A layer whose mean divergence is above this is active; Table A.1's free bits let a layer have as much for nothing."""
ACTIVE_VARIANCE = 0.01
"""The threshold of Burda et al. 2015 for a unit."""


@dataclass(frozen=True, kw_only=True)
class LayerUsage:
    """What one layer costs on average over the images: KL(q(z | x) ‖ p(z))."""

    number: int
    """1 is the top layer."""
    divergence_nats: float
    divergence_bits: float
    """The same in bits per dimension of the image: the layer's share of −ELBO."""
    active: bool


@dataclass(frozen=True, kw_only=True)
class UnitUsage:
    """Which of one layer's units follow the image."""

    number: int
    """1 is the top layer."""
    variance: Float[Tensor, "*latent"]
    """Estimate of Var_x(E[z | x]) for each unit; below zero by chance where the truth is near it."""

    @property
    def active(self) -> Bool[Tensor, "*latent"]:
        """Units above the threshold."""
        return self.variance > ACTIVE_VARIANCE


def layer_usage(divergence: Float[Tensor, "images layers"], dimensions: int) -> tuple[LayerUsage, ...]:
    """Average the divergence of each layer, nats per image and top first, over the images.

    `dimensions` are those of an image, channels × height × width.
    """
    return tuple(
        LayerUsage(
            number=number,
            divergence_nats=nats,
            divergence_bits=nats / (dimensions * math.log(2)),
            active=nats > ACTIVE_NATS,
        )
        for number, nats in enumerate(divergence.double().mean(0).tolist(), start=1)
    )


def unit_usage(
    model: LatentVariableModel,
    images: Integer[Tensor, "images channels height width"],
    *,
    draws: int = 16,
    batch: int = 64,
    seed: int = 0,
) -> tuple[UnitUsage, ...]:
    """Measure how much the posterior mean of each unit varies from image to image (Burda et al. 2015), top layer first.

    A model gives draws, not means. So the variance between images of the mean of `draws` draws is taken, less what the
    draws themselves add to it, as in an analysis of variance; this is right on average for any number of draws. In a
    hierarchy, a unit that only repeats what the layers above say counts as well: the divergence tells those apart.
    Errors: DataError where the images are not of the model's format; SettingError below two images or two draws.
    """
    if draws < 2 or len(images) < 2:
        raise SettingError(f"Usage of units wants two images and two draws or more, not {len(images)} and {draws}.")
    model.check(images)
    moments = [_Moments.zeros(shape) for shape in model.latent_shapes]
    with evaluation_mode(model) as device:
        for block in blocks(len(images), batch):
            part = images[block].to(device)
            sums = [_Moments.zeros((len(part), *shape)) for shape in model.latent_shapes]
            for draw in range(draws):
                with seeded(seed, block.start, draw, device=device):
                    latents = model.infer(part).latents
                for one, latent in zip(sums, latents, strict=True):
                    one.add(latent.cpu().double(), latent.cpu().double().square())
            for whole, one in zip(moments, sums, strict=True):
                mean = one.first / draws
                whole.add(mean.sum(0), mean.square().sum(0))
                whole.within += (one.second - draws * mean.square()).sum(0)
    count = len(images)
    return tuple(
        UnitUsage(number=number, variance=whole.between(count) - whole.within / (count * (draws - 1) * draws))
        for number, whole in enumerate(moments, start=1)
    )


@dataclass(kw_only=True)
class _Moments:
    """Running sums of one layer, float64."""

    first: Tensor
    second: Tensor
    within: Tensor

    @classmethod
    def zeros(cls, shape: tuple[int, ...]) -> _Moments:
        return cls(**{name: torch.zeros(shape, dtype=torch.float64) for name in ("first", "second", "within")})

    def add(self, first: Tensor, second: Tensor) -> None:
        self.first += first
        self.second += second

    def between(self, count: int) -> Tensor:
        """Sample variance of what was added `count` times."""
        return (self.second - self.first.square() / count) / (count - 1)

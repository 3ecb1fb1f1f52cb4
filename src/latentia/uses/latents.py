"""From images to latent variables and from latent variables to images, in batches: what every use is made of.

Layers are counted from the top, as they are drawn: 1 is z_L of thesis A's eq. 4.3.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from jaxtyping import Integer, UInt8
from torch import Tensor

from latentia.errors import SettingError
from latentia.evaluation_mode import blocks, evaluation_mode
from latentia.models.base import LatentVariableModel
from latentia.randomness import seeded

Images = Integer[Tensor, "images channels height width"]

POSTERIOR, PRIOR = 0, 1
"""Parts of the seeds: noise of the posterior must not come back in the layers drawn below it."""


def encode(model: LatentVariableModel, images: Images, *, batch: int = 64, seed: int = 0) -> tuple[Tensor, ...]:
    """Draw the latent variables of each image from the posterior, on the CPU, top layer first.

    The same seed and batch draw the same. Errors: DataError where there are no images or they are not of the model's
    format.
    """
    model.check(images)
    parts = []
    with evaluation_mode(model) as device:
        for block in blocks(len(images), batch):
            with seeded(seed, POSTERIOR, block.start, device=device):
                parts.append([latent.cpu() for latent in model.infer(images[block].to(device)).latents])
    return tuple(torch.cat(layer) for layer in zip(*parts, strict=True))


def decode(
    model: LatentVariableModel,
    count: int,
    given: Sequence[Tensor] = (),
    *,
    temperature: float = 1.0,
    draw_pixels: bool = False,
    batch: int = 64,
    seed: int = 0,
) -> UInt8[Tensor, "images channels height width"]:
    """Draw the layers below those that are given from the prior, and give the images, on the CPU.

    `given` are the topmost layers, each (count, …). The temperature scales the standard deviation of each layer's
    prior; at 0 every layer is at its mean. An image is what the observation model takes to be there; with
    `draw_pixels` it is a draw, pixel noise and all. The same seed and batch draw the same; between calls that differ
    in `given` or temperature alone, the noise that is scaled and added is the same too.
    Errors: SettingError for a temperature below 0 or more layers than the model has; DataError for no images.
    """
    require_temperature(temperature)
    if len(given) > len(model.latent_shapes):
        raise SettingError(f"{len(given)} layers are given; the model has {len(model.latent_shapes)}.")
    parts = []
    with evaluation_mode(model) as device:
        for block in blocks(count, batch):
            above = [latent[block].to(device) for latent in given]
            with seeded(seed, PRIOR, block.start, device=device):
                likelihood = model.generate(block.stop - block.start, above, temperature).likelihood
                images = likelihood.sample() if draw_pixels else likelihood.representative
            parts.append(images.cpu())
    return torch.cat(parts)


def require_temperature(temperature: float) -> None:
    """Errors: SettingError where a temperature is below 0 or no number."""
    if not (temperature >= 0 and math.isfinite(temperature)):
        raise SettingError(f"A temperature is a number from 0 up, not {temperature}.")


def require_layers(model: LatentVariableModel, number: int, *, least: int) -> None:
    """Errors: SettingError where `number` is not between `least` and the number of the model's layers."""
    most = len(model.latent_shapes)
    if not least <= number <= most:
        raise SettingError(f"The model has {most} layers, of which {least} to {most} can be named, not {number}.")

"""Sampling around an image: its topmost layers are kept, the others drawn (Figures 4.8 right and A.3)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import UInt8
from torch import Tensor

from latentia.errors import SettingError
from latentia.models.base import LatentVariableModel
from latentia.uses.latents import Images, decode, encode, require_layers, require_temperature


@dataclass(frozen=True, kw_only=True)
class Neighbourhood:
    """Samples around images, for each number of kept layers and each temperature."""

    kept_layers: tuple[int, ...]
    temperatures: tuple[float, ...]
    originals: Images
    samples: UInt8[Tensor, "images kept temperatures samples channels height width"]


def neighbourhood(
    model: LatentVariableModel,
    images: Images,
    *,
    kept_layers: Sequence[int] = (1, 2, 4),
    temperatures: Sequence[float] = (0.8, 0.9, 1.0),
    count: int = 8,
    batch: int = 64,
    seed: int = 0,
) -> Neighbourhood:
    """Encode each image once, keep its topmost layers, and draw `count` images around it at each temperature.

    With 0 layers kept nothing of the image is left; with all of them every sample is its reconstruction. Eight samples
    and the image itself make the thesis' 3×3 grid.
    Errors: DataError for images that are not of the model's format; SettingError for more layers than the model has,
    a temperature below 0, or nothing to draw.
    """
    if not kept_layers or not temperatures or count < 1:
        raise SettingError(
            f"A neighbourhood wants at least one number of kept layers, one temperature and one sample, "
            f"not {len(kept_layers)}, {len(temperatures)} and {count}."
        )
    for number in kept_layers:
        require_layers(model, number, least=0)
    for temperature in temperatures:
        require_temperature(temperature)
    latents = [latent.repeat_interleave(count, 0) for latent in encode(model, images, batch=batch, seed=seed)]
    cells = [
        decode(model, len(images) * count, latents[:number], temperature=temperature, batch=batch, seed=seed)
        for number in kept_layers
        for temperature in temperatures
    ]
    samples = torch.unflatten(torch.stack(cells), 1, (len(images), count)).movedim(1, 0)
    return Neighbourhood(
        kept_layers=tuple(kept_layers),
        temperatures=tuple(temperatures),
        originals=images,
        samples=torch.unflatten(samples, 1, (len(kept_layers), len(temperatures))),
    )

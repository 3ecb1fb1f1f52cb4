"""Interpolation between images at a chosen layer of latent variables (Figure 4.7).

The thesis names a layer and a temperature and no more. Here the latent variables of the named layer and of all above it
are interpolated linearly, and the layers below are drawn from the prior at the temperature. The authors' code does the
same but counts layers from 0: the figure's "layer 5" is layer 6 here.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float, Integer, UInt8
from torch import Tensor

from latentia.errors import DataError, SettingError
from latentia.models.base import LatentVariableModel
from latentia.uses.latents import Images, decode, encode, require_layers, require_temperature


@dataclass(frozen=True, kw_only=True)
class Interpolation:
    """For each pair of images, the images on the way from the first to the last, both excluded."""

    layer: int
    """The lowest layer that was interpolated; 1 is the top."""
    temperature: float
    shares: Float[Tensor, " frames"]
    """How much of the last image's latent variables is in each frame, between 0 and 1."""
    first: Images
    last: Images
    frames: UInt8[Tensor, "images frames channels height width"]


def interpolate(
    model: LatentVariableModel,
    first: Images,
    last: Integer[Tensor, "others channels height width"],
    *,
    layer: int,
    temperature: float = 1.0,
    frames: int = 7,
    batch: int = 64,
    seed: int = 0,
) -> Interpolation:
    """Go from each of the `first` images to the `last` one of the same place, in evenly spaced frames.

    Every frame of a pair adds the same noise below the layer, so that nothing but the interpolation moves, and both
    ends take the same noise in the posterior, so that frames in the middle have no less of it.
    Errors: DataError for images that are not of the model's format or do not come in pairs; SettingError for a layer
    that the model has not, a temperature below 0 or no frames.
    """
    require_layers(model, layer, least=1)
    require_temperature(temperature)
    if frames < 1:
        raise SettingError(f"An interpolation has at least one frame, not {frames}.")
    if len(first) != len(last):
        raise DataError(f"Interpolation wants pairs of images; there are {len(first)} first and {len(last)} last ones.")
    starts = encode(model, first, batch=batch, seed=seed)[:layer]
    ends = encode(model, last, batch=batch, seed=seed)[:layer]
    shares = torch.arange(1, frames + 1) / (frames + 1)
    columns = []
    for share in shares:
        given = [torch.lerp(start, end, share.to(start)) for start, end in zip(starts, ends, strict=True)]
        columns.append(decode(model, len(first), given, temperature=temperature, batch=batch, seed=seed))
    return Interpolation(
        layer=layer, temperature=temperature, shares=shares, first=first, last=last, frames=torch.stack(columns, 1)
    )

"""Samples from the prior at several temperatures (Figures 4.8 left and A.2)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import UInt8
from torch import Tensor

from latentia.errors import SettingError
from latentia.models.base import LatentVariableModel
from latentia.uses.latents import decode, require_temperature


@dataclass(frozen=True, kw_only=True)
class Samples:
    """Images drawn from the model, for each temperature as many."""

    temperatures: tuple[float, ...]
    images: UInt8[Tensor, "temperatures samples channels height width"]


def sample(
    model: LatentVariableModel,
    count: int,
    *,
    temperatures: Sequence[float] = (1.0,),
    draw_pixels: bool = False,
    batch: int = 64,
    seed: int = 0,
) -> Samples:
    """Draw `count` images at each temperature.

    All temperatures scale the same noise, so that the samples of one place show what the temperature does to them.
    The same seed and batch draw the same. `draw_pixels` draws pixels too, instead of showing the most probable.
    Errors: SettingError for no temperature or one below 0; DataError where `count` is 0.
    """
    if not temperatures:
        raise SettingError("At least one temperature is wanted; there is none.")
    for temperature in temperatures:
        require_temperature(temperature)
    rows = [
        decode(model, count, temperature=temperature, draw_pixels=draw_pixels, batch=batch, seed=seed)
        for temperature in temperatures
    ]
    return Samples(temperatures=tuple(temperatures), images=torch.stack(rows))

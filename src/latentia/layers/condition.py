"""Decoders that may know pixels: ways for latent variables and conditioning information to one map, and on from there.

The conditioning information is m = [values·mask, mask] of thesis B 3.1, (batch, channels + 1, height, width).
"""

from __future__ import annotations

from math import prod
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from latentia.layers.strided import channels_last, down, halving_strides

Shape = tuple[int, int, int]
ConditionName = Literal["flat", "convolution"]
"""How known pixels enter a decoder: by a fully connected layer, as in the thesis, or by strided convolutions."""


class Unchanged(nn.Module):
    """Latent variables that are a map already, and no condition."""

    def forward(
        self, latent: Float[Tensor, " batch *map"], condition: Tensor | None = None
    ) -> Float[Tensor, " batch *map"]:
        """Give the latent variables."""
        return latent


class FlatMerge(nn.Module):
    """Flatten latent variables and condition, concatenate them, one fully connected layer, and a map (thesis B 3.1).

    `after` follows the fully connected layer, on (batch, features). Without a condition's shape it is the ordinary way
    of latent variables into a decoder. Shapes: (batch, *latent), (batch, *condition) → (batch, *map_shape).
    """

    def __init__(self, latent: tuple[int, ...], condition: Shape | None, map_shape: Shape, after: nn.Module) -> None:
        super().__init__()
        self.map_shape = map_shape
        self.linear = nn.Linear(prod(latent) + (prod(condition) if condition else 0), prod(map_shape))
        self.after = after

    def forward(
        self,
        latent: Float[Tensor, " batch *latent"],
        condition: Float[Tensor, "batch conditions rows columns"] | None = None,
    ) -> Float[Tensor, "batch features height width"]:
        """Give the map."""
        known = latent.flatten(1)
        if condition is not None:
            known = torch.cat([known, condition.flatten(1)], 1)
        return torch.unflatten(self.after(self.linear(known)), 1, self.map_shape)


class ConvolutionalMerge(nn.Module):
    """Bring the condition down to the map's size by strided convolutions, and add it to the map of latent variables.

    Beyond thesis B, whose fully connected layer grows with the square of the number of pixels: for images of 64×64 and
    codes of 64×16×16 it alone has half a billion weights. `expand` makes the map of latent variables. Shapes as those
    of `FlatMerge`.
    """

    def __init__(self, expand: nn.Module, condition: Shape, map_shape: Shape, features: int = 64) -> None:
        super().__init__()
        self.expand = expand
        channels, height, width = condition
        halvings = (min(height // map_shape[1], width // map_shape[2])).bit_length() - 1
        strides, _ = halving_strides(height, width, max(1, halvings))
        self.condition = nn.Sequential(
            *(down(features if place else channels, features, stride) for place, stride in enumerate(strides)),
            nn.AdaptiveAvgPool2d(map_shape[1:]),  # for sizes that do not divide
            nn.Conv2d(features, map_shape[0], 3, padding=1),
        )

    def forward(
        self, latent: Float[Tensor, " batch *latent"], condition: Float[Tensor, "batch conditions rows columns"]
    ) -> Float[Tensor, "batch features height width"]:
        """Give the map."""
        mapped: Tensor = self.expand(latent) + self.condition(condition)
        return mapped


class ConditionalDecoder(nn.Module):
    """A way in for latent variables and condition, `enter`, and the convolutions from their map to values, `body`."""

    def __init__(self, enter: nn.Module, body: nn.Module) -> None:
        super().__init__()
        self.enter = enter
        self.body = body

    def forward(
        self,
        latent: Float[Tensor, " batch *latent"],
        condition: Float[Tensor, "batch conditions height width"] | None = None,
    ) -> Float[Tensor, "batch channels height width"]:
        """Give the expected values."""
        values: Tensor = self.body(channels_last(self.enter(latent, condition)))
        return values

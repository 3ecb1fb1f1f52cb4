"""A convolutional network that brings a map of an image's size to the size of a grid of codes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from latentia.layers.strided import ResidualBlock


class ShrinkingNetwork(nn.Module):
    """Three 3×3 convolutions, which halve a side while it is at least twice the grid's, then four residual blocks.

    What is left of a ratio that is no power of two, or above 8, an average over neighbours does. The strides follow
    from the map's size, so that one network serves maps of any size: from 28×28 to 7×7 they are 2, 2, 1.

    Shapes: (batch, in_channels, rows, columns) → (batch, out_channels, height, width).
    """

    CONVOLUTIONS, BLOCKS = 3, 4
    convolutions: Iterable[Any]

    def __init__(self, in_channels: int, out_channels: int, *, height: int, width: int) -> None:
        super().__init__()
        self.size = (height, width)
        inputs = [in_channels] + [out_channels] * (self.CONVOLUTIONS - 1)
        self.convolutions = nn.ModuleList(nn.Conv2d(count, out_channels, 3, padding=1) for count in inputs)
        self.blocks = nn.Sequential(*(ResidualBlock(out_channels) for _ in range(self.BLOCKS)))

    def forward(self, image: Float[Tensor, "batch in rows columns"]) -> Float[Tensor, "batch out height width"]:
        """Shrink the map."""
        hidden = image
        for layer in self.convolutions:
            stride = [2 if has >= 2 * wanted else 1 for has, wanted in zip(hidden.shape[-2:], self.size, strict=True)]
            hidden = functional.conv2d(hidden, layer.weight, layer.bias, stride=stride, padding=1).relu()
        if hidden.shape[-2:] != self.size:
            hidden = functional.adaptive_avg_pool2d(hidden, self.size)
        shrunk: Tensor = self.blocks(hidden)
        return shrunk

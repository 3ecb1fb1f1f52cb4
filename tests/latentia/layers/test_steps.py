"""Frames keep their scale on the way in and out, so that a training has something to begin with."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
import torch
from torch import Tensor, nn

from latentia.distributions import BernoulliPixels
from latentia.images import ImageFormat
from latentia.layers.steps import Frames
from latentia.randomness import seeded


def sizes_after(x: Tensor, layers: Iterable[nn.Module]) -> list[float]:
    """Mean square of what comes out of each layer with weights, one after the other."""
    sizes = []
    for layer in layers:
        x = layer(x)
        if any(True for _ in layer.parameters()):
            sizes.append(float(x.square().mean()))
    return sizes


@pytest.mark.parametrize("size", [16, 20, 32])
def test_values_are_as_large_after_every_layer_of_frames_as_before_it(size: int) -> None:
    frame = ImageFormat(channels=1, height=size, width=size, bits=1)
    with seeded(0):
        frames = Frames(frame, BernoulliPixels(image_channels=1), features=64, hidden=64)
        inputs, states = torch.randn(64, *frame.shape), torch.randn(64, 64)
    with torch.no_grad():
        maps = frames.expand(states).unflatten(1, frames.map_shape)
        sizes = [
            *sizes_after(inputs, frames.inwards),
            *sizes_after(states, frames.expand),
            *sizes_after(maps, frames.outwards[:-1]),
        ]
    # At the edge a window has fewer numbers, and the smallest maps are all edge.
    assert len(sizes) == 9 and all(0.2 < size < 4 for size in sizes)

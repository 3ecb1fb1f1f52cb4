"""Frames keep their scale on the way in and out, so that a training has something to begin with."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
import torch
from torch import Tensor, nn

from latentia.distributions import BernoulliPixels, LogisticPixels, Observation
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
            *sizes_after(maps, list(frames.outwards)[:-1]),
        ]
    # At the edge a window has fewer numbers, and the smallest maps are all edge.
    assert len(sizes) == 9 and all(0.2 < size < 4 for size in sizes)


@pytest.mark.parametrize("observation", [BernoulliPixels(image_channels=1), LogisticPixels(image_channels=1)])
def test_predictions_begin_at_the_likeliest_colours(observation: Observation) -> None:
    frame = ImageFormat(channels=1, height=8, width=8, bits=1 if observation.levels == 2 else 8)
    with seeded(0):
        frames = Frames(frame, observation, features=8, hidden=8)
    white = torch.rand(40, *frame.shape, generator=torch.Generator().manual_seed(0)) < 0.1
    values = (white * (observation.levels - 1)).to(torch.uint8)
    states = torch.zeros(40, 8)
    before = frames.log_prob(states, values).mean()
    frames.begin_at(values)
    after = frames.log_prob(states, values).mean()
    assert after > before
    if observation.levels == 2:
        share = white.double().mean()
        entropy = -(share * share.log() + (1 - share) * (1 - share).log())
        assert -after.item() / 64 == pytest.approx(entropy.item(), rel=1e-3)


def test_frames_of_one_colour_leave_finite_weights() -> None:
    frame = ImageFormat(channels=1, height=8, width=8, bits=1)
    frames = Frames(frame, BernoulliPixels(image_channels=1), features=8, hidden=8)
    black = torch.zeros(4, *frame.shape, dtype=torch.uint8)
    frames.begin_at(black)
    assert frames.log_prob(torch.zeros(4, 8), black).isfinite().all()

"""Convolutions that halve and double maps, and the residual block between them."""

from __future__ import annotations

import pytest
import torch
from torch.nn.functional import conv2d

from latentia.layers.strided import ResidualBlock, channels_last, double, down, halving_strides, up


@pytest.mark.parametrize(
    ("sides", "count", "strides", "left"),
    [
        ((28, 28), 4, [2, 2, 1, 1], (7, 7)),
        ((32, 32), 4, [2, 2, 2, 2], (2, 2)),
        ((48, 160), 5, [2, 2, 2, 2, 1], (3, 10)),
        ((8, 5), 2, [1, 1], (8, 5)),
        ((6, 8), 0, [], (6, 8)),
    ],
)
def test_maps_are_halved_while_both_sides_are_even(
    sides: tuple[int, int], count: int, strides: list[int], left: tuple[int, int]
) -> None:
    assert halving_strides(*sides, count) == (strides, left)


def test_the_layout_of_channels_goes_through_the_layers_and_leaves_the_values() -> None:
    x = torch.randn(2, 1, 8, 12, generator=torch.Generator().manual_seed(0))
    layers = torch.nn.Sequential(down(1, 4, 2), up(4, 3, 2)).eval()
    laid = layers(channels_last(x))
    assert laid.stride() == (3 * 8 * 12, 1, 3 * 12, 3)
    torch.testing.assert_close(laid, layers(x))


@pytest.mark.parametrize("stride", [1, 2])
def test_a_step_down_and_its_mirror_end_where_they_began(stride: int) -> None:
    x = torch.randn(2, 3, 6, 10, generator=torch.Generator().manual_seed(0))
    smaller = down(3, 4, stride)(x)
    assert smaller.shape == (2, 4, 6 // stride, 10 // stride)
    assert up(4, 3, stride)(smaller).shape == x.shape
    assert double(4, 3)(smaller).shape == (2, 3, 12 // stride, 20 // stride)


def test_a_residual_block_adds_relu_3x3_relu_1x1_to_its_input() -> None:
    block = ResidualBlock(3).double()
    x = torch.randn(2, 3, 4, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    wide = conv2d(x.clamp(min=0), block.wide.weight, block.wide.bias, padding=1).clamp(min=0)
    narrow = torch.einsum("oi,bihw->bohw", block.narrow.weight[:, :, 0, 0], wide) + block.narrow.bias[:, None, None]
    torch.testing.assert_close(block(x), x + narrow)

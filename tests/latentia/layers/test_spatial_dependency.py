"""The spatial dependency layer equals Algorithm 1, reads what it may, and goes where a convolution goes."""

from __future__ import annotations

import itertools
import subprocess
import sys
from collections.abc import Iterator

import pytest
import torch
from torch import Tensor, nn

from latentia.errors import SettingError
from latentia.layers.spatial_dependency import (
    ALL_DIRECTIONS,
    Correction,
    Direction,
    ResidualSpatialDependency,
    SpatialDependency,
    alternating,
)

LEFT_TO_RIGHT, RIGHT_TO_LEFT, TOP_TO_BOTTOM, BOTTOM_TO_TOP = Direction
ORDERS = [order for count in range(1, 5) for order in itertools.permutations(Direction, count)]
STEPS = {LEFT_TO_RIGHT: (0, 1), RIGHT_TO_LEFT: (0, -1), TOP_TO_BOTTOM: (1, 0), BOTTOM_TO_TOP: (-1, 0)}
"""One step of a sweep: rows, columns."""


@pytest.fixture(autouse=True)
def _seeded() -> Iterator[None]:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        yield


def randomised(layer: nn.Module) -> nn.Module:
    """Give every parameter a value of its own, biases too, and large enough for the gates to leave one half."""
    for parameter in layer.parameters():
        nn.init.normal_(parameter, std=0.7)
    return layer


def visits(direction: Direction, height: int, width: int) -> list[tuple[int, int]]:
    """Positions in the order in which a sweep may take them."""
    rows, columns = STEPS[direction]
    order = list(itertools.product(range(height), range(width)))
    return sorted(order, key=lambda position: rows * position[0] + columns * position[1])


def neighbours(direction: Direction, row: int, column: int) -> list[tuple[int, int]]:
    """The three positions of the line before, in the order j − 1, j, j + 1."""
    rows, columns = STEPS[direction]
    if rows:
        return [(row - rows, column + side) for side in (-1, 0, 1)]
    return [(row + side, column - columns) for side in (-1, 0, 1)]


def algorithm_1(features: dict[tuple[int, int], Tensor], cell: Correction, size: tuple[int, int]) -> None:
    """Correct each position by itself, as the thesis writes it, W^{r1} … W^{n4} being blocks of the cell's weights."""
    m1, r1, z1 = cell.own_weight.chunk(3)
    bias_m, bias_r1, bias_z1 = cell.own_bias.chunk(3)
    bias_r, bias_z, bias_n = cell.neighbour_bias.chunk(3)
    for row, column in visits(cell.direction, *size):
        before = neighbours(cell.direction, row, column)
        if before[1] not in features and not cell.update_first_line:
            continue
        own = features[row, column]
        zeros = torch.zeros_like(own)
        r, z, n = bias_r, bias_z, bias_n
        for position, weight in zip(before, cell.neighbour_weight, strict=True):
            there = features.get(position, zeros)
            r_k, z_k, n_k = weight.chunk(3)
            r, z, n = r + r_k @ there, z + z_k @ there, n + n_k @ there
        r = torch.sigmoid(r1 @ own + bias_r1 + r)
        z = torch.sigmoid(z1 @ own + bias_z1 + z)
        n = torch.tanh(r * (m1 @ own + bias_m) + n)
        features[row, column] = z * own + (1 - z) * n


def naive(layer: SpatialDependency, image: Tensor) -> Tensor:
    """The layer, one image and one position after the other."""
    height, width = layer.project_in(image).shape[2:]
    outputs = []
    for one in layer.project_in(image).tanh():
        features = {(row, column): one[:, row, column] for row in range(height) for column in range(width)}
        for correction in layer.corrections:
            assert isinstance(correction, Correction)
            algorithm_1(features, correction, (height, width))
        rows = [torch.stack([features[row, column] for column in range(width)], 1) for row in range(height)]
        outputs.append(torch.stack(rows, 1))
    return layer.project_out(torch.stack(outputs))


def assert_same_with_gradients(layer: SpatialDependency, image: Tensor, tolerance: float = 1e-10) -> None:
    """Compare output and the gradients of the input and of every parameter with the naive loop's."""
    image = image.clone().requires_grad_()
    given, wanted = layer(image), naive(layer, image)
    assert (given - wanted).abs().max() < tolerance
    weights = torch.randn_like(wanted)
    names, parameters = zip(*layer.named_parameters(), strict=True)
    ours = torch.autograd.grad(given, (image, *parameters), weights)
    theirs = torch.autograd.grad(wanted, (image, *parameters), weights)
    for name, one, other in zip(("input", *names), ours, theirs, strict=True):
        assert (one - other).abs().max() < tolerance, name


@pytest.mark.parametrize("directions", ORDERS, ids=lambda order: "-".join(one.name for one in order))
def test_every_set_and_order_of_directions_equals_the_naive_loop(directions: tuple[Direction, ...]) -> None:
    layer = randomised(SpatialDependency(2, 3, features=3, directions=directions).double())
    assert_same_with_gradients(layer, torch.randn(2, 2, 3, 4, dtype=torch.float64))

"""Both ways to compute the products with neighbours are the convolution that they stand for; so are their gradients."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from latentia.layers import neighbours
from latentia.layers.neighbours import InPairs, NeighbourProducts, SideBySide, neighbour_products
from latentia.layers.spatial_dependency import Direction, SpatialDependency

BATCH, FEATURES, OUTPUTS = 3, 4, 5
CASES = [(SideBySide, positions) for positions in (1, 2, 5, 8)] + [(InPairs, positions) for positions in (2, 4, 8)]


@pytest.fixture(autouse=True)
def _seeded() -> Iterator[None]:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        yield


def convolution(rows: Tensor, weight: Tensor) -> Tensor:
    """The same by torch's convolution along the positions."""
    signal = rows.view(BATCH, -1, FEATURES).transpose(1, 2)
    return functional.conv1d(signal, weight.permute(1, 2, 0), padding=1).transpose(1, 2).flatten(0, 1)


@pytest.mark.parametrize(("way", "positions"), CASES)
def test_products_with_neighbours_are_a_convolution_with_a_kernel_of_three(
    way: type[NeighbourProducts], positions: int
) -> None:
    weight = torch.randn(3, OUTPUTS, FEATURES, dtype=torch.float64, requires_grad=True)
    rows = torch.randn(BATCH * positions, FEATURES, dtype=torch.float64, requires_grad=True)
    expected = convolution(rows, weight)
    grad = torch.randn_like(expected)
    by_rows, by_weight = torch.autograd.grad(expected, (rows, weight), grad)
    with torch.no_grad():
        products = way(weight, BATCH, positions)
        total, grad_rows = products.start_gradient(), torch.ones_like(rows)
        for times in (1, 2):  # the memory for a line is used again
            outputs = torch.ones_like(expected)
            products.add(outputs, rows)
            assert torch.allclose(outputs, 1 + expected, rtol=0, atol=1e-13)
            products.add_gradients(grad, rows, grad_rows, total)
            assert torch.allclose(grad_rows, 1 + times * by_rows, rtol=0, atol=1e-13)
            assert torch.allclose(products.weight_gradient(total), times * by_weight, rtol=0, atol=1e-13)


def test_pairs_are_chosen_where_they_are_exact_and_faster() -> None:
    weight = torch.zeros(3, 6, 64)
    assert isinstance(neighbour_products(weight, 16, 16), InPairs)
    assert isinstance(neighbour_products(weight, 8, 16), SideBySide)
    assert isinstance(neighbour_products(weight, 32, 15), SideBySide)
    assert isinstance(neighbour_products(weight[..., :32], 16, 16), SideBySide)
    assert isinstance(neighbour_products(weight.bfloat16(), 16, 16), SideBySide)
    assert isinstance(neighbour_products(weight.to("meta"), 16, 16), SideBySide)


@pytest.mark.parametrize("size", [(4, 6), (1, 2), (6, 2)], ids=str)
def test_a_layer_gives_the_same_numbers_either_way(size: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    layer = SpatialDependency(2, 3, features=4, directions=list(Direction)).double()
    image = torch.randn(2, 2, *size, dtype=torch.float64, requires_grad=True)
    results = []
    for smallest in (1, 1000):
        monkeypatch.setattr(neighbours, "PAIRS_FROM_FEATURES", smallest)
        monkeypatch.setattr(neighbours, "PAIRS_FROM_ROWS", smallest)
        output = layer(image)
        results.append((output, *torch.autograd.grad(output.square().sum(), (image, *layer.parameters()))))
    for pairs, side_by_side in zip(*results, strict=True):
        assert torch.allclose(pairs, side_by_side, rtol=0, atol=1e-12)


def test_pairs_lose_no_precision_that_matters() -> None:
    weight, rows = torch.randn(3, 60, 64), torch.randn(8 * 32, 64)
    exact = torch.zeros(len(rows), 60, dtype=torch.float64)
    SideBySide(weight.double(), 8, 32).add(exact, rows.double())
    for way in (SideBySide, InPairs):
        outputs = torch.zeros(len(rows), 60)
        way(weight, 8, 32).add(outputs, rows)
        assert (outputs - exact).norm() < 3e-7 * exact.norm()

from __future__ import annotations

import pytest
import torch

from latentia.layers.shrinking import ShrinkingNetwork


@pytest.mark.parametrize(
    ("image", "grid"),
    [((28, 28), (7, 7)), ((30, 31), (7, 7)), ((12, 40), (12, 3)), ((5, 5), (5, 5)), ((90, 64), (4, 4))],
)
def test_every_pixel_of_any_image_reaches_the_grid(image: tuple[int, int], grid: tuple[int, int]) -> None:
    torch.manual_seed(0)
    network = ShrinkingNetwork(2, 32, height=grid[0], width=grid[1]).double()
    pixels = torch.randn(1, 2, *image, dtype=torch.float64, requires_grad=True)
    shrunk = network(pixels)
    assert shrunk.shape == (1, 32, *grid)
    shrunk.square().sum().backward()
    assert pixels.grad is not None
    assert pixels.grad.all()


def test_a_place_of_the_grid_hears_the_pixels_around_it() -> None:
    torch.manual_seed(0)
    network = ShrinkingNetwork(1, 8, height=16, width=12).double()
    pixels = torch.randn(1, 1, 64, 48, dtype=torch.float64, requires_grad=True)
    network(pixels)[0, :, 12, 2].square().sum().backward()
    assert pixels.grad is not None
    rows, columns = pixels.grad[0, 0].nonzero().unbind(1)
    reach = 1 + 2 + 4 + 4 * 4  # pixels that the convolutions add, four of them in the blocks
    assert (rows.min(), rows.max()) == (4 * 12 - reach, 63)
    assert (columns.min(), columns.max()) == (0, 4 * 2 + reach)

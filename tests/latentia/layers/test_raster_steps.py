from __future__ import annotations

import torch
from torch.nn import functional

from latentia.layers.raster_steps import PlaceConvolution, RowConvolution


def test_a_row_at_a_time_gives_what_the_convolution_of_the_map_gives() -> None:
    torch.manual_seed(0)
    image, weight, bias = torch.randn(2, 3, 6, 5).double(), torch.randn(4, 3, 3, 5).double(), torch.randn(4).double()
    rows = RowConvolution(weight, bias, batch=2, width=5)
    by_rows = torch.stack([rows(row.transpose(1, 2)) for row in image.unbind(2)], 1)
    whole = functional.conv2d(functional.pad(image, (2, 2, 2, 0)), weight, bias)
    torch.testing.assert_close(by_rows.movedim(-1, 1), whole)


def test_a_place_at_a_time_gives_what_the_convolution_of_the_map_gives() -> None:
    torch.manual_seed(0)
    image, weight, rest = torch.randn(2, 3, 4, 6).double(), torch.randn(5, 3, 1, 3).double(), torch.randn(2, 5).double()
    places = PlaceConvolution(weight, batch=2, width=6)
    whole = functional.conv2d(functional.pad(image, (2, 0)), weight) + rest[:, :, None, None]
    for row in range(4):
        for column in range(6):
            torch.testing.assert_close(places(column, image[:, :, row, column], rest), whole[:, :, row, column])
        torch.testing.assert_close(places.row, image[:, :, row].transpose(1, 2))

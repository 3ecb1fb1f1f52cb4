from __future__ import annotations

import pytest
import torch
from tests.latentia.models.linear_gaussian import LinearGaussian, some_images

from latentia.errors import DataError
from latentia.images import ImageFormat
from latentia.uses import Reconstruction, reconstruct

FORMAT = ImageFormat(channels=1, height=6, width=7, bits=8)


def test_a_reconstruction_is_nearer_to_its_image_than_to_others() -> None:
    images = some_images(FORMAT, 5)
    result = reconstruct(LinearGaussian(FORMAT), images, batch=2)
    apart = (result.images[:, None].double() - images[None].double()).square().mean((2, 3, 4))
    assert apart.argmin(1).tolist() == [0, 1, 2, 3, 4]
    torch.testing.assert_close(result.squared_error, apart.diagonal())


def test_the_squared_error_is_the_mean_over_the_numbers_of_an_image() -> None:
    originals = torch.tensor([[[[0, 255]]], [[[3, 3]]]], dtype=torch.uint8)
    result = Reconstruction(originals=originals, images=torch.tensor([[[[255, 255]]], [[[3, 5]]]], dtype=torch.uint8))
    assert result.squared_error.tolist() == [255**2 / 2, 2.0]


def test_images_of_another_format_are_refused() -> None:
    with pytest.raises(DataError, match="it got 3×6×7"):
        reconstruct(LinearGaussian(FORMAT), some_images(FORMAT, 2).expand(-1, 3, -1, -1))

from __future__ import annotations

import pytest
import torch
from tests.latentia.models.linear_gaussian import REACH, LinearGaussian, some_images

from latentia.errors import DataError, SettingError
from latentia.images import ImageFormat
from latentia.uses import encode, interpolate

FORMAT = ImageFormat(channels=1, height=6, width=7, bits=8)


def pairs(count: int) -> tuple[torch.Tensor, torch.Tensor]:
    return some_images(FORMAT, count, seed=1), some_images(FORMAT, count, seed=2)


def test_at_the_lowest_layer_the_frames_lie_on_straight_lines_between_the_codes() -> None:
    model = LinearGaussian(FORMAT, layers=3)
    first, last = pairs(3)
    result = interpolate(model, first, last, layer=3, frames=4, seed=9)
    assert result.frames.shape == (3, 4, *FORMAT.shape)
    torch.testing.assert_close(result.shares, torch.tensor([0.2, 0.4, 0.6, 0.8]))
    start, end = (encode(model, images, seed=9)[2] for images in (first, last))
    for place, share in enumerate([0.2, 0.4, 0.6, 0.8]):
        level = (((1 - share) * start + share * end) / REACH + 1) / 2 * FORMAT.levels
        torch.testing.assert_close(
            result.frames[:, place].double(), level.clamp(0, FORMAT.levels - 1).floor(), atol=1, rtol=0
        )


def test_below_the_layer_the_prior_is_drawn_with_the_same_noise_in_every_frame() -> None:
    model = LinearGaussian(FORMAT, layers=3)
    image = torch.full((1, *FORMAT.shape), 128, dtype=torch.uint8)
    still = interpolate(model, image, image, layer=1, frames=3)
    assert still.frames.unique(dim=1).shape[1] == 1
    cold = interpolate(model, image, image, layer=1, frames=3, temperature=0)
    assert float((still.frames.double() - cold.frames.double()).square().mean()) > 100


def test_frames_come_closer_to_the_last_image_and_further_from_the_first() -> None:
    first, last = pairs(2)
    result = interpolate(LinearGaussian(FORMAT), first, last, layer=2, frames=5)
    for ends, sign in ((result.first, 1), (result.last, -1)):
        away = (result.frames.double() - ends[:, None].double()).square().mean((2, 3, 4)) * sign
        assert bool((away.diff(dim=1) > 0).all())


def test_what_cannot_be_interpolated_is_refused() -> None:
    model = LinearGaussian(FORMAT)
    first, last = pairs(2)
    for layer in (0, 3):
        with pytest.raises(SettingError, match=f"The model has 2 layers, of which 1 to 2 can be named, not {layer}"):
            interpolate(model, first, last, layer=layer)
    with pytest.raises(SettingError, match="not -1"):
        interpolate(model, first, last, layer=1, temperature=-1)
    with pytest.raises(SettingError, match="at least one frame, not 0"):
        interpolate(model, first, last, layer=1, frames=0)
    with pytest.raises(DataError, match="there are 2 first and 1 last ones"):
        interpolate(model, first, last[:1], layer=1)
    with pytest.raises(DataError, match="it got 1×7×6"):
        interpolate(model, first.transpose(2, 3), last.transpose(2, 3), layer=1)

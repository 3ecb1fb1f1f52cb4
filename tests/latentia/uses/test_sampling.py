from __future__ import annotations

import pytest
import torch
from tests.latentia.models.linear_gaussian import LinearGaussian

from latentia.errors import SettingError
from latentia.images import ImageFormat
from latentia.uses import sample

FORMAT = ImageFormat(channels=3, height=4, width=5, bits=6)


def test_there_are_as_many_samples_at_each_temperature_in_batches_of_any_size() -> None:
    drawn = sample(LinearGaussian(FORMAT), 7, temperatures=(0.5, 1.0), batch=3)
    assert drawn.images.shape == (2, 7, *FORMAT.shape)
    assert drawn.temperatures == (0.5, 1.0)


def test_temperatures_scale_one_noise_about_the_mean() -> None:
    fine = ImageFormat(channels=1, height=8, width=8, bits=8)
    drawn = sample(LinearGaussian(fine), 20, temperatures=(0.2, 0.4)).images.double()
    middle = (0.2 / 2 + 1) / 2 * fine.levels
    torch.testing.assert_close(drawn[1] - middle, 2 * (drawn[0] - middle), atol=2.0, rtol=0)


def test_drawn_pixels_scatter_about_the_representative_ones() -> None:
    model = LinearGaussian(FORMAT)
    shown = sample(model, 4, temperatures=(0,)).images
    drawn = sample(model, 4, temperatures=(0,), draw_pixels=True).images
    assert shown.unique().numel() == 1
    assert drawn.unique().numel() > 10


def test_a_list_without_a_temperature_or_with_a_negative_one_is_refused() -> None:
    with pytest.raises(SettingError, match="At least one temperature"):
        sample(LinearGaussian(FORMAT), 1, temperatures=())
    with pytest.raises(SettingError, match="not -1"):
        sample(LinearGaussian(FORMAT), 1, temperatures=(1.0, -1.0))

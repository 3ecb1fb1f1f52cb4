from __future__ import annotations

import pytest
import torch
from tests.latentia.models.linear_gaussian import LinearGaussian, some_images

from latentia.errors import DataError, SettingError
from latentia.images import ImageFormat
from latentia.uses import neighbourhood, reconstruct

FORMAT = ImageFormat(channels=1, height=6, width=7, bits=8)


def test_every_image_has_its_samples_at_each_temperature_and_number_of_kept_layers() -> None:
    images = some_images(FORMAT, 2)
    around = neighbourhood(
        LinearGaussian(FORMAT, layers=3), images, kept_layers=(0, 1, 3), temperatures=(0.5, 1.0), count=5, batch=4
    )
    assert around.samples.shape == (2, 3, 2, 5, *FORMAT.shape)
    assert torch.equal(around.originals, images)


def test_with_all_layers_kept_every_sample_is_the_reconstruction() -> None:
    model = LinearGaussian(FORMAT, layers=3)
    images = some_images(FORMAT, 2)
    samples = neighbourhood(model, images, kept_layers=(3,), temperatures=(1.0,), seed=4).samples[:, 0, 0]
    wanted = reconstruct(model, images, seed=4).images
    assert torch.equal(samples, wanted[:, None].expand_as(samples))


def test_the_more_layers_are_kept_and_the_lower_the_temperature_the_closer_the_samples_stay() -> None:
    model = LinearGaussian(ImageFormat(channels=1, height=30, width=30, bits=8), layers=4)
    images = some_images(model.image_format, 2)
    around = neighbourhood(model, images, kept_layers=(0, 1, 2, 3, 4), temperatures=(0.3, 0.6, 1.0))
    spread = around.samples.double().std(3).mean((0, 3, 4, 5))
    assert bool((spread[:-1].diff(dim=1) > 0).all())
    assert bool((spread.diff(dim=0) < 0).all())
    assert torch.equal(spread[-1], torch.zeros(3, dtype=torch.float64))


def test_with_no_layer_kept_nothing_of_the_image_is_left() -> None:
    model = LinearGaussian(FORMAT)
    one, other = (neighbourhood(model, some_images(FORMAT, 1, seed=seed), kept_layers=(0,)) for seed in (1, 2))
    assert torch.equal(one.samples, other.samples)


def test_what_the_model_has_not_is_refused() -> None:
    model = LinearGaussian(FORMAT)
    images = some_images(FORMAT, 1)
    with pytest.raises(SettingError, match="has 2 layers, of which 0 to 2 can be named, not 3"):
        neighbourhood(model, images, kept_layers=(1, 3))
    with pytest.raises(SettingError, match="from 0 up, not -1"):
        neighbourhood(model, images, kept_layers=(1,), temperatures=(-1.0,))
    with pytest.raises(SettingError, match="one sample, not 1, 3 and 0"):
        neighbourhood(model, images, kept_layers=(1,), count=0)
    with pytest.raises(DataError, match="At least one image is wanted"):
        neighbourhood(model, images[:0], kept_layers=(1,))

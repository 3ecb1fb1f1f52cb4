from __future__ import annotations

import math

import pytest
import torch
from tests.latentia.models.linear_gaussian import LinearGaussian, some_images

from latentia.errors import DataError, SettingError
from latentia.images import ImageFormat
from latentia.uses import decode, encode

FORMAT = ImageFormat(channels=3, height=4, width=5, bits=6)


def test_all_layers_of_every_image_are_encoded_top_first() -> None:
    model = LinearGaussian(FORMAT, layers=3)
    latents = encode(model, some_images(FORMAT, 7), batch=3)
    assert [tuple(latent.shape) for latent in latents] == [(7, *FORMAT.shape)] * 3
    assert not any(latent.requires_grad or latent.is_inference() for latent in latents)


def test_images_of_the_prior_have_the_models_own_distribution() -> None:
    tiny = ImageFormat(channels=1, height=1, width=1, bits=2)
    model = LinearGaussian(tiny)
    drawn = decode(model, 20_000, draw_pixels=True, batch=5000).long().flatten()
    shares = drawn.bincount(minlength=4).double() / len(drawn)
    wanted = model.log_evidence(torch.arange(4).reshape(4, 1, 1, 1)).exp().detach()
    torch.testing.assert_close(shares, wanted, atol=4 * math.sqrt(0.25 / len(drawn)), rtol=0)


def test_at_temperature_zero_every_layer_is_at_its_mean() -> None:
    model = LinearGaussian(FORMAT)
    images = decode(model, 5, temperature=0)
    assert images.unique().tolist() == [int((0.2 / 2 + 1) / 2 * FORMAT.levels)]  # the bin in which the mean, 0.2, lies


def test_the_temperature_scales_the_spread_of_every_layer() -> None:
    model = LinearGaussian(ImageFormat(channels=1, height=50, width=50, bits=8), layers=3)
    spreads = [float(decode(model, 4, temperature=heat).double().std()) for heat in (0.1, 0.2, 0.4)]
    assert spreads[1] / spreads[0] == pytest.approx(2, rel=0.05)
    assert spreads[2] / spreads[1] == pytest.approx(2, rel=0.05)


def test_given_layers_are_kept_and_nothing_is_drawn_where_all_are_given() -> None:
    model = LinearGaussian(FORMAT, layers=3)
    latents = encode(model, some_images(FORMAT, 3))
    first, second = (decode(model, 3, latents, seed=seed) for seed in (1, 2))
    assert torch.equal(first, second)
    assert not torch.equal(decode(model, 3, latents[:2], seed=1), decode(model, 3, latents[:2], seed=2))


def test_noise_below_the_given_layers_is_not_that_of_the_posterior() -> None:
    """With one seed for both, what is drawn below a kept layer would repeat the noise that the layer carries."""
    model = LinearGaussian(ImageFormat(channels=1, height=60, width=60, bits=8), exact=False)
    noise = encode(model, torch.full((1, 1, 60, 60), 128, dtype=torch.uint8), seed=5)[0]
    below = decode(model, 1, [torch.zeros_like(noise)], seed=5).double()
    both = torch.stack([noise.flatten(), below.flatten()])
    assert abs(float(both.corrcoef()[0, 1])) < 4 / 60


def test_the_same_seed_repeats_and_the_callers_random_state_stays() -> None:
    model = LinearGaussian(FORMAT)
    torch.manual_seed(1)
    state = torch.get_rng_state()
    assert torch.equal(decode(model, 4, seed=3), decode(model, 4, seed=3))
    assert not torch.equal(decode(model, 4, seed=3), decode(model, 4, seed=4))
    assert torch.equal(torch.get_rng_state(), state)
    assert model.training


def test_what_the_model_cannot_do_is_refused() -> None:
    model = LinearGaussian(FORMAT)
    with pytest.raises(SettingError, match=r"from 0 up, not -0\.5"):
        decode(model, 1, temperature=-0.5)
    with pytest.raises(SettingError, match="from 0 up, not nan"):
        decode(model, 1, temperature=math.nan)
    with pytest.raises(SettingError, match="3 layers are given; the model has 2"):
        decode(model, 1, [torch.zeros(1, *FORMAT.shape)] * 3)
    with pytest.raises(DataError, match="At least one image is wanted"):
        decode(model, 0)
    with pytest.raises(DataError, match="At least one image is wanted"):
        encode(model, some_images(FORMAT, 0))
    with pytest.raises(DataError, match="values 0 to 63"):
        encode(model, some_images(FORMAT, 1) + 64)

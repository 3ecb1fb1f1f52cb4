"""The Gaussian VAE of thesis B: its sizes, its posterior and its prior."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from latentia.errors import SettingError
from latentia.images import ImageFormat
from latentia.masks import Masking, mask_keys
from latentia.models.multitask_gaussian_vae import MultitaskGaussianVAE, MultitaskGaussianVAEConfig
from latentia.randomness import seeded

from .multitask_models import (
    DIGITS,
    FORM,
    KINDS,
    build,
    every_kind_of_decoders,
    gaussian,
    images_of,
    sizes,
    values_of,
)


def test_for_images_of_28_the_gaussian_encoder_has_strides_2_2_1_1_and_a_map_of_7() -> None:
    model = build(MultitaskGaussianVAEConfig(), DIGITS)
    assert isinstance(model, MultitaskGaussianVAE)
    convolutions = [layer for layer in model.encoder.modules() if isinstance(layer, nn.Conv2d)]
    assert [(layer.out_channels, layer.stride[0]) for layer in convolutions] == [(32, 2), (64, 2), (128, 1), (256, 1)]
    last = model.encoder[-1]
    assert isinstance(last, nn.Linear) and last.in_features == 256 * 7 * 7
    assert model.decoder is not None
    ups = [layer for layer in model.decoder.modules() if isinstance(layer, nn.ConvTranspose2d)]
    assert [(layer.out_channels, layer.stride[0]) for layer in ups] == [(128, 1), (64, 1), (32, 2), (32, 2)]


def test_parameters_of_the_thesis_gaussian_vae_are_those_counted_by_hand() -> None:
    """A 3×3 convolution has 9·in·out + out, its batch norm 2·out, a linear layer in·out + out."""
    encoder = (9 + 3) * 32 + (9 * 32 + 3) * 64 + (9 * 64 + 3) * 128 + (9 * 128 + 3) * 256 + (256 * 49 + 1) * 32
    ups = (9 * 256 + 3) * 128 + (9 * 128 + 3) * 64 + (9 * 64 + 3) * 32 + (9 * 32 + 3) * 32 + 9 * 32 + 1
    first, second = ((inputs + 1 + 2) * 256 * 49 + ups for inputs in (16, 16 + 2 * 784))
    wanted = {"plain": encoder + first, "multi, flat": encoder + first + second, "single, flat": encoder + second}
    for kind, count in wanted.items():
        assert sizes(build(MultitaskGaussianVAEConfig(**KINDS[kind]), DIGITS, double=False)) == count, kind


@every_kind_of_decoders
@pytest.mark.parametrize("sides", [(7, 9), (6, 10), (2, 2), (5, 4), (1, 1)], ids=str)
def test_a_gaussian_vae_takes_sides_that_cannot_be_halved(kind: str, sides: tuple[int, int]) -> None:
    form = ImageFormat(channels=1, height=sides[0], width=sides[1])
    model = build(gaussian(**KINDS[kind]), form)
    values = values_of(model)
    mask = None if kind == "plain" else Masking(number=1).draw(mask_keys(0, count=4), *sides)
    assert model.terms(values, mask).errors.shape == (4, len(model.tasks))


@every_kind_of_decoders
def test_the_gaussian_cost_is_the_thesis_divergence(kind: str) -> None:
    """½ Σ (−log σ² − 1 + μ² + σ²), thesis B 2.1.2."""
    model = build(gaussian(**KINDS[kind])).eval()
    assert isinstance(model, MultitaskGaussianVAE)
    values = values_of(model)
    mean, log_variance = model.encoder(values).chunk(2, 1)
    wanted = 0.5 * (-log_variance - 1 + mean**2 + log_variance.exp()).sum(1)
    torch.testing.assert_close(model.encode(values).cost, wanted)


def test_the_gaussian_latent_variables_are_drawn_with_the_encoders_mean_and_variance() -> None:
    model = build(gaussian()).eval()
    assert isinstance(model, MultitaskGaussianVAE)
    values = values_of(model, 1)
    mean, log_variance = model.encoder(values)[0].detach().chunk(2)
    with seeded(4), torch.no_grad():
        draws = model.encode(values.expand(4_000, -1, -1, -1)).values
    deviation = (0.5 * log_variance).exp()
    assert ((draws.mean(0) - mean).abs() < 4 * deviation / len(draws) ** 0.5).all()
    torch.testing.assert_close(draws.std(0), deviation, rtol=0.03, atol=0)


def test_the_gaussian_divergence_is_the_mean_of_the_draws() -> None:
    model = build(gaussian()).eval()
    with seeded(3), torch.no_grad():
        inference = model.infer(images_of(FORM, 1).expand(4_000, -1, -1, -1))
    draws = (inference.log_posterior - inference.log_prior)[:, 0]
    assert abs(draws.mean() - inference.divergence[0, 0]) < 4 * draws.std() / len(draws) ** 0.5


def test_the_temperature_scales_the_gaussian_prior() -> None:
    model = build(gaussian()).eval()
    with seeded(5):
        drawn = model.generate(5000, temperature=0.5).latents[0]
    assert drawn.shape == (5000, 3) and model.has_prior
    assert drawn.std().item() == pytest.approx(0.5, abs=0.02)
    assert torch.equal(model.draw_latent(2, temperature=0), torch.zeros(2, 3, dtype=torch.float64))


@every_kind_of_decoders
def test_a_gaussian_vae_is_measured_on_a_single_image_but_not_trained_on_it(kind: str) -> None:
    model = build(gaussian(**KINDS[kind]))
    with pytest.raises(SettingError, match=r"2 or more images at a time.*has 1"):
        model.terms(values_of(model, 1))
    assert model.eval().terms(values_of(model, 1)).errors.shape == (1, 1)

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.latentia.models.linear_gaussian import LinearGaussian, some_images
from torch import Tensor
from torch.distributions import Normal

from latentia.data import ImageSet, ShuffledImages, Split
from latentia.errors import DataError, SettingError
from latentia.evaluation import detection_curve, evaluate_bound
from latentia.images import ImageFormat
from latentia.models.ladder_vae import LadderVAEConfig
from latentia.randomness import seeded
from latentia.training import fit
from latentia.training.density import DensityTraining, density_task
from latentia.uses import top_layers_bound

SMALL = ImageFormat(channels=1, height=2, width=3, bits=2)
PIXEL = ImageFormat(channels=1, height=1, width=1, bits=2)


def mean_bound(model: LinearGaussian, images: Tensor, *, draws: int = 3000, top: int, samples: int = 1) -> Tensor:
    """Average over independent draws: the same image again and again."""
    many = images.repeat_interleave(draws, 0)
    return top_layers_bound(model, many, top=top, samples=samples, batch=len(many)).reshape(-1, draws).mean(1)


def by_quadrature(model: LinearGaussian, image: Tensor) -> float:
    """Eq. 5.2 with one of two layers on top, for a single pixel and the exact posterior, on a grid of both layers."""
    grid = torch.linspace(-8, 8, 1601, dtype=torch.float64)
    scale = math.sqrt(model.variance)
    whole = image.reshape(1, 1, 1, 1).expand(len(grid), 1, 1, 1)
    given_top = model.pixels(grid.reshape(-1, 1, 1, 1), 2 * model.variance).log_prob(whole)
    given_low = model.pixels(grid.reshape(-1, 1, 1, 1), model.variance).log_prob(whole)
    given_top, given_low = given_top.clamp(min=-30), given_low.clamp(min=-30)  # where nothing has weight
    evidence = model.log_evidence(image).detach()
    posterior = (Normal(model.loc.detach(), 1.0).log_prob(grid) + given_top - evidence).exp()
    low = Normal(grid[:, None], scale).log_prob(grid[None]).exp()
    expected = (low * given_low).sum(1) / low.sum(1)
    value = posterior * (expected + evidence - given_top)
    return float(value.sum() / posterior.sum())


def test_with_all_layers_on_top_it_is_the_evidence_lower_bound_of_each_image() -> None:
    exact = LinearGaussian(SMALL)
    images = some_images(SMALL, 9)
    torch.testing.assert_close(top_layers_bound(exact, images, batch=4), exact.log_evidence(images).detach())
    rough = LinearGaussian(SMALL, exact=False, widening=1.3)
    usual = evaluate_bound(rough, images[:2].repeat_interleave(4000, 0), batch=8000).elbo.reshape(2, -1).mean(1)
    torch.testing.assert_close(mean_bound(rough, images[:2], top=2), usual, atol=0.15, rtol=0)


def test_with_one_layer_on_top_it_is_what_the_equation_says() -> None:
    model = LinearGaussian(PIXEL)
    images = torch.arange(PIXEL.levels, dtype=torch.uint8).reshape(-1, 1, 1, 1)
    wanted = torch.tensor([by_quadrature(model, image[None]) for image in images], dtype=torch.float64)
    found = mean_bound(model, images, draws=20000, top=1)
    torch.testing.assert_close(found, wanted, atol=0.05, rtol=0)
    assert bool((wanted < model.log_evidence(images).detach() - 0.1).all())


def test_more_samples_raise_the_bound_towards_the_likelihood() -> None:
    model = LinearGaussian(PIXEL)
    images = some_images(PIXEL, 3)
    values = [mean_bound(model, images, draws=2000, top=1, samples=samples) for samples in (1, 4, 32)]
    evidence = model.log_evidence(images).detach()
    assert bool((values[0] < values[1]).all() and (values[1] < values[2]).all())
    torch.testing.assert_close(values[2], evidence, atol=0.05, rtol=0)


def test_several_samples_are_combined_as_importance_weights() -> None:
    model = LinearGaussian(SMALL, exact=False, layers=3)
    images = some_images(SMALL, 4)
    values = {samples: top_layers_bound(model, images, top=2, samples=samples, seed=5) for samples in (1, 2)}
    second = (2 * values[2].exp() - values[1].exp()).log()
    with seeded(5, 0, 1):
        inference = model.infer(images)
        likelihood = model.generate(4, inference.latents[:2]).likelihood
    ratio = (inference.log_prior - inference.log_posterior)[:, :2].sum(1)
    torch.testing.assert_close(second, (likelihood.log_prob(images) + ratio).detach())


def test_blocks_of_images_give_what_one_block_gives() -> None:
    """The exact posterior's bound has no noise; with all layers on top, batches can be compared image by image."""
    model = LinearGaussian(SMALL, layers=3)
    images = some_images(SMALL, 7)
    whole = top_layers_bound(model, images, top=3)
    for batch in (1, 2, 7, 100):
        torch.testing.assert_close(top_layers_bound(model, images, top=3, batch=batch), whole)


def test_the_same_seed_repeats_and_another_does_not() -> None:
    model = LinearGaussian(SMALL)
    images = some_images(SMALL, 5)
    first = top_layers_bound(model, images, top=1, seed=3)
    assert torch.equal(top_layers_bound(model, images, top=1, seed=3), first)
    assert not torch.equal(top_layers_bound(model, images, top=1, seed=4), first)


def test_progress_counts_images_to_the_last() -> None:
    done: list[tuple[int, int]] = []
    top_layers_bound(LinearGaussian(SMALL), some_images(SMALL, 5), batch=2, on_progress=lambda *step: done.append(step))
    assert done == [(2, 5), (4, 5), (5, 5)]


def striped(count: int, image_format: ImageFormat, *, upright: bool, seed: int) -> Tensor:
    """Stripes with a phase of their own, along one axis or the other, and some noise."""
    generator = torch.Generator().manual_seed(seed)
    place = torch.arange(image_format.height)[:, None] if upright else torch.arange(image_format.width)[None]
    phase = torch.rand(count, 1, 1, generator=generator) * 4
    wave = ((place + phase) * math.pi / 2).sin().expand(count, image_format.height, image_format.width)
    noise = 0.1 * torch.randn(wave.shape, generator=generator)
    return ((wave + noise + 1.4) / 2.8 * image_format.levels).clamp(0, image_format.levels - 1).byte()[:, None]


def test_after_a_little_training_unusual_images_have_lower_bounds(tmp_path: Path) -> None:
    image_format = ImageFormat(channels=1, height=8, width=8, bits=4)
    usual = striped(256, image_format, upright=True, seed=1)
    images = ImageSet(images=usual.numpy(), format=image_format, name="stripes", split=Split.TRAIN)
    config = LadderVAEConfig(
        layers=(2, 0),
        channels=16,
        latent_channels=2,
        flow_channels=0,
        components=1,
    )
    with seeded(0):
        model = config.build(image_format)
    training = DensityTraining(steps=120, batch=32, learning_rate=0.005, optimizer="adam", average_decay=None)
    task = density_task(model, ShuffledImages(image_set=images, batch=32, seed=0), usual[:32], training)
    fit(task, training.loop(0), checkpoint=tmp_path / "checkpoint.safetensors")
    clean = striped(40, image_format, upright=True, seed=2)
    odd = striped(40, image_format, upright=False, seed=2)
    for top in (1, 2):
        scores = torch.cat([top_layers_bound(model, one, top=top) for one in (clean, odd)])
        assert detection_curve(-scores.numpy(), np.arange(80) >= 40).area_under_roc > 0.9


def test_what_makes_no_sense_is_refused_in_a_sentence() -> None:
    model = LinearGaussian(SMALL)
    images = some_images(SMALL, 2)
    for top in (0, 3):
        with pytest.raises(SettingError, match=f"The model has 2 layers, of which 1 to 2 can be named, not {top}"):
            top_layers_bound(model, images, top=top)
    with pytest.raises(SettingError, match="at least one sample per image, not 0"):
        top_layers_bound(model, images, samples=0)
    with pytest.raises(DataError, match="At least one image"):
        top_layers_bound(model, images[:0])
    with pytest.raises(DataError, match="The model wants images of"):
        top_layers_bound(model, images[:, :, :1])

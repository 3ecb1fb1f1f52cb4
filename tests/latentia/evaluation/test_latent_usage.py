from __future__ import annotations

import math
from collections.abc import Sequence

import pytest
import torch
from tests.latentia.models.linear_gaussian import LinearGaussian, some_images
from torch import Tensor

from latentia.distributions import CategoricalPixels
from latentia.errors import SettingError
from latentia.evaluation import evaluate_bound, layer_usage, unit_usage
from latentia.images import ImageFormat
from latentia.models.base import Generation, Inference, LatentVariableModel

SMALL = ImageFormat(channels=1, height=1, width=4, bits=2)


class Posterior(LatentVariableModel):
    """Four units, N(slope · x, 1) each, of which only the first two follow the image; the second but little."""

    image_format = SMALL
    slopes = torch.tensor([1.0, 0.3, 0.0, 0.0])

    @property
    def latent_shapes(self) -> tuple[tuple[int, ...], ...]:
        return ((4,),)

    def infer(self, images: Tensor) -> Inference:
        draws = images.flatten(1) * self.slopes + torch.randn(len(images), 4)
        nothing = torch.zeros(len(images), 1)
        likelihood = CategoricalPixels(image_channels=1, levels=4)(torch.zeros(len(images), 4, 1, 4))
        return Inference(
            latents=(draws,), log_posterior=nothing, log_prior=nothing, divergence=nothing, likelihood=likelihood
        )

    def generate(self, count: int, given: Sequence[Tensor] = (), temperature: float = 1.0) -> Generation:
        raise NotImplementedError


def test_units_that_follow_the_image_are_active_and_noise_is_not() -> None:
    (usage,) = unit_usage(Posterior(), some_images(SMALL, 800), draws=16)
    assert usage.number == 1
    assert usage.active.tolist() == [True, True, False, False]


@pytest.mark.parametrize("draws", [2, 5, 40])
def test_the_variance_of_the_posterior_mean_is_right_for_any_number_of_draws(draws: int) -> None:
    images = some_images(SMALL, 5000)
    (usage,) = unit_usage(Posterior(), images, draws=draws, batch=999)
    wanted = (images.flatten(1) * Posterior.slopes).double().var(0)
    torch.testing.assert_close(usage.variance, wanted, atol=0.04, rtol=0.04)


def test_layers_are_told_apart_by_what_they_cost() -> None:
    divergence = torch.tensor([[1.0, 0.0], [3.0, 0.01]])
    top, bottom = layer_usage(divergence, dimensions=10)
    assert (top.number, top.divergence_nats, top.active) == (1, 2.0, True)
    assert top.divergence_bits == pytest.approx(2 / (10 * math.log(2)))
    assert bottom.number == 2
    assert not bottom.active


def test_the_layers_shares_and_the_likelihood_add_up_to_the_bound() -> None:
    model = LinearGaussian(SMALL, layers=3, exact=False)
    terms = evaluate_bound(model, some_images(SMALL, 10))
    shares = layer_usage(terms.divergence, SMALL.dimensions)
    nats = float(terms.log_likelihood.mean()) - sum(share.divergence_nats for share in shares)
    assert nats == pytest.approx(float(terms.elbo.mean()))


def test_usage_of_units_wants_something_to_vary() -> None:
    with pytest.raises(SettingError, match="two images and two draws or more, not 1 and 16"):
        unit_usage(Posterior(), some_images(SMALL, 1))
    with pytest.raises(SettingError, match="not 5 and 1"):
        unit_usage(Posterior(), some_images(SMALL, 5), draws=1)

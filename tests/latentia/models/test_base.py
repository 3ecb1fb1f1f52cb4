from __future__ import annotations

import pytest
import torch
from torch import Tensor

from latentia.errors import DataError
from latentia.images import ImageFormat
from latentia.randomness import seeded

from .linear_gaussian import LinearGaussian, some_images

SMALL = ImageFormat(channels=1, height=2, width=3, bits=2)


@pytest.mark.parametrize("layers", [1, 2, 4])
def test_with_the_exact_posterior_the_bound_is_the_log_likelihood_for_every_draw(layers: int) -> None:
    model = LinearGaussian(SMALL, layers=layers)
    images = some_images(SMALL, 20)
    with seeded(1):
        terms = model(images)
    bound = terms.log_likelihood - terms.divergence.sum(1)
    torch.testing.assert_close(bound, model.log_evidence(images))


def test_with_the_exact_posterior_every_importance_weight_is_the_likelihood() -> None:
    model = LinearGaussian(SMALL)
    images = some_images(SMALL, 20)
    with seeded(2):
        weights = model.log_weights(images)
    torch.testing.assert_close(weights, model.log_evidence(images))


def test_the_likelihoods_of_all_images_sum_to_one() -> None:
    tiny = ImageFormat(channels=1, height=1, width=2, bits=2)
    everything = torch.cartesian_prod(torch.arange(4), torch.arange(4)).reshape(16, 1, 1, 2)
    masses = LinearGaussian(tiny).log_evidence(everything).exp()
    assert masses.sum().item() == pytest.approx(1, abs=1e-12)


def test_terms_give_the_divergence_and_log_weights_the_draws_own_densities() -> None:
    """Closed form and one draw agree on average, so the two estimates of the bound do."""
    model = LinearGaussian(SMALL, exact=False, widening=1.2)
    images = some_images(SMALL, 1).expand(20_000, -1, -1, -1)
    with seeded(3), torch.no_grad():
        terms, weights = model(images), model.log_weights(images)
    bound = terms.log_likelihood - terms.divergence.sum(1)
    error = float((weights.var() / len(weights) + bound.var() / len(bound)).sqrt())
    assert abs(float(weights.mean() - bound.mean())) < 4 * error


@pytest.mark.parametrize(
    ("images", "words"),
    [
        (torch.zeros(1, 1, 2, 3), "whole numbers, not of torch.float32"),
        (torch.zeros(1, 1, 2, 3, dtype=torch.bool), "whole numbers, not of torch.bool"),
        (torch.zeros(1, 3, 2, 3, dtype=torch.uint8), "1×2×3 with 2 bits; it got 3×2×3"),
        (torch.zeros(1, 2, 3, dtype=torch.uint8), "it got 2×3"),
        (torch.full((1, 1, 2, 3), 4), "values 0 to 3; it got 4 to 4"),
        (torch.full((1, 1, 2, 3), -1), "values 0 to 3; it got -1 to -1"),
    ],
)
def test_images_of_another_format_are_refused_in_one_sentence(images: Tensor, words: str) -> None:
    with pytest.raises(DataError, match=words):
        LinearGaussian(SMALL).check(images)


def test_images_of_the_format_pass_the_check_whatever_their_whole_type() -> None:
    for kind in (torch.uint8, torch.int16, torch.int64):
        LinearGaussian(SMALL).check(some_images(SMALL, 2).to(kind))

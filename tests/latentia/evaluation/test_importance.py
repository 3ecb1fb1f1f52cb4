from __future__ import annotations

from pathlib import Path

import pytest
import torch
from jaxtyping import Float, Integer
from tests.latentia.models.linear_gaussian import LinearGaussian, some_images
from torch import Tensor

from latentia.errors import DataError, SettingError
from latentia.evaluation import evaluate_bound, importance_weighted
from latentia.images import ImageFormat
from latentia.objectives import importance_weighted_log_likelihood

SMALL = ImageFormat(channels=1, height=2, width=3, bits=2)


def test_with_the_exact_posterior_one_sample_is_enough() -> None:
    model = LinearGaussian(SMALL)
    images = some_images(SMALL, 9)
    estimate = importance_weighted(model, images, samples=1, batch=4)
    torch.testing.assert_close(estimate.log_likelihood, model.log_evidence(images).detach())


def test_with_the_exact_posterior_every_sample_counts_in_full() -> None:
    estimate = importance_weighted(LinearGaussian(SMALL), some_images(SMALL, 3), samples=50, batch=16)
    torch.testing.assert_close(estimate.effective_samples, torch.full((3,), 50.0, dtype=torch.float64))
    assert estimate.mean_sampling_error == pytest.approx(0, abs=1e-6)


def test_with_another_posterior_the_estimate_comes_to_the_log_likelihood_and_the_bound_stays_below() -> None:
    model = LinearGaussian(SMALL, exact=False, widening=1.2)
    images = some_images(SMALL, 20)
    estimate = importance_weighted(model, images, samples=2048, batch=512)
    error = estimate.log_likelihood - model.log_evidence(images).detach()
    assert float(error.mean().abs()) < 4 * estimate.mean_sampling_error + 1e-3
    bound = evaluate_bound(model, images, draws=200).elbo
    torch.testing.assert_close(estimate.elbo.mean(), bound.mean(), atol=0.15, rtol=0)
    assert bool((estimate.elbo < estimate.log_likelihood - 0.1).all())


def test_the_sampling_error_is_the_spread_from_seed_to_seed() -> None:
    model = LinearGaussian(SMALL, exact=False, widening=1.2)
    images = some_images(SMALL, 4)
    estimates = [importance_weighted(model, images, samples=256, batch=256, seed=seed) for seed in range(40)]
    spread = torch.stack([estimate.log_likelihood for estimate in estimates]).std(0)
    said = torch.stack([estimate.sampling_error for estimate in estimates]).mean(0)
    torch.testing.assert_close(said, spread, rtol=0.5, atol=0)


class Recorded(LinearGaussian):
    """Keeps the log-weights that it gave."""

    def __init__(self) -> None:
        super().__init__(SMALL, exact=False)
        self.given: list[Tensor] = []

    def log_weights(self, images: Integer[Tensor, "batch channels height width"]) -> Float[Tensor, " batch"]:
        self.given.append(super().log_weights(images))
        return self.given[-1]


@pytest.mark.parametrize(("samples", "batch"), [(7, 3), (8, 4), (3, 7), (1, 1)])
def test_sums_over_passes_equal_the_formula_on_all_weights_at_once(samples: int, batch: int) -> None:
    model = Recorded()
    estimate = importance_weighted(model, some_images(SMALL, 5), samples=samples, batch=batch)
    # Weights come image by image, or, where several images share a pass, in the same order within the pass.
    weights = torch.cat(model.given).reshape(5, samples).T
    torch.testing.assert_close(estimate.log_likelihood, importance_weighted_log_likelihood(weights))
    torch.testing.assert_close(estimate.elbo, weights.mean(0))
    share = weights.softmax(0)
    torch.testing.assert_close(estimate.effective_samples, 1 / share.square().sum(0))


def test_a_pass_never_holds_more_draws_than_the_batch() -> None:
    model = Recorded()
    importance_weighted(model, some_images(SMALL, 3), samples=100, batch=8)
    assert max(map(len, model.given)) == 8


def test_estimates_of_the_first_images_do_not_depend_on_those_that_follow() -> None:
    model = LinearGaussian(SMALL, exact=False)
    images = some_images(SMALL, 6)
    whole = importance_weighted(model, images, samples=10, batch=4)
    part = importance_weighted(model, images[:2], samples=10, batch=4)
    assert torch.equal(whole.log_likelihood[:2], part.log_likelihood)


def test_weights_far_below_what_a_float_holds_are_summed_without_loss() -> None:
    large = ImageFormat(channels=3, height=24, width=24, bits=8)
    model = LinearGaussian(large)
    images = some_images(large, 2)
    estimate = importance_weighted(model, images, samples=6, batch=4)
    assert float(estimate.log_likelihood.max()) < -5000
    torch.testing.assert_close(estimate.log_likelihood, model.log_evidence(images).detach())


def test_an_evaluation_that_was_interrupted_goes_on_to_the_same_figures(tmp_path: Path) -> None:
    model = LinearGaussian(SMALL, exact=False)
    images = some_images(SMALL, 40)
    wanted = importance_weighted(model, images, samples=6, batch=4)

    def stop(done: int, count: int) -> None:
        if done == 37:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        importance_weighted(model, images, samples=6, batch=4, partial=tmp_path, on_progress=stop)
    assert len(list(tmp_path.iterdir())) == 1
    done: list[int] = []
    again = importance_weighted(
        model, images, samples=6, batch=4, partial=tmp_path, on_progress=lambda number, count: done.append(number)
    )
    assert done[0] == 33
    assert torch.equal(again.log_likelihood, wanted.log_likelihood)
    assert torch.equal(again.effective_samples, wanted.effective_samples)
    assert not list(tmp_path.iterdir())


def test_what_was_kept_of_another_evaluation_is_not_taken_up(tmp_path: Path) -> None:
    model = LinearGaussian(SMALL, exact=False)
    images = some_images(SMALL, 20)

    def stop(done: int, count: int) -> None:
        if done == 17:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        importance_weighted(model, images, samples=4, batch=4, partial=tmp_path, on_progress=stop)
    with torch.no_grad():
        model.loc += 1
    wanted = importance_weighted(model, images, samples=4, batch=4)
    again = importance_weighted(model, images, samples=4, batch=4, partial=tmp_path)
    assert torch.equal(again.log_likelihood, wanted.log_likelihood)


def test_what_cannot_be_estimated_is_refused() -> None:
    model = LinearGaussian(SMALL)
    with pytest.raises(SettingError, match="at least one sample per image, not 0"):
        importance_weighted(model, some_images(SMALL, 2), samples=0)
    with pytest.raises(DataError, match="At least one image is wanted"):
        importance_weighted(model, some_images(SMALL, 0))
    with pytest.raises(DataError, match="it got 1×3×2"):
        importance_weighted(model, some_images(SMALL, 2).transpose(2, 3))

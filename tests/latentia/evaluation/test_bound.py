from __future__ import annotations

import pytest
import torch
from tests.latentia.models.linear_gaussian import LinearGaussian, some_images

from latentia.errors import DataError, SettingError
from latentia.evaluation import evaluate_bound
from latentia.images import ImageFormat

SMALL = ImageFormat(channels=1, height=2, width=3, bits=2)


@pytest.mark.parametrize("count", [1, 7, 8, 9])
def test_every_image_is_measured_those_of_an_incomplete_batch_too(count: int) -> None:
    model = LinearGaussian(SMALL)
    images = some_images(SMALL, count)
    done: list[tuple[int, int]] = []
    terms = evaluate_bound(model, images, batch=4, on_progress=lambda *step: done.append(step))
    torch.testing.assert_close(terms.elbo, model.log_evidence(images).detach())
    assert done[-1] == (count, count)


def test_more_draws_take_the_noise_out_and_not_the_gap() -> None:
    model = LinearGaussian(SMALL, exact=False, widening=1.5)
    images = some_images(SMALL, 10)
    evidence = model.log_evidence(images).detach()
    bounds = [evaluate_bound(model, images, draws=400, seed=seed).elbo for seed in (0, 1)]
    assert bool((bounds[0] < evidence).all())
    torch.testing.assert_close(bounds[0].mean(), bounds[1].mean(), atol=0.15, rtol=0)


def test_the_same_seed_repeats_and_the_callers_random_state_stays() -> None:
    model = LinearGaussian(SMALL, exact=False)
    images = some_images(SMALL, 5)
    torch.manual_seed(7)
    wanted = torch.rand(1)
    torch.manual_seed(7)
    first = evaluate_bound(model, images, seed=3)
    assert torch.equal(torch.rand(1), wanted)
    torch.testing.assert_close(evaluate_bound(model, images, seed=3).elbo, first.elbo, rtol=0, atol=0)
    assert not torch.equal(evaluate_bound(model, images, seed=4).elbo, first.elbo)


def test_the_model_is_left_in_the_mode_it_was_in_even_after_an_error() -> None:
    model = LinearGaussian(SMALL)
    frozen = torch.nn.Dropout().eval()
    model.add_module("frozen", frozen)
    evaluate_bound(model, some_images(SMALL, 2))
    with pytest.raises(SettingError):
        evaluate_bound(model, some_images(SMALL, 2), batch=0)
    assert model.training
    assert not frozen.training
    assert model.loc.grad is None


def test_what_cannot_be_measured_is_refused() -> None:
    model = LinearGaussian(SMALL)
    with pytest.raises(DataError, match="At least one image is wanted"):
        evaluate_bound(model, some_images(SMALL, 0))
    with pytest.raises(SettingError, match="at least one draw from the posterior, not 0"):
        evaluate_bound(model, some_images(SMALL, 2), draws=0)
    with pytest.raises(DataError, match="values 0 to 3"):
        evaluate_bound(model, some_images(SMALL, 2) + 4)

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor
from torch.distributions import TransformedDistribution, Uniform
from torch.distributions.transforms import AffineTransform, SigmoidTransform

from latentia.distributions import Logistic
from latentia.randomness import seeded


def float64(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


def test_density_is_that_of_a_transformed_uniform() -> None:
    loc, scale = float64(-1, 0.3, 2), float64(0.1, 1, 3)
    uniform = Uniform(torch.zeros_like(loc), torch.ones_like(loc))
    known = TransformedDistribution(uniform, [SigmoidTransform().inv, AffineTransform(loc, scale)])
    value = float64(-0.9, 1.5, -4)
    ours = Logistic(loc, scale)
    torch.testing.assert_close(ours.log_prob(value), known.log_prob(value))
    torch.testing.assert_close(ours.cdf(value), known.cdf(value))


def test_density_is_the_slope_of_the_distribution_function() -> None:
    value = torch.linspace(-5, 5, 41, dtype=torch.float64, requires_grad=True)
    logistic = Logistic(float64(0.7), float64(0.4))
    (slope,) = torch.autograd.grad(logistic.cdf(value).sum(), value)
    torch.testing.assert_close(logistic.log_prob(value).exp(), slope)


def test_an_interval_has_the_difference_of_the_distribution_function() -> None:
    logistic = Logistic(float64(-0.5, 0, 2), float64(0.2, 1, 5))
    lower, upper = float64(-1, -math.inf, 0.5), float64(0.5, 1, math.inf)
    difference = logistic.cdf(upper) - logistic.cdf(lower)
    torch.testing.assert_close(logistic.log_interval(lower, upper).exp(), difference)


def test_the_whole_line_has_probability_one() -> None:
    infinite = float64(math.inf)
    assert Logistic(float64(3), float64(0.1)).log_interval(-infinite, infinite).item() == 0


def test_intervals_far_from_the_mean_keep_their_logarithm() -> None:
    """A thousand scales away the distribution function is 0 or 1 to the last bit; its logarithm is linear there."""
    logistic = Logistic(torch.zeros(2), torch.ones(2))
    lower = torch.tensor([1000.0, -1001.0])
    expected = -1000 + math.log1p(-math.exp(-1))
    torch.testing.assert_close(logistic.log_interval(lower, lower + 1), torch.full((2,), expected))


def test_draws_have_the_stated_mean_and_variance() -> None:
    logistic = Logistic(torch.tensor([-1.0, 2.0]), torch.tensor([0.5, 3.0]))
    with seeded(0):
        draws = logistic.sample(torch.Size([40_000]))
    standard_error = (logistic.variance / len(draws)).sqrt()
    assert ((draws.mean(0) - logistic.mean).abs() < 4 * standard_error).all()
    torch.testing.assert_close(draws.var(0), logistic.variance, rtol=0.05, atol=0)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_uniform_draw_of_zero_is_the_middle_of_what_it_stands_for(
    dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`torch.rand` gives 0 for all that lies below ε/2, so no draw lies further out than the logit of ε/4."""
    monkeypatch.setattr(torch, "rand", torch.zeros)
    draws = Logistic(torch.zeros(3, dtype=dtype), torch.ones(3, dtype=dtype)).sample()
    lowest = math.log(torch.finfo(dtype).eps / 4)
    torch.testing.assert_close(draws, torch.full((3,), lowest, dtype=dtype))


def test_draws_carry_gradients_to_mean_and_scale() -> None:
    loc, scale = torch.zeros(3, requires_grad=True), torch.ones(3, requires_grad=True)
    with seeded(0):
        draws = Logistic(loc, scale).rsample()
    draws.sum().backward()
    assert loc.grad is not None and scale.grad is not None
    torch.testing.assert_close(loc.grad, torch.ones(3))
    torch.testing.assert_close(scale.grad, draws.detach())


def test_parameters_are_checked_as_in_torch() -> None:
    with pytest.raises(ValueError, match="scale"):
        Logistic(torch.zeros(2), torch.tensor([1.0, -1.0]))
    assert Logistic(torch.zeros(2), torch.tensor(1.0)).expand((3, 2)).batch_shape == (3, 2)

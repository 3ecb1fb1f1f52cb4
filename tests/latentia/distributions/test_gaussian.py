from __future__ import annotations

import math

import pytest
import torch
from torch.distributions import Independent, Normal, kl_divergence

from latentia.distributions.gaussian import DiagonalGaussian


def make(seed: int) -> DiagonalGaussian:
    generator = torch.Generator().manual_seed(seed)
    return DiagonalGaussian.from_map(torch.randn(3, 4, 2, 5, generator=generator, dtype=torch.float64))


def reference(gaussian: DiagonalGaussian) -> Independent:
    return Independent(Normal(gaussian.loc, gaussian.log_scale.exp()), 3)


def test_density_and_divergence_are_torchs_summed_over_the_event() -> None:
    one, other = make(0), make(1)
    value = torch.randn(3, 2, 2, 5, dtype=torch.float64)
    assert torch.allclose(one.log_prob(value), reference(one).log_prob(value))
    assert torch.allclose(one.divergence(other), kl_divergence(reference(one), reference(other)))
    assert one.log_prob(value[None].expand(6, -1, -1, -1, -1)).shape == (6, 3)


def test_the_halves_of_a_map_are_means_and_log_variances_in_full_precision() -> None:
    parameters = torch.randn(2, 6, 3).bfloat16()
    gaussian = DiagonalGaussian.from_map(parameters)
    assert gaussian.loc.dtype == torch.float32
    assert torch.equal(gaussian.loc, parameters[:, :3].float())
    assert torch.equal(gaussian.log_scale, 0.5 * parameters[:, 3:].float())


@pytest.mark.parametrize("temperature", [0.0, 0.5, 2.0])
def test_temperature_scales_the_deviation_of_the_draws(temperature: float) -> None:
    torch.manual_seed(0)
    loc = torch.full((40_000, 1), 3.0)
    gaussian = DiagonalGaussian(loc, torch.full_like(loc, math.log(0.7)))
    draws = gaussian.at(temperature).rsample()
    assert draws.mean().item() == pytest.approx(3.0, abs=0.03)
    assert draws.std().item() == pytest.approx(0.7 * temperature, abs=0.02)


def test_the_gradient_reaches_mean_and_scale_through_a_draw() -> None:
    loc, log_scale = torch.zeros(2, 3, requires_grad=True), torch.zeros(2, 3, requires_grad=True)
    DiagonalGaussian(loc, log_scale).rsample().square().sum().backward()
    assert loc.grad is not None and loc.grad.any()
    assert log_scale.grad is not None and log_scale.grad.any()

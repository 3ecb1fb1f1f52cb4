from __future__ import annotations

import torch
from torch import Tensor
from torch.distributions import Normal, kl_divergence

from latentia.distributions import gaussian_divergence


def draws(seed: int, *shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_divergence_of_gaussians_is_torchs() -> None:
    loc, log_scale, prior_loc, prior_log_scale = draws(0, 4, 3, 2, 5)
    known = kl_divergence(Normal(loc, log_scale.exp()), Normal(prior_loc, prior_log_scale.exp()))
    torch.testing.assert_close(gaussian_divergence(loc, log_scale, prior_loc, prior_log_scale), known)


def test_a_gaussian_does_not_diverge_from_itself() -> None:
    loc, log_scale = draws(1, 2, 7)
    assert torch.equal(gaussian_divergence(loc, log_scale, loc, log_scale), torch.zeros_like(loc))


def test_divergence_next_to_the_prior_is_never_negative() -> None:
    log_scale = torch.linspace(-1e-3, 1e-3, 1001)
    zero = torch.zeros_like(log_scale)
    divergence = gaussian_divergence(zero, log_scale, zero, zero)
    assert (divergence >= -1e-10).all()
    torch.testing.assert_close(divergence, log_scale.square(), rtol=0.01, atol=1e-10)


def test_divergence_and_gradients_of_a_collapsed_posterior_are_finite() -> None:
    loc = torch.tensor([0.0, 5.0, -30.0], requires_grad=True)
    log_scale = torch.tensor([-100.0, -60.0, 20.0], requires_grad=True)
    divergence = gaussian_divergence(loc, log_scale, torch.zeros(3), torch.zeros(3))
    divergence.sum().backward()
    assert loc.grad is not None and log_scale.grad is not None
    assert all(tensor.isfinite().all() for tensor in (divergence, loc.grad, log_scale.grad))


def test_half_precision_is_widened() -> None:
    half = torch.tensor([1.0], dtype=torch.bfloat16)
    assert gaussian_divergence(half, half, half * 0, half * 0).dtype is torch.float32

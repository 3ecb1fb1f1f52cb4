"""Divergences between distributions of latent variables, in nats."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from latentia.distributions.pixels import at_least_float32


def gaussian_divergence(
    loc: Float[Tensor, "*shape"],
    log_scale: Float[Tensor, "*shape"],
    prior_loc: Float[Tensor, "*#shape"],
    prior_log_scale: Float[Tensor, "*#shape"],
) -> Float[Tensor, "*shape"]:
    """KL(N(loc, scale²) ‖ N(prior_loc, prior_scale²)) of each element in closed form, in at least float32.

    From log-scales no logarithm of a rounded ratio is taken: a posterior of scale e⁻¹⁰⁰ has a finite divergence, which
    torch's `kl_divergence` puts at infinity. With the prior N(0, 1) it is thesis B's.

    Equation: B 2.1
    """
    loc, log_scale, prior_loc, prior_log_scale = map(at_least_float32, (loc, log_scale, prior_loc, prior_log_scale))
    log_ratio = log_scale - prior_log_scale
    distance = (loc - prior_loc) * torch.exp(-prior_log_scale)
    # expm1: next to the prior, the variance ratio's share 0.5·(r² − 1) − log r is a difference of small numbers.
    return 0.5 * (torch.expm1(2 * log_ratio) + distance.square()) - log_ratio

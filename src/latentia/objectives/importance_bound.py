"""The importance-weighted estimate of log p(x)."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor


def importance_weighted_log_likelihood(log_weights: Float[Tensor, "samples batch"]) -> Float[Tensor, " batch"]:
    """log(1/K · Σ_k p(x, z_k)/q(z_k | x)), per example, in nats, for K draws z_k (Burda et al. 2015).

    One draw gives the evidence lower bound in expectation; more draws come closer to log p(x) from below. Under it,
    "Importance samples" of Table A.1 is K.
    """
    return torch.logsumexp(log_weights, 0) - math.log(len(log_weights))

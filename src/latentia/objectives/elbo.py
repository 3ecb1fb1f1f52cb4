"""The evidence lower bound."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor


def elbo(
    log_likelihood: Float[Tensor, " batch"], divergence: Float[Tensor, "batch layers"], beta: float = 1.0
) -> Float[Tensor, " batch"]:
    """E_q[log p(x | z)] − β·KL(q(z | x) ‖ p(z)), per example, in nats: to be maximised.

    At β = 1 it bounds log p(x) from below (thesis A, 2.3.2 and 4.3.2).
    """
    return log_likelihood - beta * divergence.sum(-1)

"""Free bits: a floor under each layer's divergence, so that no layer is given up early in training."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor


def free_bits(divergence: Float[Tensor, "batch layers"], floor: float) -> Float[Tensor, " layers"]:
    """Give max(mean KL over the batch, floor) for each layer, in nats.

    Below the floor a layer's divergence costs nothing and has no gradient (Kingma et al. 2016; Table A.1, "Free bits").
    The floor is the intended one; the authors' code has a smaller one (docs/errata.md).
    """
    return divergence.mean(0).clamp(min=floor)

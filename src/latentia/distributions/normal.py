"""The normal distribution with logarithms of the probabilities of intervals."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from latentia.distributions.pixels import Shape, at_least_float32


class Normal(torch.distributions.Normal):
    """torch's normal distribution, in at least float32, which also says how probable an interval is.

    Batch shape: that of loc and scale, broadcast; event shape: ().
    """

    def __init__(
        self,
        loc: Float[Tensor, " ..."],
        scale: Float[Tensor, " ..."],
        validate_args: bool | None = None,
    ) -> None:
        super().__init__(at_least_float32(loc), at_least_float32(scale), validate_args=validate_args)

    def expand(self, batch_shape: Shape, _instance: torch.distributions.Distribution | None = None) -> Normal:
        """Repeat along new or singleton dimensions of the batch, as torch's `expand`."""
        return Normal(self.loc.expand(batch_shape), self.scale.expand(batch_shape), self._validate_args)

    def log_interval(self, lower: Float[Tensor, " ..."], upper: Float[Tensor, " ..."]) -> Float[Tensor, " ..."]:
        """log P(lower < x ≤ upper) in nats; the ends may be infinite. Shapes broadcast.

        Intervals above the mean are mirrored below it, where logarithms of the distribution function are exact.
        """
        u, w = (lower - self.loc) / self.scale, (upper - self.loc) / self.scale
        mirrored = u + w > 0
        u, w = torch.where(mirrored, -w, u), torch.where(mirrored, -u, w)
        below, above = torch.special.log_ndtr(u), torch.special.log_ndtr(w)
        result: Tensor = above + torch.log(-torch.expm1(below - above))
        return result

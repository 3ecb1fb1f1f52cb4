"""A continuous distribution over [−1, 1] and beyond, cut into bins around the levels of an image."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float, UInt8
from torch import Tensor
from torch.distributions import Distribution

from latentia.distributions.logistic import Logistic
from latentia.distributions.normal import Normal
from latentia.distributions.pixels import PixelDistribution, Shape, check_levels


def bin_edges(levels_drawn: Float[Tensor, " ..."], levels: int) -> tuple[Float[Tensor, " ..."], Float[Tensor, " ..."]]:
    """Give the bins' lower and upper ends for whole numbers v from 0 to levels − 1.

    The centre is 2v/(levels − 1) − 1, the width 2/(levels − 1); the first and the last bin have no outer end.
    Neighbours share their edge to the bit, so that nothing is counted twice or left out.
    """
    lower = (2 * levels_drawn - levels) / (levels - 1)
    upper = (2 * levels_drawn + (2 - levels)) / (levels - 1)
    return (
        lower.masked_fill(levels_drawn <= 0, -math.inf),
        upper.masked_fill(levels_drawn >= levels - 1, math.inf),
    )


def nearest_level(values: Float[Tensor, "*shape"], levels: int) -> UInt8[Tensor, "*shape"]:
    """Give the level in whose bin each value lies."""
    return ((values * (levels - 1) + levels) / 2).floor().clamp(0, levels - 1).to(torch.uint8)


class Discretized(PixelDistribution):
    """Whole numbers 0 … levels − 1, each with the probability that the base gives to the bin around it.

    `Discretized(Logistic(loc, scale), levels=256)` is the discretized logistic of Kingma et al. (2016) on the range
    −1 … 1. The first and last bins take the tails, so the probabilities sum to 1 whatever the base and the levels.
    Batch shape: the base's; event shape: (). Errors: ValueError for fewer than 2 or more than 256 levels.
    """

    arg_constraints = {}  # noqa: RUF012, torch's own form
    has_enumerate_support = True

    def __init__(self, base: Logistic | Normal, levels: int, validate_args: bool | None = None) -> None:
        check_levels(levels)
        self.base, self.levels = base, levels
        super().__init__(base.batch_shape, validate_args=validate_args)

    def expand(self, batch_shape: Shape, _instance: Distribution | None = None) -> Discretized:
        """Repeat along new or singleton dimensions of the batch, as torch's `expand`."""
        return Discretized(self.base.expand(batch_shape), self.levels, self._validate_args)

    def log_prob(self, value: Tensor) -> Float[Tensor, " ..."]:
        """Logarithm of the probability of whole numbers, in nats."""
        if self._validate_args:
            self._validate_sample(value)
        return self.base.log_interval(*bin_edges(value.to(self.base.mean.dtype), self.levels))

    def sample(self, sample_shape: Shape = ()) -> UInt8[Tensor, " ..."]:
        """Draw from the base, and give the levels of the bins that were hit."""
        return nearest_level(self.base.sample(sample_shape), self.levels)

    def enumerate_support(self, expand: bool = True) -> UInt8[Tensor, "levels ..."]:
        """Give every level, along a new first dimension."""
        values = torch.arange(self.levels, dtype=torch.uint8, device=self.base.mean.device)
        values = values.view(-1, *(1 for _ in self.batch_shape))
        return values.expand(-1, *self.batch_shape) if expand else values

    @property
    def mean(self) -> Float[Tensor, "*batch"]:
        """The expected level, exact; takes `levels` times the memory of the batch while it is computed."""
        values = self.enumerate_support(expand=False)
        return (values * self.log_prob(values).exp()).sum(0)

    @property
    def representative(self) -> UInt8[Tensor, "*batch"]:
        """The level next to the base's mean."""
        return nearest_level(self.base.mean, self.levels)

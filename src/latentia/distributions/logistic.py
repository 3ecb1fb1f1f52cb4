"""The logistic distribution, with probabilities of intervals that stay exact in logarithms."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor
from torch.distributions import Distribution, constraints
from torch.distributions.utils import broadcast_all
from torch.nn.functional import logsigmoid, softplus

from latentia.distributions.pixels import Shape, at_least_float32


def logistic_noise(shape: torch.Size, like: Float[Tensor, " ..."]) -> Float[Tensor, " ..."]:
    """Draw from the standard logistic distribution, from torch's random state.

    `torch.rand` gives multiples of ε/2, 0 among them, which stands for all numbers below the next one: its middle is
    taken. A smaller number would be an outlier as no logistic distribution has in a lifetime.
    """
    uniform = torch.rand(shape, dtype=like.dtype, device=like.device).clamp(min=torch.finfo(like.dtype).eps / 4)
    return torch.log(uniform) - torch.log1p(-uniform)


def log_interval(
    lower: Float[Tensor, " ..."],
    upper: Float[Tensor, " ..."],
    loc: Float[Tensor, " ..."],
    inverse_scale: Float[Tensor, " ..."],
) -> Float[Tensor, " ..."]:
    """log P(lower < x ≤ upper) in nats; the ends may be infinite. Shapes broadcast.

    With standardised ends u < w, σ(w) − σ(u) = σ(w)·σ(−u)·(1 − exp(u − w)): no difference of nearly equal numbers, so
    that value and gradient stay finite however far x lies from loc.
    """
    from_below, to_above = lower.isneginf(), upper.isposinf()
    open_end = from_below | to_above
    u = (lower.masked_fill(from_below, 0.0) - loc) * inverse_scale
    minus_w = (loc - upper.masked_fill(to_above, 0.0)) * inverse_scale
    minus_width = (lower - upper).masked_fill(open_end, -1.0) * inverse_scale
    # Where an end is open its factor is 1, and so is the last one. In place: this is what training a mixture computes
    # most, and there it is bound by memory.
    result = torch.log(-torch.expm1(minus_width)).masked_fill_(open_end, 0.0)
    result -= softplus(u).masked_fill_(from_below, 0.0)
    result -= softplus(minus_w).masked_fill_(to_above, 0.0)
    return result


class Logistic(Distribution):
    """The logistic distribution, P(x ≤ t) = σ((t − loc)/scale), which torch does not have.

    Batch shape: that of loc and scale, broadcast; event shape: (). At least float32.
    """

    arg_constraints = {"loc": constraints.real, "scale": constraints.positive}  # noqa: RUF012, torch's own form
    support = constraints.real
    has_rsample = True

    def __init__(
        self, loc: Float[Tensor, " ..."], scale: Float[Tensor, " ..."], validate_args: bool | None = None
    ) -> None:
        self.loc, self.scale = broadcast_all(at_least_float32(loc), at_least_float32(scale))
        super().__init__(self.loc.shape, validate_args=validate_args)

    def expand(self, batch_shape: Shape, _instance: Distribution | None = None) -> Logistic:
        """Repeat along new or singleton dimensions of the batch, as torch's `expand`."""
        return Logistic(self.loc.expand(batch_shape), self.scale.expand(batch_shape), self._validate_args)

    @property
    def mean(self) -> Float[Tensor, "*batch"]:
        """The mean, which is loc."""
        return self.loc

    @property
    def variance(self) -> Float[Tensor, "*batch"]:
        """(π·scale)²/3."""
        return (torch.pi * self.scale).square() / 3

    def rsample(self, sample_shape: Shape = ()) -> Float[Tensor, " ..."]:
        """Draw values through which gradients flow to loc and scale."""
        return self.loc + self.scale * logistic_noise(self._extended_shape(torch.Size(sample_shape)), self.loc)

    def log_prob(self, value: Float[Tensor, " ..."]) -> Float[Tensor, " ..."]:
        """Logarithm of the density, in nats."""
        if self._validate_args:
            self._validate_sample(value)
        standard = (value - self.loc) / self.scale
        return logsigmoid(standard) + logsigmoid(-standard) - self.scale.log()

    def cdf(self, value: Float[Tensor, " ..."]) -> Float[Tensor, " ..."]:
        """P(x ≤ value)."""
        if self._validate_args:
            self._validate_sample(value)
        return torch.sigmoid((value - self.loc) / self.scale)

    def log_interval(self, lower: Float[Tensor, " ..."], upper: Float[Tensor, " ..."]) -> Float[Tensor, " ..."]:
        """log P(lower < x ≤ upper) in nats; the ends may be infinite."""
        return log_interval(lower, upper, self.loc, self.scale.reciprocal())

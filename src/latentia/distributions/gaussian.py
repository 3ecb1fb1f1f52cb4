"""Gaussians with independent values: posteriors and priors of latent variables."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor
from torch.distributions import Distribution, constraints

from latentia.distributions.divergences import gaussian_divergence
from latentia.distributions.pixels import Shape, at_least_float32


class DiagonalGaussian(Distribution):
    """Independent normal values; the first axis is the batch, all others are one event.

    Shapes: loc and log_scale (batch, …); a log-density is (batch,). Parameters are not checked: a training that has
    gone wrong must reach the loss, where the guard of the loop looks.
    """

    arg_constraints = {"loc": constraints.real, "log_scale": constraints.real}  # noqa: RUF012, torch's own form
    has_rsample = True

    def __init__(self, loc: Float[Tensor, "batch ..."], log_scale: Float[Tensor, "batch ..."]) -> None:
        self.loc, self.log_scale = loc, log_scale
        super().__init__(loc.shape[:1], loc.shape[1:], validate_args=False)

    @classmethod
    def from_map(cls, parameters: Float[Tensor, "batch twice ..."]) -> DiagonalGaussian:
        """Take means and log-variances from the two halves of a network's channels, in at least float32.

        The exponential, and sums over thousands of values, need that much under mixed precision.
        """
        loc, log_variance = at_least_float32(parameters).chunk(2, 1)
        return cls(loc, 0.5 * log_variance)

    @property
    def mean(self) -> Tensor:
        """The values' means."""
        return self.loc

    def at(self, temperature: float) -> DiagonalGaussian:
        """Give the Gaussian whose standard deviations are `temperature` times these; 0 leaves the means alone."""
        shift = math.log(temperature) if temperature > 0 else -math.inf
        return DiagonalGaussian(self.loc, self.log_scale + shift)

    def rsample(self, sample_shape: Shape = ()) -> Tensor:
        """Draw so that the gradient reaches mean and scale. From torch's random state."""
        noise = torch.randn((*sample_shape, *self.loc.shape), dtype=self.loc.dtype, device=self.loc.device)
        return self.loc + self.log_scale.exp() * noise

    def log_prob(self, value: Tensor) -> Float[Tensor, " *batch"]:
        """Logarithm of the density of whole events, in nats."""
        distance = (value - self.loc) * (-self.log_scale).exp()
        density = -0.5 * (distance.square() + math.log(2 * math.pi)) - self.log_scale
        return density.flatten(-len(self.event_shape)).sum(-1)

    def divergence(self, other: DiagonalGaussian) -> Float[Tensor, " batch"]:
        """KL(self ‖ other) of whole events, in nats."""
        return gaussian_divergence(self.loc, self.log_scale, other.loc, other.log_scale).flatten(1).sum(1)

"""The posterior of z given sensors: how a decoder that knows z alone serves where a few values are known.

p(z | y) ∝ p(z) · N(y; decoded values at the sensors, noise²), with a standard normal prior. Its mode is found by
Gauss-Newton steps from the best of many draws of the prior, and its width is that of the normal distribution there
(Laplace's approximation).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.func import jvp

from experiments.flow_from_sensors.networks import decode_at
from latentia.evaluation_mode import evaluation_mode
from latentia.models.multitask_gaussian_vae import MultitaskGaussianVAE
from latentia.randomness import seeded

Values = Float[Tensor, "images channels height width"]


STARTS = 4
"""Draws of the prior from which the mode is looked for: a few, since few sensors may take one phase for another."""
STEPS = 12


@dataclass(frozen=True, kw_only=True)
class SensorPosterior:
    """Finds z by what sensors say."""

    model: MultitaskGaussianVAE
    latents: Float[Tensor, "draws latent"]
    """Draws of the prior, among which the search begins."""

    @classmethod
    def of(cls, model: MultitaskGaussianVAE, draws: int, seed: int) -> SensorPosterior:
        """Draw from the prior."""
        with torch.no_grad(), seeded(seed):
            return cls(model=model, latents=model.draw_latent(draws))

    def estimate(
        self, values: Values, mask: Bool[Tensor, "height width"], noise: float, *, draws: int = 16, seed: int = 0
    ) -> tuple[Values, Values]:
        """Give the decoded mode of z, and the standard deviation of fields decoded from the posterior.

        `noise` is the standard deviation of a value around what is decoded, in the units of `values`; it is part of
        the standard deviation.
        """
        known = values[:, :, mask].flatten(1)
        with evaluation_mode(self.model):
            mode, precision = self._mode(known, mask, noise)
            field = self.model.decode(mode)
            with seeded(seed):
                white = torch.randn(draws, *mode.shape)
            root = torch.linalg.cholesky(precision)
            # Σ = (L Lᵀ)⁻¹, so that L⁻ᵀ ε has it as its covariance.
            moved = torch.linalg.solve_triangular(root.mT, white.permute(1, 2, 0), upper=True).permute(2, 0, 1)
            decoded = torch.stack([self.model.decode(mode + one) for one in moved])
        return field, (decoded.var(0, correction=0) + noise**2).sqrt()

    def _mode(
        self, known: Float[Tensor, "images values"], mask: Bool[Tensor, "height width"], noise: float
    ) -> tuple[Float[Tensor, "images latent"], Float[Tensor, "images latent latent"]]:
        """Find the mode of each image's posterior, and the precision matrix there, by damped Gauss-Newton steps."""

        def decoded(latent: Tensor) -> Tensor:
            return decode_at(self.model, latent, mask)

        def energy(latent: Tensor, found: Tensor) -> Tensor:
            return ((found - wanted) / noise).square().sum(1) + latent.square().sum(1)

        first = (torch.cdist(known, decoded(self.latents)) / noise).square() + self.latents.square().sum(1)
        best = first.topk(STARTS, largest=False).indices
        latent, wanted = self.latents[best].flatten(0, 1), known.repeat_interleave(STARTS, 0)
        found = decoded(latent)
        now, damping = energy(latent, found), latent.new_ones(len(latent))
        unit = torch.eye(latent.shape[1])
        for _ in range(STEPS):
            slopes, precision = _curvature(decoded, latent, noise)
            gradient = (slopes.mT @ ((wanted - found) / noise)[..., None])[..., 0] - latent
            step = torch.linalg.solve(precision + damping[:, None, None] * unit, gradient)
            moved = decoded(latent + step)
            then = energy(latent + step, moved)
            better = then < now
            latent = torch.where(better[:, None], latent + step, latent)
            found = torch.where(better[:, None], moved, found)
            now = torch.where(better, then, now)
            damping = torch.where(better, damping / 5, damping * 5)
        place = torch.arange(len(known)) * STARTS + now.view(-1, STARTS).argmin(1)
        return latent[place], _curvature(decoded, latent[place], noise)[1]


def _curvature(decoded: Callable[[Tensor], Tensor], latent: Tensor, noise: float) -> tuple[Tensor, Tensor]:
    """Give the slopes of decoded values, (images, values, latent), in units of the noise, and JᵀJ + I."""
    directions = torch.eye(latent.shape[1])
    columns = [jvp(decoded, (latent,), (one.expand_as(latent),))[1] / noise for one in directions]
    slopes = torch.stack(columns, -1)
    return slopes, slopes.mT @ slopes + directions

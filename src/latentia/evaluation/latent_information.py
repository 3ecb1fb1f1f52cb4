"""How much Gaussian latent variables say of the data: mutual information from the posteriors of N examples, in nats.

I(x; z) = E_x KL(q(z | x) ‖ p(z)) − KL(q(z) ‖ p(z)), with the aggregate posterior q(z) = E_x q(z | x) (Hoffman & Johnson
2016). A large divergence alone may also mean that q(z) is far from the prior. Draws come from torch's random state:
around these functions stands `with latentia.randomness.seeded(seed):`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from latentia.distributions import DiagonalGaussian, gaussian_divergence
from latentia.errors import SettingError
from latentia.evaluation.latent_usage import UnitUsage
from latentia.evaluation_mode import blocks

CHUNK_NUMBERS = 2**22
"""How many numbers are held at once of the distances between draws and posteriors; 32 MB of float64."""


@dataclass(frozen=True, kw_only=True)
class LatentInformation:
    """What the latent variables say of N examples, and what that costs, in nats."""

    examples: int
    information: float
    """I(x; z) for x one of the examples, each as likely. It cannot exceed the ceiling, log N, and for examples that are
    themselves draws it is on average below that of all data: figures of different N are not comparable near it."""
    standard_error: float
    """Of the draws alone; the examples are taken as they are."""
    divergence_per_dimension: Float[Tensor, "*latent"]
    """KL(q(z_d | x) ‖ p(z_d)), mean over the examples."""
    units: UnitUsage
    """Variance over the examples of each posterior mean; active above 0.01 (Burda et al. 2015)."""

    @property
    def ceiling(self) -> float:
        """Log N: what tells every example from all others."""
        return math.log(self.examples)

    @property
    def divergence(self) -> float:
        """E_x KL(q(z | x) ‖ p(z)), the divergence in the bound."""
        return float(self.divergence_per_dimension.sum())

    @property
    def aggregate_divergence(self) -> float:
        """KL(q(z) ‖ p(z)): what is paid and tells nothing; below 0 by chance where the truth is near it."""
        return self.divergence - self.information


def latent_information(
    posterior: DiagonalGaussian, prior: DiagonalGaussian | None = None, *, draws: int = 4
) -> LatentInformation:
    """Measure one layer of latent variables from the posteriors of N examples, each of them one of the batch.

    `prior` has a batch of 1 and is N(0, 1) unless given. Computed in float64 on the device of the posteriors; the time
    grows with draws × N², the memory does not. Errors: SettingError below two examples or two draws.
    """
    examples = len(posterior.loc)
    if draws < 2 or examples < 2:
        raise SettingError(f"Latent information wants two examples and two draws or more, not {examples} and {draws}.")
    loc, log_scale = posterior.loc.detach().double(), posterior.log_scale.detach().double()
    gains = torch.stack([_gain(loc.flatten(1), log_scale.flatten(1)) for _ in range(draws)])
    return LatentInformation(
        examples=examples,
        information=float(gains.mean()),
        standard_error=float((gains.var(0).mean() / (draws * examples)).sqrt()),
        divergence_per_dimension=divergence_per_dimension(posterior, prior),
        units=UnitUsage(number=1, variance=loc.var(0).cpu()),
    )


def divergence_per_dimension(
    posterior: DiagonalGaussian, prior: DiagonalGaussian | None = None
) -> Float[Tensor, "*latent"]:
    """KL(q(z_d | x) ‖ p(z_d)) of each latent variable, mean over the batch, float64; the prior as above."""
    loc, log_scale = posterior.loc.detach().double(), posterior.log_scale.detach().double()
    standard = torch.zeros_like(loc[:1])
    prior_loc, prior_log_scale = (standard, standard) if prior is None else (prior.loc, prior.log_scale)
    return (
        gaussian_divergence(loc, log_scale, prior_loc.detach().double(), prior_log_scale.detach().double())
        .mean(0)
        .cpu()
    )


def _gain(
    loc: Float[Tensor, "examples latent"], log_scale: Float[Tensor, "examples latent"]
) -> Float[Tensor, " examples"]:
    """Log q(z | x) − log q(z) for one z drawn from each posterior, with q(z) the mixture of all.

    The prior cancels, where log q(z) − log p(z) would carry the noise of both; so posteriors that are all alike give 0
    and those that are far apart log N, at every draw.
    """
    z = DiagonalGaussian(loc, log_scale).sample()
    inverse, normalizer = (-log_scale).exp(), log_scale.sum(1)
    gains = []
    for block in blocks(len(loc), max(1, CHUNK_NUMBERS // loc.numel())):
        distance = (z[block, None] - loc) * inverse
        # Up to log 2π, which all share. Rows are draws, columns posteriors.
        densities = -0.5 * distance.square().sum(2) - normalizer
        own = densities.diagonal(block.start)
        gains.append(own - densities.logsumexp(1))
    return torch.cat(gains) + math.log(len(loc))

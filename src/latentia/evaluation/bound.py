"""The evidence lower bound of every image, and what each layer costs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float, Integer
from torch import Tensor

from latentia.errors import SettingError
from latentia.evaluation_mode import blocks, evaluation_mode
from latentia.models.base import LatentVariableModel
from latentia.objectives import elbo
from latentia.randomness import seeded

OnProgress = Callable[[int, int], None]
"""Is told how many images are done, of how many."""


@dataclass(frozen=True, kw_only=True)
class BoundTerms:
    """The two sides of the bound for each image, in nats, averaged over the draws; on the CPU, float64."""

    log_likelihood: Float[Tensor, " images"]
    divergence: Float[Tensor, "images layers"]
    """Layers top first."""

    @property
    def elbo(self) -> Float[Tensor, " images"]:
        """Bound on log p(x), in nats."""
        return elbo(self.log_likelihood, self.divergence)


def evaluate_bound(
    model: LatentVariableModel,
    images: Integer[Tensor, "images channels height width"],
    *,
    draws: int = 1,
    batch: int = 64,
    seed: int = 0,
    autocast: torch.dtype | None = None,
    on_progress: OnProgress = lambda done, images: None,
) -> BoundTerms:
    """Measure the bound on every image, those of an incomplete last batch too.

    More draws from the posterior take noise out of the figure and leave its expectation as it is. The same seed and
    batch draw the same numbers. Errors: DataError where there are no images or they are not of the model's format.
    """
    if draws < 1:
        raise SettingError(f"The bound wants at least one draw from the posterior, not {draws}.")
    model.check(images)
    log_likelihood = torch.zeros(len(images), dtype=torch.float64)
    divergence = torch.zeros(len(images), len(model.latent_shapes), dtype=torch.float64)
    with evaluation_mode(model, autocast) as device:
        for block in blocks(len(images), batch):
            part = images[block].to(device)
            for draw in range(draws):
                with seeded(seed, block.start, draw, device=device):
                    terms = model(part)
                log_likelihood[block] += terms.log_likelihood.cpu().double() / draws
                divergence[block] += terms.divergence.cpu().double() / draws
            on_progress(block.stop, len(images))
    return BoundTerms(log_likelihood=log_likelihood, divergence=divergence)

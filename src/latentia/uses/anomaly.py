"""Anomalies by their density: how well the topmost layers of latent variables alone account for an image.

Thesis A, 5.3.4, after Maaløe et al. 2019: low layers describe any texture well, also one that the model never saw.
Drawn from the prior instead of the posterior they cannot, and the bound then speaks of what the top layers know.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from jaxtyping import Float, Integer
from torch import Tensor

from latentia.errors import SettingError
from latentia.evaluation_mode import blocks, evaluation_mode
from latentia.models.base import LatentVariableModel
from latentia.randomness import seeded
from latentia.uses.latents import require_layers


def top_layers_bound(
    model: LatentVariableModel,
    images: Integer[Tensor, "images channels height width"],
    *,
    top: int = 2,
    samples: int = 1,
    batch: int = 64,
    seed: int = 0,
    on_progress: Callable[[int, int], None] = lambda done, images: None,
) -> Float[Tensor, " images"]:
    """Bound log p(x) of each image from its `top` layers, in nats; lower is more unusual. On the CPU, float64.

    Equation: A 5.2

    These layers, z_{>k} with k = L − `top`, are drawn from the posterior and the others from the prior given them; the
    value is log p(x | z) + log p(z_{>k}) − log q(z_{>k} | x). With all L layers on top it is the usual bound. Several
    `samples` are combined as importance weights, log(1/S · Σ exp), which raises the value towards log p(x); one is the
    thesis' way. The same seed and batch draw the same, and more samples begin with the same ones.

    Errors: SettingError where the model has fewer layers, or there is no sample; DataError where there are no images or
    they are not of the model's format.
    """
    require_layers(model, top, least=1)
    if samples < 1:
        raise SettingError(f"The bound wants at least one sample per image, not {samples}.")
    model.check(images)
    sums = torch.full((len(images),), -math.inf, dtype=torch.float64)
    with evaluation_mode(model) as device:
        for block in blocks(len(images), batch):
            part = images[block].to(device)
            for sample in range(samples):
                with seeded(seed, block.start, sample, device=device):
                    weights = _log_weights(model, part, top)
                sums[block] = torch.logaddexp(sums[block], weights.cpu().double())
            on_progress(block.stop, len(images))
    return sums - math.log(samples)


def _log_weights(
    model: LatentVariableModel, images: Integer[Tensor, "batch channels height width"], top: int
) -> Float[Tensor, " batch"]:
    """What eq. 5.2 takes the expectation of, at one draw."""
    if top == len(model.latent_shapes):
        return model.log_weights(images)
    inference = model.infer(images)
    ratio = (inference.log_prior - inference.log_posterior)[:, :top].sum(1)
    return model.generate(len(images), inference.latents[:top]).likelihood.log_prob(images) + ratio

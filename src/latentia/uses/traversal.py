"""Latent traversals: what each latent dimension stands for, seen by moving it while the others stay."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int64, Integer, UInt8
from torch import Tensor

from latentia.errors import SettingError
from latentia.evaluation import divergence_per_dimension, gaussian_posterior
from latentia.evaluation.latent_usage import ACTIVE_NATS
from latentia.models.base import LatentVariableModel
from latentia.uses.latents import Images, decode

VALUES = (-2.0, -1.5, -1.0, -0.5, 0.0, 0.5, 1.0, 1.5, 2.0)
"""Where a dimension goes: as far as the prior has 95 % of its draws."""


@dataclass(frozen=True, kw_only=True)
class Traversal:
    """Images decoded with one latent dimension moved, the most informative dimension first."""

    originals: Images
    values: tuple[float, ...]
    dimensions: Int64[Tensor, " dimensions"]
    """Which dimensions of z were moved, counted from 0; those that say nothing are left out."""
    divergence_nats: Float[Tensor, " latent"]
    """KL from posterior to prior of every dimension, those left out too, mean over the images that ranked them."""
    images: UInt8[Tensor, "images dimensions values channels height width"]


def traverse(
    model: LatentVariableModel,
    images: Images,
    *,
    ranked_by: Integer[Tensor, "ranking channels height width"] | None = None,
    values: Sequence[float] = VALUES,
    batch: int = 64,
) -> Traversal:
    """Move each dimension of z to each of `values`, around the posterior mean of each image, and decode.

    Dimensions stand in the order of their divergence over the images `ranked_by`, by default those that are traversed;
    one with at most 0.01 nats is dead and left out. Errors: DataError for images that are not of the model's format;
    SettingError for a model without one vector of Gaussian latent variables, without a value to move to, or whose
    dimensions are all dead.
    """
    if not values:
        raise SettingError("A traversal wants at least one value to move dimensions to.")
    ranked = gaussian_posterior(model, images if ranked_by is None else ranked_by, batch=batch)
    divergence = divergence_per_dimension(ranked)
    order = divergence.argsort(descending=True, stable=True)
    alive = order[divergence[order] > ACTIVE_NATS]
    if not len(alive):
        raise SettingError(
            f"All {len(divergence)} latent dimensions are dead: each says at most {ACTIVE_NATS} nats about an image, "
            "so that none has anything to show."
        )
    means = gaussian_posterior(model, images, batch=batch).loc
    moved = means[:, None, None].repeat(1, len(alive), len(values), 1)
    for place, dimension in enumerate(alive.tolist()):
        moved[:, place, :, dimension] = torch.tensor(values, dtype=means.dtype)
    drawn = decode(model, moved.shape[:3].numel(), [moved.flatten(0, 2)], batch=batch)
    return Traversal(
        originals=images,
        values=tuple(values),
        dimensions=alive,
        divergence_nats=divergence,
        images=torch.unflatten(drawn, 0, moved.shape[:3]),
    )

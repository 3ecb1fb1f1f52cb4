"""What a multitask model is worth: the errors of its reconstructions, and the cost of its latent variables."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int64, Shaped
from torch import Tensor

from latentia.evaluation_mode import blocks, evaluation_mode
from latentia.layers.vector_quantizer import CodeUsage, code_usage
from latentia.masks import Masking, apply_mask, mask_keys
from latentia.models.base import MultitaskModel
from latentia.randomness import seeded

MASKS = 1
"""Sets the stream of the masks apart from that of the latent variables."""


@dataclass(frozen=True, kw_only=True)
class TaskFigures:
    """Figures of each image, on the CPU in float64; squared errors are means over an image's numbers."""

    unconditioned: Float[Tensor, " images"]
    """Squared error of the reconstruction from the latent variables alone; a single decoder is told of no pixel."""
    conditioned: Float[Tensor, " images"] | None
    """Squared error of the reconstruction with known pixels; None where no decoder takes them."""
    known: Float[Tensor, " images"] | None
    """How many pixels were known."""
    cost: Float[Tensor, " images"]
    """Divergence in nats, or the losses of codebook and commitment."""
    usage: CodeUsage | None
    """Use of the codebook, where there is one."""


def evaluate_tasks(
    model: MultitaskModel,
    values: Shaped[Tensor, "images channels height width"],
    masking: Masking | None = None,
    *,
    batch: int = 64,
    seed: int = 0,
    autocast: torch.dtype | None = None,
) -> TaskFigures:
    """Measure every image once, with a mask of its own that depends on the seed and its place alone.

    `values` are images of whole numbers or real values as the model takes them. Without `masking` the conditioned
    reconstruction is not measured. Errors: DataError where there is nothing, or not of the model's size.
    """
    count, (_, height, width) = len(values), model.image_format.shape
    unconditioned, conditioned, cost = (torch.empty(count, dtype=torch.float64) for _ in range(3))
    known, keys = torch.empty_like(cost), mask_keys(seed, MASKS, count=count)
    codes: list[Int64[Tensor, "batch places"]] = []
    with evaluation_mode(model, autocast) as device:
        for block in blocks(count, batch):
            truth = model.as_values(values[block].to(device))
            with seeded(seed, block.start, device=device):
                latent = model.encode(truth)
            unconditioned[block] = _error(model.decode(latent.values), truth)
            if masking is not None:
                mask = masking.draw(keys[block], height, width)
                given = model.decode_given(latent.values, apply_mask(truth, mask.to(device)))
                conditioned[block] = _error(given, truth)
                known[block] = mask.flatten(1).sum(1).double()
            cost[block] = latent.cost.cpu().double()
            if latent.codes is not None:
                codes.append(latent.codes.flatten(1).cpu())
    return TaskFigures(
        unconditioned=unconditioned,
        conditioned=None if masking is None else conditioned,
        known=None if masking is None else known,
        cost=cost,
        usage=code_usage(torch.cat(codes), model.codebook_size) if model.codebook_size is not None else None,
    )


def _error(values: Tensor, truth: Tensor) -> Float[Tensor, " batch"]:
    # In float64 on the CPU: not every device has it.
    return (values - truth).cpu().double().square().flatten(1).mean(1)

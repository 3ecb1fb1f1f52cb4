"""Masks by a trained model, for images of any size."""

from __future__ import annotations

from jaxtyping import Bool, Float, Shaped
from torch import Tensor
from torch.nn.functional import interpolate

from latentia.evaluation.segmentation import THRESHOLD, as_values, segment
from latentia.models.base import SegmentationModel


def find_mask(
    model: SegmentationModel,
    images: Shaped[Tensor, "images channels height width"],
    *,
    size: tuple[int, int] | None,
    window: int,
    batch: int,
) -> Bool[Tensor, "images 1 height width"]:
    """Mark the pixels that are more likely than not, in images of bytes or of values 0 … 1.

    With `size` the images are taken to that height and width and the probabilities back; without, they stay as they
    are and are gone over by overlapping windows. Errors: as `segment`.
    """
    values = as_values(images)
    if size is None:
        return segment(model, values, batch=batch, window=window) > THRESHOLD
    found = segment(model, _resized(values, size), batch=batch)
    return _resized(found, (images.shape[-2], images.shape[-1])) > THRESHOLD


def _resized(
    values: Float[Tensor, "images channels _ _"], size: tuple[int, int]
) -> Float[Tensor, "images channels _ _"]:
    if tuple(values.shape[-2:]) == size:
        return values
    return interpolate(values, size, mode="bilinear", antialias=True)

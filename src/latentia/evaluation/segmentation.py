"""How well masks agree with those of experts: Dice and Jaccard of each image (Table 4.5), and masks of large images."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Shaped
from torch import Tensor

from latentia.errors import DataError, SettingError
from latentia.evaluation_mode import blocks, evaluation_mode
from latentia.models.base import SegmentationModel
from latentia.objectives.segmentation import MISSING

THRESHOLD = 0.5
"""A pixel that is more likely than this belongs to the mask."""


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """Dice and Jaccard of each image, 0 … 1. Two empty masks agree wholly; an empty one with another, not at all."""

    dice: Float[Tensor, " images"]
    jaccard: Float[Tensor, " images"]


def agreement(found: Bool[Tensor, "images 1 height width"], given: Bool[Tensor, "masks 1 rows columns"]) -> Agreement:
    """Compare masks with those that are given, by MONAI.

    Errors: DataError where they have other sizes; SettingError where MONAI is missing.
    """
    if found.shape != given.shape:
        raise DataError(f"Masks of {tuple(found.shape)} were to be compared with masks of {tuple(given.shape)}.")
    try:
        from monai.metrics.meandice import compute_dice
        from monai.metrics.meaniou import compute_iou
    except ImportError as error:
        raise SettingError(MISSING) from error
    pair = (found.float(), given.float())
    # MONAI counts an empty mask that was found empty as 1, and not as NaN, where it is told so.
    dice, jaccard = (measure(*pair, ignore_empty=False).flatten() for measure in (compute_dice, compute_iou))
    return Agreement(dice=dice, jaccard=jaccard)


def segment(
    model: SegmentationModel,
    images: Shaped[Tensor, "images channels height width"],
    *,
    batch: int = 16,
    window: int | None = None,
    overlap: float = 0.5,
) -> Float[Tensor, "images 1 height width"]:
    """Give the probability of each pixel, of images of bytes or of values 0 … 1. A volume is a batch of its slices.

    With `window`, images with a longer side are gone over by windows of that size, `overlap` of which is a neighbour's
    too; where windows overlap, the mean counts, with the weight of a bell over each, because a window knows less of
    what is at its edge. Errors: DataError where images have other channels than the model; SettingError for windows
    that make no sense or where MONAI is missing.
    """
    if images.shape[1] != model.channels:
        raise DataError(f"The model is for images with {model.channels} channels; these have {images.shape[1]}.")
    if window is not None and (window < 1 or not 0 <= overlap < 1):
        raise SettingError(f"Windows are 1 pixel or more and overlap by 0 up to 1, not {window} and {overlap}.")
    with evaluation_mode(model) as device:
        parts = [
            _probabilities(model, as_values(images[part]).to(device), window, overlap).cpu()
            for part in blocks(len(images), batch)
        ]
    return torch.cat(parts)


def as_values(images: Shaped[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """Give bytes as shares of white; what has values already stays."""
    return images.to(torch.float32) / 255 if images.dtype == torch.uint8 else images.to(torch.float32)


def _probabilities(model: SegmentationModel, images: Tensor, window: int | None, overlap: float) -> Tensor:
    if window is None or max(images.shape[-2:]) <= window:
        return model.probabilities(images)
    try:
        from monai.inferers.utils import sliding_window_inference
    except ImportError as error:
        raise SettingError(MISSING) from error
    found = sliding_window_inference(
        images, window, len(images), model.probabilities, overlap=overlap, mode="gaussian", padding_mode="replicate"
    )
    assert isinstance(found, Tensor)
    return found

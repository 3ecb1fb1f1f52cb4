"""The loss of segmentation: Dice and cross-entropy together (thesis A, 4.4.3, after Isensee et al.)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from latentia.errors import SettingError

MISSING = 'Segmentation needs MONAI, which is not installed; pip install "latentia[segmentation]" adds it.'


def dice_and_cross_entropy() -> Callable[[Sequence[Tensor], Bool[Tensor, "batch 1 height width"]], Float[Tensor, ""]]:
    """Make the loss: of logits (batch, 1, height, width) of each output of a model, the mean over the outputs.

    Dice is one minus the soft Dice score of each image, and cross-entropy the mean over all pixels in nats; both are
    MONAI's. They are computed in float32 whatever the precision. Errors: SettingError where MONAI is missing.
    """
    try:
        from monai.losses.dice import DiceCELoss
    except ImportError as error:
        raise SettingError(MISSING) from error
    measure = DiceCELoss(sigmoid=True)

    def loss(outputs: Sequence[Tensor], masks: Tensor) -> Tensor:
        wanted = masks.to(torch.float32)
        return torch.stack([measure(logits.float(), wanted) for logits in outputs]).mean()

    return loss

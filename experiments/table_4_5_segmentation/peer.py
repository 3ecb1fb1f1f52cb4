"""MONAI's U-Net and U-Net++ behind our interface: the independent baselines."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from latentia.models.base import SegmentationModel

SCALES = 5


class MonaiUNet(SegmentationModel):
    """`BasicUNet` or `BasicUNetPlusPlus` as MONAI has them, with instance norm and leaky ReLUs, at the widths of ours.

    They have five scales, and take the width of their last layer apart; where ours has fewer, as in the smallest
    budget, their lower ones are as wide as the lowest.
    """

    def __init__(self, widths: tuple[int, ...], channels: int, *, nested: bool) -> None:
        super().__init__()
        from monai.networks.nets.basic_unet import BasicUNet
        from monai.networks.nets.basic_unetplusplus import BasicUNetPlusPlus

        self.channels = channels
        features = (*widths, *[widths[-1]] * (SCALES - len(widths)), widths[0])
        settings: dict[str, Any] = {"spatial_dims": 2, "in_channels": channels, "out_channels": 1, "features": features}
        self.network = BasicUNetPlusPlus(**settings, deep_supervision=True) if nested else BasicUNet(**settings)

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """Give the logits of each pixel, by each nested U-Net where they are nested."""
        found = self.network(images)
        return tuple(found) if isinstance(found, list) else (found,)

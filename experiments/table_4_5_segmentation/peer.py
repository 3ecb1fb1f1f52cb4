"""MONAI's U-Net behind our interface: the independent baseline."""

from __future__ import annotations

from torch import Tensor

from latentia.models.base import SegmentationModel

SCALES = 5


class MonaiUNet(SegmentationModel):
    """`BasicUNet` as MONAI has it, with instance norm and leaky ReLUs, at the widths of ours.

    It has five scales, and takes the width of its last layer apart; where ours has fewer, as in the smallest budget,
    its lower ones are as wide as the lowest.
    """

    def __init__(self, widths: tuple[int, ...], channels: int) -> None:
        super().__init__()
        from monai.networks.nets.basic_unet import BasicUNet

        self.channels = channels
        features = (*widths, *[widths[-1]] * (SCALES - len(widths)), widths[0])
        self.network = BasicUNet(spatial_dims=2, in_channels=channels, out_channels=1, features=features)

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """Give the logits of each pixel."""
        return (self.network(images),)

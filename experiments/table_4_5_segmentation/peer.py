"""MONAI's U-Net behind our interface: the independent baseline."""

from __future__ import annotations

from torch import Tensor

from latentia.models.base import SegmentationModel


class MonaiUNet(SegmentationModel):
    """`BasicUNet` as MONAI has it, with instance norm and leaky ReLUs, at the widths of ours."""

    def __init__(self, widths: tuple[int, ...], channels: int) -> None:
        super().__init__()
        from monai.networks.nets.basic_unet import BasicUNet

        self.channels = channels
        # It has five scales, and takes the width of its last layer apart.
        self.network = BasicUNet(spatial_dims=2, in_channels=channels, out_channels=1, features=(*widths, widths[0]))

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """Give the logits of each pixel."""
        return (self.network(images),)


def monai_u_net(widths: tuple[int, ...], channels: int) -> SegmentationModel:
    """Make it; where ours has fewer scales, in the smallest budget, its lower ones are as wide as the lowest."""
    return MonaiUNet((*widths, *[widths[-1]] * (5 - len(widths))), channels)

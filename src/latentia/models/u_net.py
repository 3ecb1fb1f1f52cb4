"""U-Net, and SDU-Net: the same with spatial dependency layers at its lowest scales (thesis A, 4.4.2, Table A.7)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import max_pool2d

from latentia.errors import SettingError
from latentia.layers.padded import crop_to, pad_to_multiple
from latentia.layers.segmentation_block import DependencyConfig, block
from latentia.layers.spatial_dependency import AlternatingDirections
from latentia.layers.strided import channels_last
from latentia.models.base.segmentation import SegmentationModel


@dataclass(frozen=True, kw_only=True)
class UNetConfig:
    """A U-Net; with `sdn`, an SDU-Net. The widths are those of Ronneberger et al.

    Errors: SettingError where a number makes no sense.
    """

    widths: tuple[int, ...] = (64, 128, 256, 512, 1024)
    """Channels at each scale, the finest first."""
    sdn: DependencyConfig | None = None

    def __post_init__(self) -> None:
        check_scales(self.widths, self.sdn)

    def build(self, channels: int) -> UNet:
        """Make the model for images with so many channels."""
        return UNet(self, channels)


class UNet(SegmentationModel):
    """An encoder whose maps halve, a decoder whose maps double, and at each scale a bridge between the two.

    Images of any size: what does not halve as often as there are scales is padded by its edge, and cropped back. Batch
    norm and padding are what is not as in the original, whose output is smaller than its input. The SDN layers stand in
    the place of the second convolutions of the lowest blocks, `sdn.layers` of the encoder (the bottom among them) and
    as many of the decoder. That is our reading of "SDN layers per encoder/decoder" and of Figure 4.11.

    Source: thesis A, 4.4.2 and Table A.7.
    """

    def __init__(self, config: UNetConfig, channels: int) -> None:
        super().__init__()
        self.channels = channels
        self.multiple = 2 ** (len(config.widths) - 1)
        turn = AlternatingDirections()
        widths, deepest = config.widths, len(config.widths) - 1
        self.encoder = nn.ModuleList(
            dependent_block(inputs, outputs, config.sdn, turn, depth=deepest - scale)
            for scale, (inputs, outputs) in enumerate(zip((channels, *widths), widths, strict=False))
        )
        # From the bottom to the top, as they are used.
        self.widen = nn.ModuleList(
            nn.ConvTranspose2d(widths[scale + 1], widths[scale], 2, stride=2) for scale in reversed(range(deepest))
        )
        self.decoder = nn.ModuleList(
            dependent_block(2 * widths[scale], widths[scale], config.sdn, turn, depth=deepest - 1 - scale)
            for scale in reversed(range(deepest))
        )
        self.head = nn.Conv2d(widths[0], 1, 1)

    def forward(self, images: Float[Tensor, "batch channels height width"]) -> tuple[Tensor, ...]:
        """Give the logits of each pixel."""
        bridges: list[Tensor] = []
        x = channels_last(pad_to_multiple(images, self.multiple))
        for scale, down in enumerate(self.encoder):
            x = down(x if scale == 0 else max_pool2d(x, 2))
            bridges.append(x)
        for widen, up, bridge in zip(self.widen, self.decoder, reversed(bridges[:-1]), strict=True):
            x = up(torch.cat([bridge, widen(x)], 1))
        return (crop_to(self.head(x), *images.shape[-2:]),)


def dependent_block(
    inputs: int, outputs: int, sdn: DependencyConfig | None, turn: AlternatingDirections, *, depth: int
) -> nn.Module:
    """Make the block that is `depth` scales above the lowest one of its path, with an SDN layer if it is low enough."""
    if sdn is None or depth >= sdn.layers:
        return block(inputs, outputs)
    return block(inputs, outputs, sdn.layer(outputs, outputs, turn.take(sdn.directions)))


def check_scales(widths: Sequence[int], sdn: DependencyConfig | None) -> None:
    """Errors: SettingError where there are fewer than two scales, an empty one, or fewer than SDN layers."""
    if len(widths) < 2 or min(widths) < 1:
        raise SettingError(f"model.widths must be at least two numbers from 1 up, not {list(widths)}.")
    if sdn is not None and sdn.layers >= len(widths):
        raise SettingError(
            f"model.sdn.layers must be below the number of scales, {len(widths)}, because the decoder has one less; it "
            f"is {sdn.layers}."
        )

"""U-Net++, and SDNU-Net: the same with spatial dependency layers at its lowest scales (thesis A, Figure 4.11)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import max_pool2d

from latentia.layers.padded import crop_to, pad_to_multiple
from latentia.layers.segmentation_block import DependencyConfig
from latentia.layers.spatial_dependency import AlternatingDirections
from latentia.layers.strided import channels_last
from latentia.models.base.segmentation import SegmentationModel
from latentia.models.u_net import check_scales, dependent_block


@dataclass(frozen=True, kw_only=True)
class NestedUNetConfig:
    """A U-Net++; with `sdn`, an SDNU-Net. The widths are those of Zhou et al.

    Errors: SettingError where a number makes no sense.
    """

    widths: tuple[int, ...] = (32, 64, 128, 256, 512)
    """Channels at each scale, the finest first."""
    deep_supervision: bool = True
    """Whether each of the nested decoders has an output of its own, all of which are trained."""
    sdn: DependencyConfig | None = None

    def __post_init__(self) -> None:
        check_scales(self.widths, self.sdn)

    def build(self, channels: int) -> NestedUNet:
        """Make the model for images with so many channels."""
        return NestedUNet(self, channels)


class NestedUNet(SegmentationModel):
    """U-Nets of all depths in one: the block at scale i and place j gets the j blocks before it at its scale, and the
    block j − 1 of the scale below, doubled.

    Place 0 is the encoder. With deep supervision the blocks 1, 2, … of the finest scale have an output each. SDN layers
    stand in the place of the second convolutions, in the encoder's `sdn.layers` lowest blocks and in all other blocks
    of the `sdn.layers` lowest scales of the decoders. Images of any size, as for `UNet`.

    Source: thesis A, 4.4.2, Figure 4.11 and Table A.7.
    """

    def __init__(self, config: NestedUNetConfig, channels: int) -> None:
        super().__init__()
        self.channels = channels
        widths, deepest = config.widths, len(config.widths) - 1
        self.deepest = deepest
        turn = AlternatingDirections()
        self.encoder = nn.ModuleList(
            dependent_block(inputs, outputs, config.sdn, turn, depth=deepest - scale)
            for scale, (inputs, outputs) in enumerate(zip((channels, *widths), widths, strict=False))
        )
        places = [(scale, place) for place in range(1, deepest + 1) for scale in range(deepest + 1 - place)]
        self.widen = nn.ModuleDict(
            {
                _name(scale, place): nn.ConvTranspose2d(widths[scale + 1], widths[scale], 2, stride=2)
                for scale, place in places
            }
        )
        self.blocks = nn.ModuleDict(
            {
                _name(scale, place): dependent_block(
                    (place + 1) * widths[scale], widths[scale], config.sdn, turn, depth=deepest - 1 - scale
                )
                for scale, place in places
            }
        )
        outputs = range(1, deepest + 1) if config.deep_supervision else [deepest]
        self.heads = nn.ModuleDict({str(place): nn.Conv2d(widths[0], 1, 1) for place in outputs})

    def forward(self, images: Float[Tensor, "batch channels height width"]) -> tuple[Tensor, ...]:
        """Give the logits of each pixel, of the shallowest nested U-Net first."""
        x = channels_last(pad_to_multiple(images, 2**self.deepest))
        rows: list[list[Tensor]] = []
        for scale, down in enumerate(self.encoder):
            x = down(x if scale == 0 else max_pool2d(x, 2))
            rows.append([x])
        for place in range(1, self.deepest + 1):
            for scale in range(self.deepest + 1 - place):
                name = _name(scale, place)
                below = self.widen[name](rows[scale + 1][place - 1])
                rows[scale].append(self.blocks[name](torch.cat([*rows[scale], below], 1)))
        finest = rows[0]
        return tuple(crop_to(head(finest[int(place)]), *images.shape[-2:]) for place, head in self.heads.items())


def _name(scale: int, place: int) -> str:
    return f"{scale}-{place}"

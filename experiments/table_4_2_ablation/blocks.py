"""The baseline blocks B1–B4 of Table 4.2, reconstructed.

Their figure is not in the thesis' text, which says of them: larger kernels, or deeper networks, and gives their numbers
of parameters in the whole VAE. These blocks are of those two kinds, and of a size that comes near those numbers at
the thesis' width. Which of B1–B4 was of which kind is our guess, from the numbers and the time per iteration.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from latentia.layers.residual import convolution
from latentia.models.ladder_vae import CONVOLUTION_FIRST


@dataclass(frozen=True, kw_only=True)
class LargerKernels:
    """Convolutions of the way down with a larger kernel; the up-sampling ones keep their 4×4."""

    kernel_size: int

    def __call__(
        self, in_channels: int, out_channels: int, *, scale: int, upsample: bool = False, last: bool = False
    ) -> nn.Module:
        """Make the next layer."""
        if upsample:
            return convolution(in_channels, out_channels, upsample=True)
        return nn.Conv2d(in_channels, out_channels, self.kernel_size, padding=self.kernel_size // 2)


@dataclass(frozen=True, kw_only=True)
class Deeper:
    """The residual form of the spatial dependency layer, with convolutions in place of the sweeps.

    `features` are the hidden channels per scale, coarsest first; `hidden` is how many 3×3 convolutions stand between
    the first one and the last.
    """

    features: tuple[int, ...]
    hidden: int

    def __call__(
        self, in_channels: int, out_channels: int, *, scale: int, upsample: bool = False, last: bool = False
    ) -> nn.Module:
        """Make the next layer."""
        return _DeepLayer(
            in_channels, out_channels, features=self.features[scale], hidden=self.hidden, upsample=upsample
        )


class _DeepLayer(nn.Module):
    def __init__(self, in_channels: int, out_channels: int, *, features: int, hidden: int, upsample: bool) -> None:
        super().__init__()
        between = [part for _ in range(hidden) for part in (convolution(features, features), nn.ELU())]
        self.deep = nn.Sequential(
            convolution(in_channels, features, upsample=upsample),
            nn.ELU(),
            *between,
            convolution(features, 2 * out_channels),
        )
        self.convolution = convolution(in_channels, out_channels, upsample=upsample)

    def forward(self, x: Tensor) -> Tensor:
        output, gate = self.deep(x).chunk(2, 1)
        # The ladder's spatial dependency layers begin as mostly their convolution; so that blocks differ by nothing
        # else, these do too.
        share = (gate + CONVOLUTION_FIRST).sigmoid()
        return share * self.convolution(x) + (1 - share) * output


def describe(blocks: object) -> str:
    """Say in words what a block is."""
    if isinstance(blocks, LargerKernels):
        return f"{blocks.kernel_size}×{blocks.kernel_size} kernels"
    if isinstance(blocks, Deeper):
        return f"{blocks.hidden + 2} convolutions of 3×3, residual"
    return str(blocks)

"""Convolutions that look only at what comes before, in raster order and among the channels of one position."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional


class MaskedConvolution(nn.Conv2d):
    """A convolution whose output at a position depends on earlier positions and on earlier channels of its own.

    Channels are dealt out evenly to `ranks` ranks, in order. At its own position an output of rank r sees
    the inputs of ranks below r (`inclusive=False`, type A) or up to r (`inclusive=True`, type B). A type-A layer
    followed by type-B layers is autoregressive in the first one's input channels.

    Shapes: (batch, in_channels, height, width) → (batch, out_channels, height, width).
    Source: inverse autoregressive flows of thesis A, 4.2.1 and Table A.1 ("masked 3×3 convolutional networks").
    """

    mask: Tensor

    def __init__(
        self, in_channels: int, out_channels: int, *, ranks: int, inclusive: bool, kernel_size: int = 3
    ) -> None:
        super().__init__(in_channels, out_channels, kernel_size, padding=kernel_size // 2)
        mask = _mask(in_channels, out_channels, ranks, inclusive, kernel_size)
        self.register_buffer("mask", mask, persistent=False)
        self.clear_masked()

    def clear_masked(self) -> None:
        """Set masked weights to zero, where they stay: neither they nor a norm taken over them get a gradient."""
        with torch.no_grad():
            self.weight.mul_(self.mask)

    def forward(self, input: Float[Tensor, "batch in height width"]) -> Float[Tensor, "batch out height width"]:
        """Convolve with the masked kernel."""
        return functional.conv2d(input, self.weight * self.mask, self.bias, padding=self.padding)


def _mask(inputs: int, outputs: int, ranks: int, inclusive: bool, kernel: int) -> Float[Tensor, "out in k k"]:
    rank_in = torch.arange(inputs) * ranks // inputs
    rank_out = torch.arange(outputs) * ranks // outputs
    own = rank_in[None] <= rank_out[:, None] if inclusive else rank_in[None] < rank_out[:, None]
    middle = kernel // 2
    mask = torch.zeros(outputs, inputs, kernel, kernel)
    mask[:, :, :middle] = 1
    mask[:, :, middle, :middle] = 1
    mask[:, :, middle, middle] = own.float()
    return mask

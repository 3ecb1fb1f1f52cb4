"""Connections around layers, and what layers of a deep network share: resizing and initialisation."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.parametrizations import weight_norm

from latentia.layers.masked_convolution import MaskedConvolution


def gated_residual(
    skip: Float[Tensor, "batch channels height width"], update: Float[Tensor, "batch twice height width"]
) -> Float[Tensor, "batch channels height width"]:
    """Mix a skip connection and a layer's output by a learned gate: (1 − σ(g − 1))·skip + σ(g − 1)·h.

    `update` holds [h, g] along its channels. The −1 opens the skip at the start of training (thesis A, Figure 4.5).
    """
    hidden, gate = update.chunk(2, 1)
    share = (gate - 1).sigmoid()
    return skip + share * (hidden - skip)


def resize_nearest(
    image: Float[Tensor, "batch channels height width"], like: Float[Tensor, "batch other rows columns"]
) -> Float[Tensor, "batch channels rows columns"]:
    """Bring a map to the size of another by taking nearest neighbours; unchanged where the sizes agree."""
    size = like.shape[-2:]
    return image if image.shape[-2:] == size else functional.interpolate(image, size, mode="nearest")


def convolution(in_channels: int, out_channels: int, *, stride: int = 1, upsample: bool = False) -> nn.Module:
    """Make a ladder's convolution: 3×3, or 4×4 with stride 2 downwards, or transposed 4×4 with stride 2 upwards."""
    if upsample:
        return nn.ConvTranspose2d(in_channels, out_channels, 4, stride=2, padding=1)
    if stride == 2:
        return nn.Conv2d(in_channels, out_channels, 4, stride=2, padding=1)
    return nn.Conv2d(in_channels, out_channels, 3, padding=1)


def initialise_convolutions(module: nn.Module) -> None:
    """Give every convolution orthogonal weights, zero biases and weight normalisation (Table A.1, "Weight-norm").

    The norm is taken per output channel; it leaves the function unchanged at the start.
    """
    for layer in list(module.modules()):
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
            nn.init.orthogonal_(layer.weight)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
            if isinstance(layer, MaskedConvolution):
                layer.clear_masked()
            weight_norm(layer, dim=1 if isinstance(layer, nn.ConvTranspose2d) else 0)

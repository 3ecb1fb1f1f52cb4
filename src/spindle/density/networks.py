"""The sizes of SDN-VAE that a density of epochs comes in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from latentia.models.ladder_vae import LadderVAEConfig, SpatialDependencyConfig

SizeName = Literal["small", "large"]

SIZES: Mapping[SizeName, LadderVAEConfig] = {
    # For processors. The first convolution halves the size, and dependency layers, whose sweeps are serial, are at the
    # coarsest scale alone. Two layers lie there, at 20×3: the two that artifacts are told by.
    "small": LadderVAEConfig(
        layers=(2, 1, 1, 0),
        channels=16,
        latent_channels=4,
        flow_channels=0,
        components=2,
        sdn=SpatialDependencyConfig(features=(16, 0, 0, 0)),
    ),
    # For a graphics card: Table A.1's widths for CIFAR-10 at the scales 40×6, 80×12 and 160×24, with dependency layers
    # at the coarser two. The thesis gives no size for these images.
    "large": LadderVAEConfig(
        layers=(5, 5, 5),
        channels=200,
        latent_channels=4,
        flow_channels=100,
        components=5,
        sdn=SpatialDependencyConfig(features=(120, 240, 0)),
        recompute=True,
    ),
}

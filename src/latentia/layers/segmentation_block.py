"""What U-Nets are made of at each scale: two layers with batch norm, the second of which may be an SDN layer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import nn

from latentia.errors import SettingError
from latentia.layers.spatial_dependency import Direction, ResidualSpatialDependency, SpatialDependency


@dataclass(frozen=True, kw_only=True)
class DependencyConfig:
    """Spatial dependency layers of a U-Net. The defaults are Table A.7's for nuclei.

    Errors: SettingError where a number makes no sense.
    """

    features: int = 150
    layers: int = 2
    """In the encoder and in the decoder each, at the lowest scales (Figure 4.11), one layer for each block."""
    directions: int = 2
    """Of each layer, dealt out in turn: the next layer has the other two."""
    kernel_size: int = 3
    residual: bool = False
    """Whether a convolution stands beside the sweeps, with a gate between them (Figure 4.3): for polyps and livers."""

    def __post_init__(self) -> None:
        for name in ("features", "layers"):
            if getattr(self, name) < 1:
                raise SettingError(f"model.sdn.{name} must be 1 or more; it is {getattr(self, name)}.")
        if not 1 <= self.directions <= len(Direction):
            raise SettingError(f"model.sdn.directions must be 1 to {len(Direction)}; it is {self.directions}.")
        if self.kernel_size < 1 or self.kernel_size % 2 == 0:
            raise SettingError(f"model.sdn.kernel_size must be odd; it is {self.kernel_size}.")

    def layer(self, inputs: int, outputs: int, directions: Sequence[Direction]) -> nn.Module:
        """Make one layer of the same size."""
        make = ResidualSpatialDependency if self.residual else SpatialDependency
        return make(inputs, outputs, features=self.features, directions=directions, kernel_size=self.kernel_size)


def block(inputs: int, outputs: int, second: nn.Module | None = None) -> nn.Sequential:
    """Make 3×3 convolution – batch norm – ReLU, twice; `second` stands in the place of the second convolution.

    Convolutions have no bias, which batch norm would take off again. Shapes: (batch, inputs, height, width) →
    (batch, outputs, height, width).
    """
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, padding=1, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
        nn.Conv2d(outputs, outputs, 3, padding=1, bias=False) if second is None else second,
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    )

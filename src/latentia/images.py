"""What an image is in this library: whole numbers from 0 to 2^bits − 1, with channels first."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Integer, UInt8
from torch import Tensor

from latentia.errors import SettingError


@dataclass(frozen=True, kw_only=True)
class ImageFormat:
    """Size and bit depth of a set of images. Errors: SettingError where a number makes no sense."""

    channels: int
    height: int
    width: int
    bits: int = 8

    def __post_init__(self) -> None:
        if min(self.channels, self.height, self.width) < 1:
            raise SettingError(f"An image has at least one channel, row and column, not {self.shape}.")
        if not 1 <= self.bits <= 8:
            raise SettingError(f"Images have 1 to 8 bits per value, not {self.bits}.")

    @property
    def levels(self) -> int:
        """How many values a pixel's channel can have."""
        return 1 << self.bits

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, height, width."""
        return (self.channels, self.height, self.width)

    @property
    def dimensions(self) -> int:
        """Numbers per image, over which bits per dimension are counted."""
        return self.channels * self.height * self.width

    def __str__(self) -> str:
        return f"{self.channels}×{self.height}×{self.width} with {self.bits} bits"


def to_unit_range(images: Integer[Tensor, "*shape"], levels: int) -> Float[Tensor, "*shape"]:
    """Map whole numbers 0 … levels − 1 to −1 … 1, evenly, as float32."""
    return images.to(torch.float32) * (2.0 / (levels - 1)) - 1.0


def reduce_bits(images: UInt8[np.ndarray, "*shape"], bits: int) -> UInt8[np.ndarray, "*shape"]:
    """Keep the upper bits, 1 to 8, of 8-bit images: floor(x · 2^bits / 256), as thesis A quantises CelebAHQ."""
    reduced: UInt8[np.ndarray, "*shape"] = images >> np.uint8(8 - bits)
    return reduced

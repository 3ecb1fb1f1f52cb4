"""Batches of images with masks, turned, mirrored and lighter or darker, as the seed and the place decide."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from latentia.data.segmentation_sets import SegmentationSet
from latentia.errors import SettingError
from latentia.randomness import stream

# First numbers of the seeds, so that no two uses draw the same numbers.
ORDER, CHANGES = 0x5E60, 0x5E61

Pair = tuple[Float[Tensor, "batch channels height width"], Bool[Tensor, "batch 1 height width"]]


@dataclass(frozen=True, kw_only=True)
class ShuffledPairs:
    """Training batches (`latentia.training.Batches`): images with values 0 … 1, and their masks.

    Each image is mirrored and turned by quarters evenly at random (half turns where it is not square), its mask with
    it; its contrast and brightness change by up to `intensity`. Errors: SettingError where a number makes no sense.
    """

    pairs: SegmentationSet
    batch: int
    seed: int
    turn: bool = True
    intensity: float = 0.1

    def __post_init__(self) -> None:
        if not 1 <= self.batch <= len(self.pairs):
            raise SettingError(
                f"batch must be 1 to {len(self.pairs)}, the number of training images of {self.pairs.name}; it is "
                f"{self.batch}."
            )
        if not 0 <= self.intensity < 1:
            raise SettingError(f"intensity must be 0 or more and below 1; it is {self.intensity}.")

    def __len__(self) -> int:
        return len(self.pairs) // self.batch

    def of_pass(self, number: int, first: int = 0) -> Iterator[Pair]:
        """Yield the batches of pass `number`, from place `first` on."""
        order = torch.randperm(len(self.pairs), generator=_generator(ORDER, self.seed, number)).numpy()
        for place in range(first, len(self)):
            images, masks = self.pairs.pairs(order[place * self.batch : (place + 1) * self.batch])
            yield self._changed(images.float() / 255, masks, _generator(CHANGES, self.seed, number, place))

    def _changed(self, images: Tensor, masks: Tensor, generator: torch.Generator) -> Pair:
        if self.turn:
            draws = torch.randint(8, (len(images),), generator=generator).tolist()
            turned = [_turned(one, draw) for one, draw in zip(zip(images, masks, strict=True), draws, strict=True)]
            images, masks = torch.stack([image for image, _ in turned]), torch.stack([mask for _, mask in turned])
        if self.intensity:
            gain, shift = self.intensity * (2 * torch.rand(2, len(images), 1, 1, 1, generator=generator) - 1)
            images = ((images - 0.5) * (1 + gain) + 0.5 + shift).clamp(0, 1)
        return images, masks


def _turned(pair: tuple[Tensor, Tensor], draw: int) -> tuple[Tensor, Tensor]:
    """Turn by `draw % 4` quarters, or half turns where it is not square, and mirror where it is 4 or more."""
    quarters = draw % 4 if pair[0].shape[-1] == pair[0].shape[-2] else 2 * (draw % 2)
    turned = [one.rot90(quarters, (-2, -1)) for one in pair]
    image, mask = [one.flip(-1) for one in turned] if draw >= 4 else turned
    return image, mask


def _generator(*numbers: int) -> torch.Generator:
    return torch.Generator().manual_seed(stream(*numbers))

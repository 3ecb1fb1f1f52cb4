"""Batches for training, in an order that the seed and the pass decide."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch
from jaxtyping import Shaped
from torch import Tensor

from latentia.data.fields import DataSet, FieldSet
from latentia.data.images import draw_binary
from latentia.errors import SettingError
from latentia.images import ImageFormat
from latentia.randomness import stream

# First numbers of the seeds, so that no two uses draw the same numbers.
ORDER, CHANGES = 0x0DDE, 0xF11B


@dataclass(frozen=True, kw_only=True)
class ShuffledImages:
    """Training batches (`latentia.training.Batches`), each (batch, channels, height, width): bytes, or floats.

    The order of a pass depends on the seed and the pass alone, and what happens to a batch on its place besides, so
    that every process makes the same batches. The images left over after the last whole batch of a pass, fewer than
    `batch`, are left out of that pass; the next pass has another order.

    Errors: SettingError where a batch is larger than the set, or fields are to be made binary.
    """

    image_set: DataSet
    batch: int
    seed: int
    flip: bool = False
    """Mirror each image left to right with probability ½, as the thesis does on CIFAR-10 and CelebAHQ and does not on
    ImageNet32 (Table A.1)."""
    binarise: bool = False
    """Draw each pixel as 0 or 1 at every step, with probability value / (levels − 1) of a 1."""

    def __post_init__(self) -> None:
        if not 1 <= self.batch <= len(self.image_set):
            raise SettingError(
                f"batch must be 1 to {len(self.image_set)}, because {self.image_set.name} has {len(self.image_set)} "
                f"training images; it is {self.batch}."
            )
        if self.binarise and isinstance(self.image_set, FieldSet):
            raise SettingError(f"binarise is for images; {self.image_set.name} holds fields of real numbers.")

    @property
    def image_format(self) -> ImageFormat:
        """Format of the images in a batch."""
        return replace(self.image_set.format, bits=1) if self.binarise else self.image_set.format

    def __len__(self) -> int:
        return len(self.image_set) // self.batch

    def of_pass(self, number: int, first: int = 0) -> Iterator[Shaped[Tensor, "batch channels height width"]]:
        """Yield the batches of pass `number`, from place `first` on."""
        order = torch.randperm(len(self.image_set), generator=_generator(ORDER, self.seed, number)).numpy()
        for place in range(first, len(self)):
            images = self.image_set.tensor(order[place * self.batch : (place + 1) * self.batch])
            yield self._changed(images, _generator(CHANGES, self.seed, number, place))

    def _changed(
        self, images: Shaped[Tensor, "batch channels height width"], generator: torch.Generator
    ) -> Shaped[Tensor, "batch channels height width"]:
        if self.flip:
            mirrored = torch.rand(len(images), generator=generator) < 0.5
            images = torch.where(mirrored[:, None, None, None], images.flip(-1), images)
        if self.binarise:
            images = draw_binary(images, self.image_set.format.levels, generator)
        return images


def _generator(*numbers: int) -> torch.Generator:
    return torch.Generator().manual_seed(stream(*numbers))

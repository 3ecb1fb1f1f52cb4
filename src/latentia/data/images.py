"""Sets of images: the bytes, their format, and where they come from."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cached_property
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Integer, UInt8
from torch import Tensor

from latentia.errors import DataError
from latentia.images import ImageFormat, reduce_bits
from latentia.randomness import stream

Images = UInt8[np.ndarray, "count channels height width"]
Labels = Integer[np.ndarray, " count"]

BLOCK_BYTES = 1 << 26
"""Sets may be larger than memory; what reads all of one goes through it in blocks of this size."""


class Split(StrEnum):
    """A part of a data set. Nothing is ever chosen by the test part."""

    TRAIN = "train"
    VALIDATION = "validation"
    TEST = "test"

    @property
    def published(self) -> Split:
        """The published part that holds it: validation images are taken from the training images."""
        return Split.TEST if self is Split.TEST else Split.TRAIN


@dataclass(frozen=True, kw_only=True)
class Source:
    """Where a published data set comes from, and how large it is there."""

    title: str
    origin: str
    """Address of the page that publishes it."""
    licence: str
    counts: Mapping[Split, int]
    """Images, sentences or clips in each published part; where none is for validation, the end of the training part is
    taken."""


@dataclass(frozen=True, kw_only=True, eq=False)
class ImageSet:
    """Images of one split: whole numbers 0 … levels − 1 as bytes, in memory or mapped from a file.

    Errors: DataError where there are none, or they have another size than the format.
    """

    images: Images
    format: ImageFormat
    name: str
    """Name of the data set; variants that are not comparable have different names."""
    split: Split
    labels: Labels | None = None
    source: Source | None = None

    def __post_init__(self) -> None:
        if self.images.shape[1:] != self.format.shape:
            got = "×".join(map(str, self.images.shape[1:]))
            raise DataError(f"{self.name} was to hold images of {self.format}; it holds {got}.")
        if len(self.images) == 0:
            raise DataError(f"{self.name} has no images in its split '{self.split}'.")
        if self.labels is not None and len(self.labels) != len(self.images):
            raise DataError(f"{self.name} has {len(self.labels)} labels for {len(self.images)} images.")

    def __len__(self) -> int:
        return len(self.images)

    @cached_property
    def sha256(self) -> str:
        """Checksum of the content: format and bytes, whatever file they came from."""
        digest = hashlib.sha256(str(self.format).encode())
        for block in self._blocks():
            digest.update(np.ascontiguousarray(self.images[block]).data)
        return digest.hexdigest()

    def tensor(self, places: slice | Integer[np.ndarray, " batch"]) -> UInt8[Tensor, "batch channels height width"]:
        """Copy some images into a tensor."""
        return torch.from_numpy(np.array(self.images[places]))

    def part(self, split: Split, *, validation: int) -> ImageSet:
        """Of published training images, give those to train on or the last `validation`, which are held out.

        Published test images are given whole. Errors: DataError as for `part_of_training`.
        """
        if split is Split.TEST:
            return self
        places = part_of_training(len(self), split=split, validation=validation, name=self.name)
        labels = None if self.labels is None else self.labels[places]
        return replace(self, images=self.images[places], labels=labels, split=split)

    def at(self, places: Integer[np.ndarray, " count"], split: Split) -> ImageSet:
        """Take the images of some places, as a split of their own. Errors: DataError where there are none."""
        labels = None if self.labels is None else self.labels[places]
        return replace(self, images=self.images[places], labels=labels, split=split)

    def first(self, count: int) -> ImageSet:
        """The first images alone. Errors: DataError where there are fewer."""
        if not 1 <= count <= len(self):
            raise DataError(f"{self.name} has {len(self)} images in its split '{self.split}', not {count}.")
        return replace(self, images=self.images[:count], labels=None if self.labels is None else self.labels[:count])

    def with_bits(self, bits: int) -> ImageSet:
        """Keep the upper bits of 8-bit images: floor(x · 2^bits / 256). One bit is a threshold at half the range.

        Errors: DataError where the images have not 8 bits; SettingError unless `bits` is 1 to 8.
        """
        if bits == self.format.bits:
            return self
        if self.format.bits != 8:
            raise DataError(f"Bits are taken from 8-bit images; {self.name} has {self.format.bits} bits.")
        image_format = replace(self.format, bits=bits)
        return replace(self, images=reduce_bits(self.images, bits), format=image_format)

    def drawn_binary(self, seed: int) -> ImageSet:
        """Draw one binary image from each, for evaluation: a pixel is 1 with probability value / (levels − 1).

        Training draws anew at each step (`latentia.data.batches.ShuffledImages`). The seed becomes part of the name,
        because figures on other draws are figures on other images.
        """
        generator = torch.Generator().manual_seed(stream(seed))
        binary = np.empty_like(self.images)
        for block in self._blocks():
            binary[block] = draw_binary(self.tensor(block), self.format.levels, generator).numpy()
        name = f"{self.name}, binary draw {seed}"
        return replace(self, images=binary, format=replace(self.format, bits=1), name=name)

    def _blocks(self) -> list[slice]:
        size = max(1, BLOCK_BYTES // self.format.dimensions)
        return [slice(start, start + size) for start in range(0, len(self), size)]


@runtime_checkable
class DataSource(Protocol):
    """A data set that can be loaded: one configuration class per data set."""

    @property
    def name(self) -> str:
        """Name of the data set, before it is loaded."""

    def load(self, split: Split) -> ImageSet:
        """Load one split. Errors: DataError where the data are missing, damaged or not what was asked for."""


def draw_binary(
    images: UInt8[Tensor, "batch channels height width"], levels: int, generator: torch.Generator
) -> UInt8[Tensor, "batch channels height width"]:
    """Draw each pixel as 1 with probability value / (levels − 1), else 0."""
    return (torch.rand(images.shape, generator=generator) * (levels - 1) < images).to(torch.uint8)


def part_of_all(count: int, *, split: Split, validation: int, test: int, name: str, things: str = "images") -> slice:
    """Places of a split among `count` images that come without one: training, then validation, then test images.

    `things` is what errors call them. Errors: DataError as for `part_of_training`, and where no test images were asked
    for but they are loaded.
    """
    if not 0 <= test < count:
        raise DataError(f"{name} has {count} {things}; {test} of them cannot be kept for testing.")
    if split is not Split.TEST:
        return part_of_training(count - test, split=split, validation=validation, name=name, things=things)
    if test == 0:
        raise DataError(f"{name} has no test {things} of its own: say how many to keep with 'test'.")
    return slice(count - test, count)


def part_of_training(count: int, *, split: Split, validation: int, name: str, things: str = "images") -> slice:
    """Places of the training or validation images among `count`: the last `validation` of them are held out.

    Errors: DataError where nothing is left to train on, or no validation images were asked for but they are loaded.
    """
    if not 0 <= validation < count:
        raise DataError(f"{name} has {count} training {things}; {validation} of them cannot be kept for validation.")
    if split is Split.TRAIN:
        return slice(0, count - validation)
    if validation == 0:
        raise DataError(f"{name} has no validation {things} of its own: say how many to keep with 'validation'.")
    return slice(count - validation, count)

"""Images that are an array in an NPZ file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from latentia.data.archives import read_array, sizes, type_and_axes
from latentia.data.images import Images, ImageSet, Split, part_of_all
from latentia.errors import DataError, SettingError
from latentia.images import ImageFormat

COLOURS = (1, 3, 4)
"""Channels of grey, RGB and RGBA images, by which an axis of channels is known."""


@dataclass(frozen=True, kw_only=True)
class NpzImages:
    """The array `images` of an NPZ file: (count, height, width) or (count, channels, height, width), whole numbers.

    With `channels_last` it is (count, height, width, channels). The numbers are 0 … 2^stored_bits − 1; fewer `bits`
    are taken from 8 stored ones, None keeps all. The last `test` images are the test images, the `validation` ones
    before them are kept for validation; `shuffle` is the seed of a shuffle before that, where images are ordered by
    class. Errors: SettingError where numbers of bits make no sense; on loading, DataError.
    """

    file: Path
    images: str = "images"
    labels: str | None = None
    channels_last: bool = False
    stored_bits: int = 8
    bits: int | None = None
    validation: int = 0
    test: int = 0
    shuffle: int | None = None

    def __post_init__(self) -> None:
        for bits in (self.stored_bits, self.bits):
            if bits is not None and not 1 <= bits <= 8:
                raise SettingError(f"Images have 1 to 8 bits per value, not {bits}.")
        if self.bits is not None and self.bits > self.stored_bits:
            raise SettingError(f"bits must be at most stored_bits; they are {self.bits} and {self.stored_bits}.")

    @property
    def name(self) -> str:
        """The file's own name."""
        return self.file.stem

    def load(self, split: Split) -> ImageSet:
        """Load one split. Errors: DataError where the array is missing or does not hold images."""
        images = self._as_images(self._array(self.images))
        labels = None if self.labels is None else self._as_labels(self._array(self.labels), len(images))
        places = np.arange(len(images))
        if self.shuffle is not None:
            places = np.random.default_rng(self.shuffle).permutation(places)
        places = places[
            part_of_all(len(images), split=split, validation=self.validation, test=self.test, name=self.name)
        ]
        channels, height, width = images.shape[1:]
        return ImageSet(
            images=images[places],
            labels=None if labels is None else labels[places],
            format=ImageFormat(channels=channels, height=height, width=width, bits=self.stored_bits),
            name=self.name,
            split=split,
        ).with_bits(self.stored_bits if self.bits is None else self.bits)

    def _array(self, key: str) -> NDArray[Any]:
        return read_array(self.file, key, wanted="whole numbers")

    def _as_images(self, array: NDArray[Any]) -> Images:
        if array.dtype.kind not in "uib" or array.ndim not in (3, 4):
            raise DataError(
                f"'{self.images}' in {self.file} was to hold whole numbers, e.g. 0 to {(1 << self.stored_bits) - 1}, "
                f"with 3 or 4 axes; it holds {type_and_axes(array)}."
            )
        if array.size and not 0 <= array.min() <= array.max() < 1 << self.stored_bits:
            raise DataError(
                f"'{self.images}' in {self.file} was to hold values 0 to {(1 << self.stored_bits) - 1} "
                f"({self.stored_bits} bits); it holds {array.min()} to {array.max()}."
            )
        if array.ndim == 3:
            return np.ascontiguousarray(array[:, None], np.uint8)
        channels, other = (-1, 1) if self.channels_last else (1, -1)
        if array.shape[other] in COLOURS and array.shape[channels] not in COLOURS:
            wanted = "height, width, channels" if self.channels_last else "channels, height, width"
            raise DataError(
                f"'{self.images}' in {self.file} is {sizes(array.shape)}; wanted (count, {wanted}). "
                f"For channels {'first' if self.channels_last else 'last'} set "
                f"data.channels_last={'false' if self.channels_last else 'true'}."
            )
        return np.ascontiguousarray(np.moveaxis(array, channels, 1), np.uint8)

    def _as_labels(self, array: NDArray[Any], count: int) -> NDArray[np.int64]:
        if array.dtype.kind not in "ui" or array.shape != (count,):
            raise DataError(f"'{self.labels}' in {self.file} was to hold one whole number for each of {count} images.")
        return array.astype(np.int64)

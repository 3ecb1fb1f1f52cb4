"""Images that are an array in an NPZ file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from latentia.data.images import Images, ImageSet, Split, part_of_all
from latentia.errors import DataError
from latentia.images import ImageFormat


@dataclass(frozen=True, kw_only=True)
class NpzImages:
    """The array `images` of an NPZ file: (count, height, width) or (count, channels, height, width), whole numbers.

    With `channels_last` it is (count, height, width, channels). The numbers are 0 … 2^stored_bits − 1; fewer `bits`
    are taken from 8 stored ones. The last `test` images are the test images, the `validation` ones before them are
    kept for validation; `shuffle` is the seed of a shuffle before that, where images are ordered by class.
    Errors on loading: DataError.
    """

    file: Path
    images: str = "images"
    labels: str | None = None
    channels_last: bool = False
    stored_bits: int = 8
    bits: int = 8
    validation: int = 0
    test: int = 0
    shuffle: int | None = None

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
        ).with_bits(min(self.bits, self.stored_bits))

    def _array(self, key: str) -> NDArray[Any]:
        if not self.file.is_file():
            raise DataError(f"There is no file {self.file}, which should hold images.")
        try:
            with np.load(self.file) as arrays:
                if key not in arrays:
                    raise DataError(f"{self.file} has no array '{key}'; it has {', '.join(arrays.files)}.")
                found: NDArray[Any] = arrays[key]
        except (OSError, ValueError, TypeError, BadZipFile) as error:
            raise DataError(f"{self.file} cannot be read as an NPZ file: {error}") from error
        return found

    def _as_images(self, array: NDArray[Any]) -> Images:
        if array.dtype.kind not in "uib" or array.ndim not in (3, 4):
            raise DataError(
                f"'{self.images}' in {self.file} was to hold whole numbers with 3 or 4 axes; "
                f"it holds {array.dtype} with {array.ndim}."
            )
        if array.size and not 0 <= array.min() <= array.max() < 1 << self.stored_bits:
            raise DataError(
                f"'{self.images}' in {self.file} was to hold values 0 to {(1 << self.stored_bits) - 1} "
                f"({self.stored_bits} bits); it holds {array.min()} to {array.max()}."
            )
        if array.ndim == 3:
            array = array[:, None]
        elif self.channels_last:
            array = np.moveaxis(array, -1, 1)
        return np.ascontiguousarray(array, np.uint8)

    def _as_labels(self, array: NDArray[Any], count: int) -> NDArray[np.int64]:
        if array.dtype.kind not in "ui" or array.shape != (count,):
            raise DataError(f"'{self.labels}' in {self.file} was to hold one whole number for each of {count} images.")
        return array.astype(np.int64)

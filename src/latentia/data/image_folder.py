"""A folder of PNG or JPEG images of one size."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from latentia.data.decoding import check_sizes, decode, decode_all, image_files
from latentia.data.files import existing_folder
from latentia.data.images import Images, ImageSet, Split, part_of_all, part_of_training
from latentia.data.prepared import Blocks, mapped_images, stacked
from latentia.errors import DataError
from latentia.images import ImageFormat, reduce_bits

MAPPED_FROM_BYTES = 1 << 30
"""Larger sets are mapped from a file in the user's cache folder, smaller ones held in memory."""


@dataclass(frozen=True, kw_only=True)
class ImageFolder:
    """All PNG and JPEG files in `folder` and the folders in it, ordered by path; grey or RGB, 8 bits, one size.

    Where `folder` has folders `train` and `test`, they are the split. Otherwise the last `test` images are the test
    images. The `validation` images before them, or at the end of `train`, are kept for validation. Paths often follow
    classes: `shuffle` is the seed of a shuffle of all images before they are split. Errors on loading: DataError.
    """

    folder: Path
    validation: int = 0
    test: int = 0
    shuffle: int | None = None
    bits: int = 8

    @property
    def name(self) -> str:
        """The folder's own name."""
        return self.folder.resolve().name

    def load(self, split: Split) -> ImageSet:
        """Load one split. Errors: DataError where there are no images, or those of any split differ in size."""
        chosen = self._chosen(split)
        channels, height, width = decode(str(chosen[0]), chosen[0]).shape
        # A test image of another size shall not come to light after days of training.
        read = set(chosen)
        others = [path for path in image_files(existing_folder(self.folder, "images")) if path not in read]
        check_sizes(others, (channels, height, width), model=chosen[0])
        image_format = ImageFormat(channels=channels, height=height, width=width, bits=self.bits)
        return ImageSet(images=self._read(chosen, image_format), format=image_format, name=self.name, split=split)

    def _chosen(self, split: Split) -> list[Path]:
        folder = existing_folder(self.folder, "images")
        divided = (folder / "train").is_dir() and (folder / "test").is_dir()
        if divided and self.test:
            raise DataError(f"{folder} has a folder 'test', so 'test' cannot be {self.test}.")
        found = image_files(folder / ("test" if split is Split.TEST else "train") if divided else folder)
        if not found:
            raise DataError(f"{folder} holds no PNG or JPEG images for the split '{split}'.")
        if self.shuffle is not None:
            found = [found[place] for place in np.random.default_rng(self.shuffle).permutation(len(found))]
        if not divided:
            return found[
                part_of_all(len(found), split=split, validation=self.validation, test=self.test, name=self.name)
            ]
        if split is Split.TEST:
            return found
        return found[part_of_training(len(found), split=split, validation=self.validation, name=self.name)]

    def _read(self, chosen: list[Path], image_format: ImageFormat) -> Images:
        def blocks() -> Blocks:
            return stacked(decode_all(((str(path), path) for path in chosen), image_format, model=str(chosen[0])))

        if len(chosen) * image_format.dimensions >= MAPPED_FROM_BYTES:
            return mapped_images(chosen, title=self.name, image_format=image_format, blocks=blocks)
        return reduce_bits(np.concatenate(list(blocks())), image_format.bits)

"""CelebA-HQ at 256×256: 30,000 colour portraits (Karras et al. 2018), 5 bits a value in the thesis (Table A.1).

The split that published likelihoods use, 27,000 and 3,000, is that of the TFRecord files released with Glow (Kingma
and Dhariwal 2018): `celeba-tfr.tar`, with folders `train` and `validation`. No checksum of theirs is published. They
are not downloaded from here; the how-to page says where they are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from latentia.data.decoding import Pixels, decode_all, image_files
from latentia.data.files import existing_folder
from latentia.data.images import Images, ImageSet, Source, Split, part_of_all
from latentia.data.prepared import Blocks, mapped_images, stacked
from latentia.data.tf_records import read_images
from latentia.errors import DataError
from latentia.images import ImageFormat

SOURCE = Source(
    title="CelebA-HQ 256×256",
    origin="https://github.com/tkarras/progressive_growing_of_gans",
    licence="non-commercial research only, as CelebA",
    counts={Split.TRAIN: 27_000, Split.TEST: 3_000},
)
FORMAT = ImageFormat(channels=3, height=256, width=256)


@dataclass(frozen=True, kw_only=True)
class CelebAHQ:
    """CelebA-HQ at 256×256, from `folder`: Glow's TFRecord files, or PNG or JPEG files.

    Of image files, the last 3,000 by name are the test images: another split than Glow's, so the set has another
    name. The last `validation` training images are kept for validation. The images are prepared once, in the user's
    cache folder (5.9 GB), and mapped from there. Errors on loading: DataError.
    """

    folder: Path
    validation: int = 0
    bits: int = 5

    @property
    def name(self) -> str:
        """Name of the data set."""
        return SOURCE.title

    def load(self, split: Split) -> ImageSet:
        """Load one split. Errors: DataError where the data are missing, damaged or of another size."""
        folder = existing_folder(self.folder, self.name)
        shards = _find_shards(folder, "validation" if split is Split.TEST else "train")
        if shards:
            images = self._mapped(shards, lambda: stacked(_in_records(shards)))
            whole = ImageSet(images=images, format=self._format, name=self.name, split=split.published, source=SOURCE)
            return whole.part(split, validation=self.validation)
        found = self._image_files(split)
        images = self._mapped(
            found, lambda: stacked(decode_all(((str(path), path) for path in found), FORMAT, model=self.name))
        )
        name = f"{self.name}, split by file name"
        return ImageSet(images=images, format=self._format, name=name, split=split, source=SOURCE)

    @property
    def _format(self) -> ImageFormat:
        return replace(FORMAT, bits=self.bits)

    def _mapped(self, sources: Sequence[Path], blocks: Callable[[], Blocks]) -> Images:
        return mapped_images(sources, title=self.name, image_format=self._format, blocks=blocks)

    def _image_files(self, split: Split) -> list[Path]:
        found = image_files(self.folder)
        if not found:
            raise DataError(
                f"{self.folder} holds no CelebA-HQ {split} images: wanted Glow's files, such as "
                "train-r08-s-0000-of-0120.tfrecords, or PNG or JPEG files."
            )
        test = SOURCE.counts[Split.TEST]
        return found[part_of_all(len(found), split=split, validation=self.validation, test=test, name=self.name)]


def _find_shards(folder: Path, part: str) -> list[Path]:
    """Glow's files of a part, all or none. Errors: DataError where some are missing."""
    # r08: of 2^8 rows. Files of other resolutions have other numbers.
    shards = sorted(folder.rglob(f"{part}-r08-s-*-of-*.tfrecords"))
    if shards and len(shards) != int(shards[0].stem.rpartition("-")[2]):
        raise DataError(f"{folder} was to hold all files of {shards[0].name}'s kind; it holds {len(shards)} of them.")
    return shards


def _in_records(shards: Sequence[Path]) -> Iterator[Pixels]:
    for shard in shards:
        for image in read_images(shard):
            if image.shape != (FORMAT.height, FORMAT.width, FORMAT.channels):
                raise DataError(f"{shard} holds an image of {image.shape}; CelebA-HQ's have 256 rows and columns.")
            yield np.moveaxis(image, -1, 0)

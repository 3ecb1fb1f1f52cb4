"""dSprites: 737,280 images of a white sprite on black, each combination of five factors (Matthey et al. 2017)."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar
from zipfile import BadZipFile, ZipFile

import numpy as np

from latentia.data.archives import array_names, read_array, sizes, type_and_axes
from latentia.data.factor_images import Places, PublishedImages
from latentia.data.factor_parts import all_places, masks
from latentia.data.factors import Factors
from latentia.data.images import Source, Split
from latentia.data.prepared import Blocks
from latentia.data.rendered_sprites import FACTORS
from latentia.errors import DataError
from latentia.images import ImageFormat

SOURCE = Source(
    title="dSprites",
    origin="https://github.com/google-deepmind/dsprites-dataset",
    licence="Apache-2.0",
    counts={Split.TRAIN: 737_280},
)
FILE = "dsprites_ndarray_co1sh3sc6or40x32y32_64x64.npz"
FORMAT = ImageFormat(channels=1, height=64, width=64, bits=1)
IMAGES, CLASSES = "imgs", "latents_classes"


@dataclass(frozen=True, kw_only=True)
class DSprites(PublishedImages):
    """dSprites, from the published NPZ file in `folder`. Its colour, which has one value, is left out.

    Its first and last orientation, 0 and 2π, are the same. All prepared images take 3 GB. Splits and errors are those
    of `FactorImages` and `PublishedImages`.
    """

    source: ClassVar[Source] = SOURCE
    file: ClassVar[str] = FILE
    format: ClassVar[ImageFormat] = FORMAT

    @property
    def factors(self) -> Factors:
        """Names and sizes of the factors."""
        return FACTORS

    def _blocks(self, path: Path, places: Places) -> Blocks:
        """Read the images a block at a time, as the archive unpacks to 3 GB."""
        _check_order(path)
        if IMAGES not in array_names(path, wanted=f"'{IMAGES}'"):
            raise DataError(f"{path} has no array '{IMAGES}'.")
        shape = (FACTORS.combinations, FORMAT.height, FORMAT.width)
        try:
            with ZipFile(path) as archive, archive.open(f"{IMAGES}.npy") as member:
                version = np.lib.format.read_magic(member)
                read_header = (
                    np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
                )
                got, by_columns, kind = read_header(member)
                if got != shape or kind != np.uint8 or by_columns:
                    raise DataError(f"'{IMAGES}' in {path} is {kind} {sizes(got)}; dSprites has uint8 {sizes(shape)}.")
                done = 0
                for block, wanted in masks(places, self.factors):
                    member.seek((block.start - done) * FORMAT.dimensions, 1)
                    content = member.read((block.stop - block.start) * FORMAT.dimensions)
                    done = block.stop
                    images = np.frombuffer(content, np.uint8).reshape(-1, *FORMAT.shape)
                    if images.max() > 1:
                        raise DataError(f"'{IMAGES}' in {path} was to hold 0 and 1; it holds {images.max()}.")
                    # With 8 bits, as prepared images come.
                    yield images[wanted] * np.uint8(255)
        except (OSError, EOFError, ValueError, BadZipFile, zlib.error) as error:
            raise DataError(f"{path} cannot be read; it may be damaged ({error}).") from error


def _check_order(path: Path) -> None:
    classes = read_array(path, CLASSES, wanted="whole numbers")
    if classes.dtype.kind not in "ui" or classes.shape != (FACTORS.combinations, 1 + len(FACTORS.sizes)):
        raise DataError(
            f"'{CLASSES}' in {path} was to hold whole numbers, {FACTORS.combinations}×{1 + len(FACTORS.sizes)}; "
            f"it holds {type_and_axes(classes)}, {sizes(classes.shape)}."
        )
    if not np.array_equal(classes[:, 1:], FACTORS.of(all_places(FACTORS))):
        raise DataError(f"'{CLASSES}' in {path} are not in the order of dSprites, with the place from the top fastest.")

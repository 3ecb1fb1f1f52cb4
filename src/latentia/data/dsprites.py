"""dSprites: 737,280 images of a white sprite on black, each combination of five factors (Matthey et al. 2017)."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile, ZipFile

import numpy as np
from jaxtyping import Int64

from latentia.data.archives import array_names, read_array, sizes, type_and_axes
from latentia.data.factor_parts import all_places, load_part, masks
from latentia.data.factors import Factors, FactorTable, Indices
from latentia.data.images import Images, ImageSet, Source, Split
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
class DSprites:
    """dSprites, from the published NPZ file in `folder`.

    There is no published split: all images are for training, unless some are held out, drawn once and for all. `train`
    takes fewer. The label of a loaded image is its number in the file. A loaded split is prepared once, in the user's
    cache folder (3 GB for all), and mapped from there. No checksum is known here: the file is known by its arrays and
    by the order of its factors. Its first and last orientation, 0 and 2π, are the same. Errors on loading: DataError.
    """

    folder: Path
    train: int | None = None
    validation: int = 0
    test: int = 0

    @property
    def name(self) -> str:
        """Name of the data set."""
        return SOURCE.title

    @property
    def factors(self) -> Factors:
        """Names and sizes of the factors, without the colour, which has one value."""
        return FACTORS

    def factors_of(self, indices: Indices) -> FactorTable:
        """Factors of some images. Errors: DataError where there is no such image."""
        return FACTORS.of(indices)

    def images(self, indices: Indices) -> Images:
        """Images of these numbers, 0 and 1, from the prepared file of all. Errors: as on loading."""
        FACTORS.of(indices)
        return np.array(self._part(all_places(FACTORS), Split.TRAIN).images[indices])

    def load(self, split: Split) -> ImageSet:
        """Load one split; labels are numbers of images. Errors: DataError where the file is missing or another."""
        places = FACTORS.split(split, train=self.train, validation=self.validation, test=self.test, name=self.name)
        return self._part(places, split)

    def _part(self, places: Int64[np.ndarray, " images"], split: Split) -> ImageSet:
        path = self.folder / FILE
        if not path.is_file():
            raise DataError(f"{self.folder} holds no {FILE}, which has the images of dSprites.")
        return load_part(
            places,
            split,
            name=self.name,
            title=self.name,
            image_format=FORMAT,
            source=SOURCE,
            files=[path],
            blocks=lambda: _blocks(path, places),
        )


def _blocks(path: Path, places: Int64[np.ndarray, " images"]) -> Blocks:
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
            for block, wanted in masks(places, FACTORS):
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

"""3D-Shapes: 480,000 images of a body in a room, one for each combination of six factors (Burgess & Kim 2018)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int64

from latentia.data.archives import sizes
from latentia.data.factor_parts import all_places, load_part, masks
from latentia.data.factors import Factors, FactorTable, Indices
from latentia.data.images import Images, ImageSet, Source, Split
from latentia.data.prepared import Blocks
from latentia.data.rendered_shapes import FACTORS
from latentia.errors import DataError
from latentia.images import ImageFormat

SOURCE = Source(
    title="3D-Shapes",
    origin="https://github.com/google-deepmind/3d-shapes",
    licence="Apache-2.0",
    counts={Split.TRAIN: 480_000},
)
FILE = "3dshapes.h5"
FORMAT = ImageFormat(channels=3, height=64, width=64)
IMAGES, LABELS = "images", "labels"


@dataclass(frozen=True, kw_only=True)
class Shapes3D:
    """3D-Shapes, from `3dshapes.h5` in `folder`; h5py reads it (`latentia[hdf5]`).

    There is no published split, and the thesis used none (A, 4.3.2): all images are for training, unless some are held
    out, drawn once and for all. `train` takes fewer. The label of a loaded image is its number in the file. A loaded
    split is prepared once, in the user's cache folder (5.9 GB for all), and mapped from there. No checksum is known
    here: the file is known by its arrays and by the order of its factors. Errors on loading: DataError.
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
        """Names and sizes of the factors."""
        return FACTORS

    def factors_of(self, indices: Indices) -> FactorTable:
        """Factors of some images. Errors: DataError where there is no such image."""
        return FACTORS.of(indices)

    def images(self, indices: Indices) -> Images:
        """Images of these numbers, from the prepared file of all. Errors: as on loading."""
        FACTORS.of(indices)
        return np.array(self._part(all_places(FACTORS), Split.TRAIN).images[indices])

    def load(self, split: Split) -> ImageSet:
        """Load one split; labels are numbers of images. Errors: DataError where the file is missing or another."""
        places = FACTORS.split(split, train=self.train, validation=self.validation, test=self.test, name=self.name)
        return self._part(places, split)

    def _part(self, places: Int64[np.ndarray, " images"], split: Split) -> ImageSet:
        path = self.folder / FILE
        if not path.is_file():
            raise DataError(f"{self.folder} holds no {FILE}, which has the images of 3D-Shapes.")
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
    with _opened(path) as arrays:
        for block, wanted in masks(places, FACTORS):
            yield np.moveaxis(arrays[IMAGES][block][wanted], 3, 1)


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """The arrays of the file. Errors: DataError without h5py, and where they are not those of 3D-Shapes."""
    try:
        import h5py
    except ImportError as error:
        raise DataError(f'{path.name} is an HDF5 file, which h5py reads: pip install "latentia[hdf5]".') from error
    try:
        with h5py.File(path) as arrays:
            _check(path, arrays)
            yield arrays
    except OSError as error:
        raise DataError(f"{path} cannot be read as an HDF5 file; it may be damaged ({error}).") from error


def _check(path: Path, arrays: Any) -> None:
    wanted = {
        IMAGES: ("uint8", (FACTORS.combinations, FORMAT.height, FORMAT.width, FORMAT.channels)),
        LABELS: ("float64", (FACTORS.combinations, len(FACTORS.sizes))),
    }
    for key, (kind, shape) in wanted.items():
        if key not in arrays:
            raise DataError(f"{path} has no array '{key}'; it has {', '.join(arrays) or 'none'}.")
        got = arrays[key]
        if (str(got.dtype), got.shape) != (kind, shape):
            raise DataError(
                f"'{key}' in {path} is {got.dtype} {sizes(got.shape)}; 3D-Shapes has {kind} {sizes(shape)}."
            )
    labels = np.asarray(arrays[LABELS])
    # Each factor's values, by size, are its numbers 0, 1, …
    table = np.stack([np.unique(column, return_inverse=True)[1] for column in labels.T], axis=1)
    if not np.array_equal(table, FACTORS.of(all_places(FACTORS))):
        raise DataError(f"'{LABELS}' in {path} are not in the order of 3D-Shapes, with orientation fastest.")

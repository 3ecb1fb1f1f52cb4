"""3D-Shapes: 480,000 images of a body in a room, one for each combination of six factors (Burgess & Kim 2018)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from latentia.data.archives import sizes
from latentia.data.factor_images import Places, PublishedImages
from latentia.data.factor_parts import all_places, masks
from latentia.data.factors import Factors
from latentia.data.images import Source, Split
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
class Shapes3D(PublishedImages):
    """3D-Shapes, from `3dshapes.h5` in `folder`; h5py reads it (`latentia[hdf5]`).

    All prepared images take 5.9 GB. Splits and errors are those of `FactorImages` and `PublishedImages`.
    """

    source: ClassVar[Source] = SOURCE
    file: ClassVar[str] = FILE
    format: ClassVar[ImageFormat] = FORMAT

    @property
    def factors(self) -> Factors:
        """Names and sizes of the factors."""
        return FACTORS

    def _blocks(self, path: Path, places: Places) -> Blocks:
        with _opened(path) as arrays:
            for block, wanted in masks(places, self.factors):
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

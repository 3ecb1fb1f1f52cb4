"""Data sets whose images are made from known factors: which values a factor has, and which image has which values."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

import numpy as np
from jaxtyping import Int64, Integer

from latentia.data.images import Split, part_of_all
from latentia.errors import DataError
from latentia.randomness import stream

SPLITS = 0xFAC7
"""First number of the seed of the splits."""

Indices = Integer[np.ndarray, " images"]
FactorTable = Int64[np.ndarray, "images factors"]


@dataclass(frozen=True, kw_only=True)
class Factors:
    """Factors of variation, each with values 0 … size − 1. There is one image for each combination.

    Image number i is the combination that counts up with the last factor fastest, as in the published files of
    3D-Shapes and dSprites: sizes (2, 3) give (0, 0), (0, 1), (0, 2), (1, 0), …
    """

    names: tuple[str, ...]
    sizes: tuple[int, ...]

    @property
    def combinations(self) -> int:
        """How many images there are."""
        return prod(self.sizes)

    def of(self, indices: Indices) -> FactorTable:
        """Factors of some images. Errors: DataError where there is no such image."""
        if indices.size and not 0 <= indices.min() <= indices.max() < self.combinations:
            raise DataError(
                f"Images have numbers 0 to {self.combinations - 1}; wanted are {indices.min()} to {indices.max()}."
            )
        return np.stack(np.unravel_index(indices, self.sizes), axis=1).astype(np.int64)

    def indices(self, table: FactorTable) -> Int64[np.ndarray, " images"]:
        """Numbers of the images with these factors. Errors: DataError where a factor has no such value."""
        if table.shape[1] != len(self.sizes):
            raise DataError(f"There are {len(self.sizes)} factors ({', '.join(self.names)}), not {table.shape[1]}.")
        for name, size, values in zip(self.names, self.sizes, table.T, strict=True):
            if values.size and not 0 <= values.min() <= values.max() < size:
                raise DataError(f"'{name}' has values 0 to {size - 1}; wanted are {values.min()} to {values.max()}.")
        return np.asarray(np.ravel_multi_index(tuple(table.T), self.sizes), np.int64)

    def split(
        self, split: Split, *, train: int | None, validation: int, test: int, name: str
    ) -> Int64[np.ndarray, " images"]:
        """Numbers of the images of one split, in their order, drawn once and for all.

        `train` are the training images, None for all that are not held out. Errors: DataError as for
        `latentia.data.images.part_of_all`, and where there are fewer training images than that.
        """
        places = np.random.default_rng(stream(SPLITS)).permutation(self.combinations)
        places = places[part_of_all(len(places), split=split, validation=validation, test=test, name=name)]
        if split is Split.TRAIN and train is not None:
            if not 1 <= train <= len(places):
                raise DataError(f"{name} has {len(places)} images to train on, not {train}.")
            places = places[:train]
        return np.sort(places).astype(np.int64)

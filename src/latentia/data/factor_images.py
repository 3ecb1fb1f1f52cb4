"""Sets of images with known factors: what those that are drawn here and those that are published have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
from jaxtyping import Int64

from latentia.data.factor_parts import all_places, chunks, load_part
from latentia.data.factors import Factors, FactorTable, Indices
from latentia.data.images import Images, ImageSet, Source, Split
from latentia.data.prepared import Blocks
from latentia.errors import DataError, SettingError
from latentia.images import ImageFormat

Places = Int64[np.ndarray, " images"]


@dataclass(frozen=True, kw_only=True)
class FactorImages(ABC):
    """One image for each combination of factors.

    No such set has a published split, and the thesis used none (A, 4.3.2): all images are for training, unless some
    are held out, drawn once and for all. `train` takes fewer. The label of a loaded image is its number. A loaded
    split is prepared once, in the user's cache folder, and mapped from there.
    """

    train: int | None = None
    validation: int = 0
    test: int = 0

    @property
    @abstractmethod
    def name(self) -> str:
        """Name of the data set."""

    @property
    @abstractmethod
    def factors(self) -> Factors:
        """Names and sizes of the factors."""

    @abstractmethod
    def images(self, indices: Indices) -> Images:
        """Images of these numbers. Errors: DataError where there is no such image, or as on loading."""

    @abstractmethod
    def _part(self, places: Places, split: Split) -> ImageSet:
        """Load the images of these numbers as a split."""

    def factors_of(self, indices: Indices) -> FactorTable:
        """Factors of some images. Errors: DataError where there is no such image."""
        return self.factors.of(indices)

    def load(self, split: Split) -> ImageSet:
        """Load one split; labels are numbers of images.

        Errors: DataError as for `Factors.split`, and where the images come from a file that is missing or another.
        """
        return self._part(
            self.factors.split(split, train=self.train, validation=self.validation, test=self.test, name=self.name),
            split,
        )


@dataclass(frozen=True, kw_only=True)
class RenderedImages(FactorImages):
    """Images that are drawn here, at any resolution. An image depends on its number and the resolution alone.

    Errors: SettingError where the resolution is below 8; on loading, DataError.
    """

    resolution: int = 64
    bits: int = 8
    channels: ClassVar[int]
    version: ClassVar[int]
    """Of what is drawn; whoever changes a pixel counts it up, so that no prepared file of other images is taken."""

    def __post_init__(self) -> None:
        if self.resolution < 8:
            raise SettingError(f"{self.name.capitalize()} have a resolution of 8 or more, not {self.resolution}.")
        _ = self.format  # refuses bits that make no sense

    @property
    def format(self) -> ImageFormat:
        """Format of loaded images."""
        return ImageFormat(channels=self.channels, height=self.resolution, width=self.resolution, bits=self.bits)

    def _part(self, places: Places, split: Split) -> ImageSet:
        return load_part(
            places,
            split,
            name=self.name,
            title=f"{self.name} {self.version}",
            image_format=self.format,
            source=Source(
                title=self.name.capitalize(),
                origin=f"drawn by {type(self).__module__}",
                licence="none needed",
                counts={Split.TRAIN: self.factors.combinations},
            ),
            blocks=lambda: (self.images(chunk) for chunk in chunks(places)),
        )


@dataclass(frozen=True, kw_only=True)
class PublishedImages(FactorImages):
    """Images of one published file in `folder`, which holds all combinations in the order of `Factors`.

    No checksum is known here: the file is known by its arrays and by the order of its factors. Errors on loading:
    DataError.
    """

    folder: Path
    source: ClassVar[Source]
    file: ClassVar[str]
    format: ClassVar[ImageFormat]

    @property
    def name(self) -> str:
        """Name of the data set."""
        return self.source.title

    def images(self, indices: Indices) -> Images:
        """Images of these numbers, from the prepared file of all. Errors: DataError as on loading."""
        self.factors.of(indices)
        return np.array(self._part(all_places(self.factors), Split.TRAIN).images[indices])

    @abstractmethod
    def _blocks(self, path: Path, places: Places) -> Blocks:
        """Read the images of these numbers, in their order, with 8 bits, a block at a time."""

    def _part(self, places: Places, split: Split) -> ImageSet:
        path = self.folder / self.file
        if not path.is_file():
            raise DataError(f"{self.folder} holds no {self.file}, which has the images of {self.name}.")
        return load_part(
            places,
            split,
            name=self.name,
            title=self.name,
            image_format=self.format,
            source=self.source,
            files=[path],
            blocks=lambda: self._blocks(path, places),
        )

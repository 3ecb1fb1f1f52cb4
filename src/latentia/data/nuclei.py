"""Nuclei under the microscope: the 2018 Data Science Bowl (BBBC038), as published, and packed into one file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from latentia.data.archives import read_array, type_and_axes
from latentia.data.images import Split
from latentia.data.pictures import check_side, read_grey, read_mask, resample_image, resample_mask
from latentia.data.segmentation_sets import USUAL_DIVISION, GroupSplit, SegmentationSet
from latentia.errors import DataError


@dataclass(frozen=True, kw_only=True)
class PackedNuclei:
    """Grey images of one size in an NPZ file: `image` (count, height, width), bytes; `mask_bits`, the masks' bits, row
    by row and eight to a byte; `ids`, their names. Each image is a group of its own.

    `size` resamples to a square of that side, as Table 4.4 has 96. Errors: SettingError; on loading, DataError.
    """

    file: Path
    size: int | None = None
    division: GroupSplit = USUAL_DIVISION

    def __post_init__(self) -> None:
        check_side(self.size)

    @property
    def name(self) -> str:
        """The file's own name."""
        return self.file.stem

    def load(self, split: Split) -> SegmentationSet:
        """Load one split. Errors: DataError where arrays are missing or do not fit each other."""
        images, bits = (read_array(self.file, key, wanted="bytes") for key in ("image", "mask_bits"))
        ids = read_array(self.file, "ids", wanted="text")
        if images.dtype != np.uint8 or images.ndim != 3:
            raise DataError(
                f"'image' in {self.file} was to hold bytes (count, height, width), not {type_and_axes(images)}."
            )
        count, height, width = images.shape
        if bits.dtype != np.uint8 or bits.shape != (count, -(-height * width // 8)) or ids.shape != (count,):
            raise DataError(
                f"'mask_bits' and 'ids' in {self.file} were to hold {height * width} bits and a name for each of "
                f"{count} images; they have the shapes {bits.shape} and {ids.shape}."
            )
        masks = np.unpackbits(bits, axis=1, count=height * width).reshape(images.shape).astype(bool)
        names = tuple(map(str, ids))
        if self.size is not None:
            images = np.stack([resample_image(one, self.size, self.size) for one in images])
            masks = np.stack([resample_mask(one, self.size, self.size) for one in masks])
        whole = SegmentationSet(images=images[:, None], masks=masks[:, None], names=names, groups=names, name=self.name)
        return self.division.take(whole, split)


@dataclass(frozen=True, kw_only=True)
class NucleiFolders:
    """The published form: a folder for each image, with `images/NAME.png` and in `masks/` a PNG for each nucleus.

    The masks of an image are united. Images are turned to grey and resampled to a square of `size`, because they come
    in several sizes. Errors: SettingError; on loading, DataError.
    """

    folder: Path
    size: int = 96
    division: GroupSplit = USUAL_DIVISION

    def __post_init__(self) -> None:
        check_side(self.size)

    @property
    def name(self) -> str:
        """The folder's own name."""
        return self.folder.name

    def load(self, split: Split) -> SegmentationSet:
        """Load one split. Errors: DataError where a file is missing, damaged, or of another size than its image."""
        folders = sorted(one.parent for one in self.folder.glob("*/images") if one.is_dir())
        if not folders:
            raise DataError(f"{self.folder} has no folders with images/ and masks/, as the 2018 Data Science Bowl has.")
        names = tuple(one.name for one in folders)
        places = self.division.places(names, self.name)[split]
        pairs = [self._pair(folders[place]) for place in places]
        chosen = tuple(names[place] for place in places)
        if not pairs:
            raise DataError(f"{self.name} has no images in its split '{split}'.")
        return SegmentationSet(
            images=np.stack([image for image, _ in pairs])[:, None],
            masks=np.stack([mask for _, mask in pairs])[:, None],
            names=chosen,
            groups=chosen,
            name=self.name,
            split=split,
        )

    def _pair(self, folder: Path) -> tuple[np.ndarray, np.ndarray]:
        files = _pngs(folder / "images")
        if len(files) != 1:
            raise DataError(f"{folder / 'images'} was to hold one PNG image; it holds {len(files)}.")
        if not (folder / "masks").is_dir():
            raise DataError(f"{folder} has no masks/; images without masks are not for training.")
        image = read_grey(files[0])
        united = np.zeros(image.shape, bool)
        masks, files = _pngs(folder / "masks"), _visible(folder / "masks")
        if files and not masks:
            raise DataError(f"{folder / 'masks'} was to hold PNG images; it holds {files[0].name}.")
        for file in masks:
            united |= read_mask(file, image.shape)
        return resample_image(image, self.size, self.size), resample_mask(united, self.size, self.size)


def _pngs(folder: Path) -> list[Path]:
    return [file for file in _visible(folder) if file.suffix.lower() == ".png"]


def _visible(folder: Path) -> list[Path]:
    return sorted(file for file in folder.iterdir() if not file.name.startswith("."))

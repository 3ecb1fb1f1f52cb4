"""CelebA: 202,599 photographs of celebrities, 178×218 pixels (Liu et al. 2015), from the published files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from latentia.data.decoding import decode
from latentia.data.files import existing_folder
from latentia.data.images import Images, ImageSet, Source, Split
from latentia.data.prepared import Blocks, mapped_images, stacked
from latentia.errors import DataError, SettingError
from latentia.images import ImageFormat

SOURCE = Source(
    title="CelebA",
    origin="https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html",
    licence="non-commercial research",
    counts={Split.TRAIN: 182_637, Split.TEST: 19_962},
)
VALIDATION = 19_867
"""Images of the published validation part, which follow the training images."""
PARTS = {"0": Split.TRAIN, "1": Split.TRAIN, "2": Split.TEST}
FOLDER, PARTITION = "img_align_celeba", "list_eval_partition.txt"


@dataclass(frozen=True, kw_only=True)
class CelebA:
    """CelebA from `folder`, which holds `img_align_celeba` and `list_eval_partition.txt` as they are published.

    Images are resized to `size`×`size`, as in thesis B 3.4.1, which makes faces a little wider; with `crop` the central
    square alone is taken. The last `validation` images of the published training and validation parts are kept for
    validation: by default the published ones. Errors: SettingError for a size below 1; on loading, DataError.
    """

    folder: Path
    size: int = 64
    crop: bool = False
    validation: int = VALIDATION
    bits: int = 8

    def __post_init__(self) -> None:
        if self.size < 1:
            raise SettingError(f"size must be 1 or more; it is {self.size}.")

    @property
    def name(self) -> str:
        """Name of the data set, with how images were made smaller."""
        return f"CelebA {self.size}×{self.size}{', cropped' if self.crop else ''}"

    def load(self, split: Split) -> ImageSet:
        """Load one split. Errors: DataError where files are missing, damaged, or not those of the list."""
        files = self._files(split.published)
        image_format = ImageFormat(channels=3, height=self.size, width=self.size)
        title = f"{self.name} {split.published}"
        images: Images = mapped_images(
            files, title=title, image_format=image_format, blocks=lambda: self._blocks(files)
        )
        whole = ImageSet(images=images, format=image_format, name=self.name, split=split.published, source=SOURCE)
        return whole.part(split, validation=self.validation).with_bits(self.bits)

    def _files(self, part: Split) -> list[Path]:
        folder = existing_folder(self.folder, self.name)
        listed = folder / PARTITION
        if not listed.is_file():
            raise DataError(f"{folder} holds no {PARTITION}, which says what is for training and what for testing.")
        found = []
        for number, line in enumerate(listed.read_text(encoding="utf-8", errors="replace").splitlines(), start=1):
            words = line.split()
            if len(words) != 2 or words[1] not in PARTS:
                raise DataError(f"Line {number} of {listed} is '{line}'; wanted a file's name and 0, 1 or 2.")
            if PARTS[words[1]] is part:
                found.append(folder / FOLDER / words[0])
        for file in found:
            if not file.is_file():
                raise DataError(f"{listed} names {file.name}, which is not in {folder / FOLDER}.")
        return found

    def _blocks(self, files: list[Path]) -> Blocks:
        return stacked(self._smaller(decode(str(file), file), file) for file in files)

    def _smaller(
        self, pixels: UInt8[np.ndarray, "channels rows columns"], file: Path
    ) -> UInt8[np.ndarray, "channels height width"]:
        if len(pixels) != 3:
            raise DataError(f"{file} is grey; the images of CelebA are in colour.")
        if self.crop:
            side = min(pixels.shape[1:])
            top, left = ((length - side) // 2 for length in pixels.shape[1:])
            pixels = pixels[:, top : top + side, left : left + side]
        picture = Image.fromarray(np.ascontiguousarray(np.moveaxis(pixels, 0, -1)))
        resized = picture.resize((self.size, self.size), Image.Resampling.BILINEAR)
        return np.moveaxis(np.asarray(resized), -1, 0)

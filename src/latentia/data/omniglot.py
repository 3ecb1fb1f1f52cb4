"""Omniglot: 32,460 drawings of 1,623 handwritten characters from 50 alphabets, 105×105 pixels (Lake et al. 2015).

The published background characters (30 alphabets) are for training, the evaluation characters (20 others) for testing.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile, ZipFile

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from latentia.data.decoding import Pixels, decode, image_files
from latentia.data.files import Download, cache_folder, check, existing_folder
from latentia.data.images import ImageSet, Source, Split
from latentia.errors import DataError, SettingError
from latentia.images import ImageFormat

SOURCE = Source(
    title="Omniglot",
    origin="https://github.com/brendenlake/omniglot",
    licence="MIT",
    counts={Split.TRAIN: 19_280, Split.TEST: 13_180},
)
URL = "https://raw.githubusercontent.com/brendenlake/omniglot/master/python"
PARTS = {Split.TRAIN: "images_background", Split.TEST: "images_evaluation"}
CHECKSUMS = {
    "images_background": "md5:68d2efa1b9178cc56df9314c21c6e718",
    "images_evaluation": "md5:6b91aef0f799c5bb55b94e3f2daec811",
}
SIDE = 105


@dataclass(frozen=True, kw_only=True)
class Omniglot:
    """Omniglot, from `folder`, or downloaded into the user's cache folder (16 MB, once). Ink is bright.

    Read from the published archives, the folders they unpack to, or an NPZ file of packed bits (see the how-to page).
    The published drawings are black and white, so `bits` is 1. A smaller `size` averages over areas, which makes grey
    pixels: then `bits=8` keeps them. These are not the 28×28 images of Burda et al. (2016), which were made another
    way and split at random. The last `validation` training images are kept for validation: drawings are ordered by
    alphabet and character, so these are characters that training has not seen. Errors on loading: DataError.
    """

    folder: Path | None = None
    validation: int = 0
    size: int = SIDE
    bits: int = 1

    def __post_init__(self) -> None:
        if not 1 <= self.size <= SIDE:
            raise SettingError(f"Omniglot's drawings have {SIDE} rows; 'size' is {self.size}.")

    @property
    def name(self) -> str:
        """Name of the data set."""
        return "Omniglot" if self.size == SIDE else f"Omniglot, area average {self.size}×{self.size}"

    def load(self, split: Split) -> ImageSet:
        """Load one split; labels number the characters of the split. Errors: DataError where data are missing."""
        characters: list[str] = []
        drawings: list[Pixels] = []
        for character, drawing in self._drawings(split.published):
            characters.append(character)
            drawings.append(_shrunk(drawing, self.size))
        whole = ImageSet(
            images=np.stack(drawings),
            labels=np.unique(characters, return_inverse=True)[1],
            format=ImageFormat(channels=1, height=self.size, width=self.size),
            name=self.name,
            split=split.published,
            source=SOURCE,
        )
        return whole.part(split, validation=self.validation).with_bits(self.bits)

    def _drawings(self, split: Split) -> Iterator[tuple[str, Pixels]]:
        """Characters and their drawings, values 0 and 255."""
        part = PARTS[split]
        if self.folder is None:
            archive = Download(file=f"{part}.zip", url=f"{URL}/{part}.zip", checksum=CHECKSUMS[part])
            return _from_archive(archive.into(cache_folder() / "omniglot"))
        folder = existing_folder(self.folder, "Omniglot")
        packed = sorted(folder.glob("omniglot*.npz"))
        if (folder / part).is_dir():
            return _from_folder(folder / part)
        if (folder / f"{part}.zip").is_file():
            check(folder / f"{part}.zip", CHECKSUMS[part])
            return _from_archive(folder / f"{part}.zip")
        if packed and split is Split.TRAIN:
            return _from_packed(packed[0])
        raise DataError(f"{folder} holds no Omniglot {split} images: wanted {part}.zip or the folder it unpacks to.")


def _from_folder(folder: Path) -> Iterator[tuple[str, Pixels]]:
    found = image_files(folder)
    if not found:
        raise DataError(f"{folder} holds no PNG images.")
    for path in found:
        yield path.parent.relative_to(folder).as_posix(), _ink(decode(str(path), path))


def _from_archive(path: Path) -> Iterator[tuple[str, Pixels]]:
    try:
        with ZipFile(path) as archive:
            for name in sorted(name for name in archive.namelist() if name.endswith(".png")):
                yield name.rpartition("/")[0], _ink(decode(name, io.BytesIO(archive.read(name))))
    except BadZipFile as error:
        raise DataError(f"{path} cannot be read: {error}") from error


def _from_packed(path: Path) -> Iterator[tuple[str, Pixels]]:
    """`bits`: 105·105 bits a drawing, ink 1; `alphabet` and `character`: what each drawing shows."""
    try:
        with np.load(path) as arrays:
            bits, alphabets, characters = arrays["bits"], arrays["alphabet"], arrays["character"]
    except (OSError, KeyError, ValueError, BadZipFile) as error:
        raise DataError(f"{path} cannot be read as packed Omniglot drawings: {error}") from error
    pixels = np.unpackbits(bits, axis=1, count=SIDE * SIDE).reshape(-1, 1, SIDE, SIDE) * np.uint8(255)
    for alphabet, character, drawing in zip(alphabets, characters, pixels, strict=True):
        yield f"{alphabet}/{character:03}", drawing


def _ink(drawing: Pixels) -> Pixels:
    """Published drawings are black on white; likelihoods of binary images count ink as 1."""
    if drawing.shape != (1, SIDE, SIDE):
        raise DataError(f"Omniglot's drawings are grey and {SIDE}×{SIDE}; one is {drawing.shape}.")
    inverted: Pixels = 255 - drawing
    return inverted


def _shrunk(drawing: Pixels, size: int) -> UInt8[np.ndarray, "1 rows columns"]:
    if size == SIDE:
        return drawing
    shrunk = Image.fromarray(drawing[0]).resize((size, size), Image.Resampling.BOX)
    return np.asarray(shrunk).reshape(1, size, size)

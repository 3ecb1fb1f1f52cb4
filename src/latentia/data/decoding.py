"""PNG and JPEG files as bytes of colours, without guesses: what is not 8-bit grey or RGB is refused."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from io import BytesIO
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageOps

from latentia.errors import DataError
from latentia.images import ImageFormat

Pixels = UInt8[np.ndarray, "channels height width"]

SUFFIXES = {".png", ".jpg", ".jpeg"}
# Pillow's modes that 8-bit grey or RGB can say without loss, and which of the two.
MODES = {"1": "L", "L": "L", "P": "RGB", "RGB": "RGB"}


def decode(name: str, file: Path | BytesIO) -> Pixels:
    """Read one image: (1, height, width) for grey and black-and-white, (3, height, width) for colour, as it is shown.

    Errors: DataError where it cannot be read, is transparent, or has other than 8 bits.
    """
    try:
        with Image.open(file) as opened:
            if opened.mode not in MODES or "transparency" in opened.info:
                raise DataError(f"{name} is an image of mode {opened.mode}; wanted 8-bit grey or RGB, not transparent.")
            pixels = np.asarray(ImageOps.exif_transpose(opened).convert(MODES[opened.mode]))
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise DataError(f"{name} cannot be read as an image: {error}") from error
    return pixels[None] if pixels.ndim == 2 else np.moveaxis(pixels, -1, 0)


def decode_all(named: Iterable[tuple[str, Path | BytesIO]], wanted: ImageFormat, *, model: str) -> Iterator[Pixels]:
    """Read images that must all have the size of `wanted`, which is that of `model`.

    Errors: DataError that names the first image of another size.
    """
    for name, file in named:
        pixels = decode(name, file)
        if pixels.shape != wanted.shape:
            got, size = ("×".join(map(str, shape)) for shape in (pixels.shape, wanted.shape))
            raise DataError(f"Images must have one size: {name} has {got} (channels, height, width), {model} {size}.")
        yield pixels


def check_sizes(files: Iterable[Path], wanted: tuple[int, ...], *, model: Path) -> None:
    """Look at what files say of themselves, which is quick: all must have the shape `wanted`, that of `model`.

    Errors: DataError that names the first which differs, or is no image.
    """
    for file in files:
        # A photograph may be turned when it is decoded, so that alone decides.
        if _described(file) != wanted and (shape := decode(str(file), file).shape) != wanted:
            got, one = ("×".join(map(str, each)) for each in (shape, wanted))
            raise DataError(f"Images must have one size: {file} has {got} (channels, height, width), {model} {one}.")


def _described(file: Path) -> tuple[int, int, int]:
    try:
        with Image.open(file) as opened:
            return (1 if MODES.get(opened.mode) == "L" else 3, opened.height, opened.width)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise DataError(f"{file} cannot be read as an image: {error}") from error


def image_files(folder: Path) -> list[Path]:
    """PNG and JPEG files in `folder` and the folders in it, ordered by path."""
    found = [path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES and path.is_file()]
    return sorted(found, key=lambda path: path.relative_to(folder).as_posix())

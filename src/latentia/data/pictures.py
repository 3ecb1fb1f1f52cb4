"""Pictures and masks in files, as arrays: what a viewer shows, or a sentence that says why not."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from latentia.data.segmentation_sets import check_mask, check_same_size
from latentia.errors import DataError, SettingError

DEEP = ("I;16", "I;16L", "I;16B", "I", "F")
"""Pillow's modes with more than 8 bits for a value."""
LARGEST = 16_384
"""Side of images that are resampled; larger ones are a slip of the keyboard."""


def read_pixels(file: Path, mode: str) -> np.ndarray:
    """Read a picture as grey ("L") or colours ("RGB"), bytes, in any format of Pillow's.

    It is turned as it says that it was taken, and what is transparent is black. Errors: DataError, also for more than 8
    bits, of which nobody says here which are dark and which are bright, and for several pictures in one file.
    """
    with _opened(file) as picture:
        if picture.mode in DEEP:
            raise DataError(
                f"{file} has more than 8 bits for a value; save it with 8, from what is to be black to what is to be "
                "white."
            )
        return np.asarray(_opaque(picture).convert(mode))


def read_grey(file: Path) -> np.ndarray:
    """Read a picture as grey, (height, width), bytes. Errors: as `read_pixels`."""
    return read_pixels(file, "L")


def read_mask(file: Path, wanted: tuple[int, ...], *, threshold: int | None = None) -> np.ndarray:
    """Read a mask for an image of this height and width, as booleans.

    Of colours the brightest counts; what is black or transparent does not belong to the mask. With `threshold`, values
    from there on belong to it, as edges of some published masks are grey. Errors: DataError where it cannot be read,
    has another size, or without `threshold` more than two values.
    """
    with _opened(file) as picture:
        deep = picture.mode in DEEP
        values = np.asarray(picture) if deep else np.asarray(_opaque(picture).convert("RGB")).max(-1)
    check_same_size(wanted, values.shape, str(file))
    return check_mask(values, str(file)) if threshold is None else values >= threshold


def check_side(size: int | None) -> None:
    """Errors: SettingError where images would be resampled to nothing, or to more than anybody wants."""
    if size is not None and not 1 <= size <= LARGEST:
        raise SettingError(f"Images are resampled to a side of 1 to {LARGEST} pixels, not {size}.")


def resample_image(image: np.ndarray, height: int, width: int) -> np.ndarray:
    """Give an image another size, with the mean of what falls together: (height, width), or with colours last."""
    return np.asarray(Image.fromarray(image).resize((width, height), Image.Resampling.BILINEAR))


def resample_mask(mask: np.ndarray, height: int, width: int) -> np.ndarray:
    """Give a mask another size: a pixel belongs to it where at least half of what falls together does."""
    shares = Image.fromarray(mask.astype(np.uint8) * 255).resize((width, height), Image.Resampling.BILINEAR)
    return np.asarray(shares) >= 128


@contextmanager
def _opened(file: Path) -> Iterator[Image.Image]:
    try:
        with Image.open(file) as opened:
            if (count := getattr(opened, "n_frames", 1)) > 1:
                raise DataError(f"{file} holds {count} pictures; wanted is one.")
            yield ImageOps.exif_transpose(opened)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise DataError(f"{file} cannot be read as an image: {error}") from error


def _opaque(picture: Image.Image) -> Image.Image:
    if not picture.has_transparency_data:
        return picture
    whole = picture.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", whole.size, (0, 0, 0, 255)), whole)

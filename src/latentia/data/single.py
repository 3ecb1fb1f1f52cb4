"""One image of the user's own, and masks of known pixels, from files: PNG, JPEG or NPZ."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from latentia.data.archives import read_array, sizes, type_and_axes
from latentia.data.decoding import decode
from latentia.data.fields import FieldSet
from latentia.errors import DataError
from latentia.images import ImageFormat, reduce_bits

VALUES, MASK = "values", "mask"
"""Names of the arrays in NPZ files."""
HALF = 127
"""What is lighter counts as white."""


def read_values(
    file: Path, wanted: ImageFormat, fields: FieldSet | None = None
) -> Float[Tensor, "one channels height width"]:
    """Read one image as shares of white, or one snapshot of a field, scaled as `fields` are.

    An NPZ file has an array `values`, (channels, height, width) or (height, width) for one channel: of an image whole
    numbers 0 … levels − 1, or floats 0 … 1; of a field numbers in its units. NaN stands where nothing is known.
    Errors: DataError where the file cannot be read, or holds something else or of another size.
    """
    if file.suffix.lower() == ".npz":
        found = read_array(file, VALUES, wanted="numbers")
        if found.dtype.kind not in "fiu" or found.ndim not in (2, 3):
            raise DataError(
                f"'{VALUES}' in {file} was to hold floats or whole numbers, (height, width) or (channels, height, "
                f"width); it holds {type_and_axes(found)}."
            )
        found = found[None] if found.ndim == 2 else found
    elif fields is not None:
        raise DataError(f"A snapshot of a field is read from an NPZ file with an array '{VALUES}', not from {file}.")
    else:
        found = reduce_bits(decode(str(file), file), wanted.bits)
    if found.shape != wanted.shape:
        raise DataError(
            f"{file} has {sizes(found.shape)} (channels, height, width); the model is for {sizes(wanted.shape)}."
        )
    values = torch.from_numpy(found.astype(np.float64))[None]
    if fields is not None:
        return fields.scaled(values)
    if found.dtype.kind != "f":
        if not 0 <= found.min() <= found.max() < wanted.levels:
            raise DataError(
                f"'{VALUES}' in {file} was to hold 0 to {wanted.levels - 1}; it holds {found.min()} to {found.max()}."
            )
        values = values / (wanted.levels - 1)
    return values


def read_masks(file: Path) -> Bool[Tensor, "masks 1 height width"]:
    """Read which pixels are known: those that are white, of a picture.

    An NPZ file has an array `mask` of booleans, or of numbers that are 0 where nothing is known: (height, width), or
    (masks, 1, height, width) for one mask for each image. Errors: DataError where the file cannot be read, or holds
    something else.
    """
    if file.suffix.lower() != ".npz":
        return torch.from_numpy(decode(str(file), file).min(0) > HALF)[None, None]
    found = read_array(file, MASK, wanted="booleans")
    if found.dtype.kind not in "bfiu" or not (found.ndim == 2 or (found.ndim == 4 and found.shape[1] == 1)):
        raise DataError(f"'{MASK}' in {file} was to hold booleans, (height, width); it holds {type_and_axes(found)}.")
    return torch.from_numpy(found != 0).reshape(-1, 1, *found.shape[-2:])

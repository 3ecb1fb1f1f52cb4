"""Reading arrays from NPZ files that may be missing, damaged or something else."""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import Any
from zipfile import BadZipFile, is_zipfile

import numpy as np
from numpy.typing import NDArray

from latentia.errors import DataError

NPY_BEGINS = b"\x93NUMPY"


def read_array(file: Path, key: str, *, wanted: str) -> NDArray[Any]:
    """Read the array `key` of an NPZ file, of any type and shape; `wanted` names the type in an error.

    Errors: DataError where the file is missing, no NPZ file or damaged, or has no such array.
    """
    _check_archive(file, f"'{key}'")
    try:
        with np.load(file) as arrays:
            if key not in arrays:
                raise DataError(f"{file} has no array '{key}'; it has {', '.join(arrays.files) or 'none'}.")
            found = arrays[key]
    except ValueError as error:
        if "Object arrays" in str(error):
            raise DataError(f"'{key}' in {file} holds Python objects; wanted {wanted}.") from error
        raise DataError(f"'{key}' in {file} is damaged.") from error
    except (OSError, EOFError, RuntimeError, BadZipFile, zlib.error) as error:
        raise DataError(f"{file} cannot be read; it may be damaged ({error}).") from error
    if not isinstance(found, np.ndarray):
        raise DataError(f"'{key}' in {file} is a file of another kind, not an array.")
    return found


def array_names(file: Path, *, wanted: str) -> list[str]:
    """Names of all arrays in an NPZ file, in its order; `wanted` says in an error what they should be.

    Errors: DataError where the file is missing, no NPZ file or damaged.
    """
    _check_archive(file, wanted)
    try:
        with np.load(file) as arrays:
            return list(arrays.files)
    except (OSError, EOFError, ValueError, RuntimeError, BadZipFile, zlib.error) as error:
        raise DataError(f"{file} cannot be read; it may be damaged ({error}).") from error


def _check_archive(file: Path, what: str) -> None:
    if not file.is_file():
        raise DataError(f"There is no file {file}, which should hold {what}.")
    with file.open("rb") as opened:
        if opened.read(len(NPY_BEGINS)) == NPY_BEGINS:
            raise DataError(f"{file} holds a single array, as NPY files do; wanted an NPZ file.")
    if not is_zipfile(file):
        raise DataError(f"{file} is no NPZ file, or is damaged.")


def type_and_axes(array: NDArray[Any]) -> str:
    """Say what an array is, for an error: "float64 with 3 axes"."""
    return f"{array.dtype} with {array.ndim} {'axis' if array.ndim == 1 else 'axes'}"


def sizes(shape: tuple[int, ...]) -> str:
    """Write a shape, for an error: "10×5×6"."""
    return "×".join(map(str, shape))

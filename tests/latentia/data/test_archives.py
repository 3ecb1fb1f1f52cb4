from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from zipfile import ZipFile

import numpy as np
import pytest

from latentia.data.archives import read_array
from latentia.errors import DataError

NUMBERS = np.random.default_rng(0).integers(0, 256, (10, 5, 6), dtype=np.uint8)


def test_an_array_is_read_by_its_name(tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "a.npz", some=NUMBERS, other=NUMBERS[0])
    read = read_array(tmp_path / "a.npz", "some", wanted="numbers")
    assert read.dtype == NUMBERS.dtype
    assert np.array_equal(read, NUMBERS)


def test_python_objects_are_not_unpickled(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", some=np.array([None, 1]))
    with pytest.raises(DataError, match=r"'some' in .*a.npz holds Python objects; wanted numbers.$"):
        read_array(tmp_path / "a.npz", "some", wanted="numbers")


def as_text(path: Path) -> None:
    path.write_bytes(b"text")


def as_one_array(path: Path) -> None:
    with path.open("wb") as file:
        np.save(file, NUMBERS)


def with_flipped_bytes(path: Path) -> None:
    np.savez(path, some=NUMBERS)
    content = bytearray(path.read_bytes())
    content[200:210] = bytes(10)
    path.write_bytes(content)


def with_a_text_inside(path: Path) -> None:
    with ZipFile(path, "w") as archive:
        archive.writestr("some", "text")


@pytest.mark.parametrize(
    ("write", "message"),
    [
        (as_text, "b.npz is no NPZ file, or is damaged."),
        (as_one_array, "b.npz holds a single array, as NPY files do; wanted an NPZ file."),
        (with_flipped_bytes, r"b.npz cannot be read; it may be damaged \(.*\)."),
        (with_a_text_inside, "'some' in .*b.npz is a file of another kind, not an array."),
        (np.savez, "b.npz has no array 'some'; it has none."),
    ],
)
def test_a_file_that_is_no_whole_npz_is_one_sentence(
    write: Callable[[Path], None], message: str, tmp_path: Path
) -> None:
    write(tmp_path / "b.npz")
    with pytest.raises(DataError, match=f"{message}$") as error:
        read_array(tmp_path / "b.npz", "some", wanted="numbers")
    assert "pickle" not in str(error.value)

from __future__ import annotations

import gzip
import struct
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest

from latentia.data import mnist
from latentia.data.images import Split
from latentia.data.mnist import Mnist
from latentia.errors import DataError
from latentia.images import ImageFormat

RNG = np.random.default_rng(0)


def idx(array: np.ndarray) -> bytes:
    return struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape) + array.tobytes()


ARRAYS = {
    "train-images-idx3-ubyte": RNG.integers(0, 256, (5, 4, 6), dtype=np.uint8),
    "train-labels-idx1-ubyte": np.array([3, 1, 4, 1, 5], np.uint8),
    "t10k-images-idx3-ubyte": RNG.integers(0, 256, (2, 4, 6), dtype=np.uint8),
    "t10k-labels-idx1-ubyte": np.array([9, 2], np.uint8),
}


@pytest.fixture(params=["packed", "unpacked"])
def folder(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small set in the published form, taken for MNIST."""
    known = {name: sha256(idx(array)).hexdigest() for name, array in ARRAYS.items()}
    monkeypatch.setattr(mnist, "CONTENTS", known)
    monkeypatch.setattr(mnist, "FORMAT", ImageFormat(channels=1, height=4, width=6))
    for name, array in ARRAYS.items():
        if request.param == "packed":
            (tmp_path / f"{name}.gz").write_bytes(gzip.compress(idx(array)))
        else:
            (tmp_path / name).write_bytes(idx(array))
    return tmp_path


def test_the_published_files_are_read(folder: Path) -> None:
    source = Mnist(folder=folder, validation=2)
    train, held_out, test = map(source.load, Split)
    images = ARRAYS["train-images-idx3-ubyte"][:, None]
    assert np.array_equal(train.images, images[:3])
    assert np.array_equal(held_out.images, images[3:])
    assert np.array_equal(test.images, ARRAYS["t10k-images-idx3-ubyte"][:, None])
    assert held_out.labels is not None
    assert held_out.labels.tolist() == [1, 5]


def test_one_bit_makes_black_and_white_images(folder: Path) -> None:
    binary = Mnist(folder=folder, bits=1).load(Split.TEST)
    assert np.array_equal(binary.images[:, 0], ARRAYS["t10k-images-idx3-ubyte"] >= 128)


def test_another_set_with_the_same_file_names_is_refused(tmp_path: Path) -> None:
    """Fashion-MNIST has the names and sizes of MNIST."""
    for name, array in ARRAYS.items():
        (tmp_path / f"{name}.gz").write_bytes(gzip.compress(idx(array)))
    with pytest.raises(DataError, match="t10k-images-idx3-ubyte is not MNIST's, or is damaged: its sha256 is"):
        Mnist(folder=tmp_path).load(Split.TEST)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"holds no train-images-idx3-ubyte.gz, which has images or labels of MNIST"):
        Mnist(folder=tmp_path).load(Split.TRAIN)


@pytest.mark.real_data
def test_the_real_digits_are_read(real_data: Path) -> None:
    train, test = (Mnist(folder=real_data / "mnist").load(split) for split in (Split.TRAIN, Split.TEST))
    assert [len(train), len(test)] == [60_000, 10_000]
    # Well known: mean 0.1307 of the training pixels in 0 … 1, and the digits per class.
    assert train.images.mean() / 255 == pytest.approx(0.1307, abs=5e-5)
    assert np.bincount(train.labels).tolist() == [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]

from __future__ import annotations

import builtins
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from latentia.data import FactorImages, Shapes3D, Split, shapes3d
from latentia.data.factors import Factors
from latentia.errors import DataError

FACTORS = Factors(
    names=("floor hue", "wall hue", "object hue", "scale", "shape", "orientation"), sizes=(3, 2, 2, 1, 4, 5)
)
RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (240, 64, 64, 3), dtype=np.uint8)
VALUES = (np.arange(3) / 10, np.arange(2) / 10, np.arange(2) / 10, [0.75], np.arange(4.0), np.linspace(-30, 30, 5))
LABELS = np.stack([axis.ravel() for axis in np.meshgrid(*VALUES, indexing="ij")], axis=1)


def write(folder: Path, **arrays: np.ndarray) -> Path:
    h5py = pytest.importorskip("h5py")
    with h5py.File(folder / "3dshapes.h5", "w") as file:
        for name, array in ({"images": IMAGES, "labels": LABELS} | arrays).items():
            file.create_dataset(name, data=array, compression="gzip")
    return folder


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fewer values of each factor, taken for the published ones."""
    monkeypatch.setattr(shapes3d, "FACTORS", FACTORS)
    monkeypatch.setattr("latentia.data.factor_parts.BLOCK", 32)


def test_the_published_file_is_read(tmp_path: Path) -> None:
    source = Shapes3D(folder=write(tmp_path))
    whole = source.load(Split.TRAIN)
    assert np.array_equal(whole.images, np.moveaxis(IMAGES, 3, 1))
    assert isinstance(source, FactorImages)
    some = np.array([239, 7])
    assert np.array_equal(source.images(some), np.moveaxis(IMAGES, 3, 1)[some])
    # The values of the file's own labels, by size, are the factors.
    values = [axis[number] for axis, number in zip(VALUES, source.factors_of(some)[0], strict=True)]
    assert values == LABELS[239].tolist()


def test_held_out_images_are_of_no_other_split(tmp_path: Path) -> None:
    source = Shapes3D(folder=write(tmp_path), train=50, validation=20, test=10)
    parts = [source.load(split) for split in Split]
    assert [len(part) for part in parts] == [50, 20, 10]
    for part in parts:
        assert part.labels is not None
        assert np.array_equal(part.images, np.moveaxis(IMAGES, 3, 1)[part.labels])
    assert len({number for part in parts for number in np.asarray(part.labels).tolist()}) == 80


def test_another_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"holds no 3dshapes.h5, which has the images of 3D-Shapes"):
        Shapes3D(folder=tmp_path).load(Split.TRAIN)
    write(tmp_path, images=IMAGES[:, :32])
    with pytest.raises(DataError, match="is uint8 240×32×64×3; 3D-Shapes has uint8 240×64×64×3"):
        Shapes3D(folder=tmp_path).load(Split.TRAIN)
    write(tmp_path, labels=LABELS[::-1])
    with pytest.raises(DataError, match="not in the order of 3D-Shapes"):
        Shapes3D(folder=tmp_path).load(Split.TRAIN)
    (tmp_path / "3dshapes.h5").write_bytes(b"no HDF5")
    with pytest.raises(DataError, match="cannot be read as an HDF5 file"):
        Shapes3D(folder=tmp_path).load(Split.TRAIN)


def test_without_h5py_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "3dshapes.h5").write_bytes(b"")
    real = builtins.__import__

    def without(name: str, *rest: Any, **more: Any) -> Any:
        if name == "h5py":
            raise ModuleNotFoundError(name)
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(DataError, match=r'pip install "latentia\[hdf5\]"'):
        Shapes3D(folder=tmp_path).load(Split.TRAIN)

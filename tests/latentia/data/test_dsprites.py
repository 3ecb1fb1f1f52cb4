from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from latentia.data import DSprites, FactorImages, Split, dsprites
from latentia.data.factors import Factors
from latentia.errors import DataError

FACTORS = Factors(names=("shape", "scale", "orientation", "x", "y"), sizes=(3, 2, 5, 4, 2))
IMAGES = np.random.default_rng(0).integers(0, 2, (240, 64, 64), dtype=np.uint8)
CLASSES = np.insert(FACTORS.of(np.arange(240)), 0, 0, axis=1)


def write(folder: Path, **arrays: np.ndarray) -> Path:
    """All arrays of the published file, the last one an object that nobody may unpack."""
    content = {"imgs": IMAGES, "latents_values": CLASSES / 2, "latents_classes": CLASSES} | arrays
    np.savez_compressed(folder / dsprites.FILE, metadata=np.array({"title": "dSprites"}), **content)
    return folder


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fewer values of each factor, taken for the published ones."""
    monkeypatch.setattr(dsprites, "FACTORS", FACTORS)
    monkeypatch.setattr("latentia.data.factor_parts.BLOCK", 32)


def test_the_published_file_is_read(tmp_path: Path) -> None:
    source = DSprites(folder=write(tmp_path))
    whole = source.load(Split.TRAIN)
    assert np.array_equal(whole.images[:, 0], IMAGES)
    assert whole.format.bits == 1
    assert isinstance(source, FactorImages)
    some = np.array([239, 7])
    assert np.array_equal(source.images(some)[:, 0], IMAGES[some])
    assert source.factors_of(some).tolist() == CLASSES[some, 1:].tolist()


def test_a_few_images_are_read_from_where_they_are(tmp_path: Path) -> None:
    source = DSprites(folder=write(tmp_path), train=3, validation=4)
    for split in (Split.TRAIN, Split.VALIDATION):
        part = source.load(split)
        assert part.labels is not None
        assert np.array_equal(part.images[:, 0], IMAGES[part.labels])


def test_another_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="which has the images of dSprites"):
        DSprites(folder=tmp_path).load(Split.TRAIN)
    for wrong, message in (
        ({"imgs": IMAGES[:-1]}, "is uint8 239×64×64; dSprites has uint8 240×64×64"),
        ({"imgs": 255 * IMAGES}, "was to hold 0 and 1; it holds 255"),
        ({"latents_classes": CLASSES[::-1]}, "not in the order of dSprites"),
        ({"latents_classes": CLASSES[:, 1:]}, "was to hold whole numbers, 240×6"),
    ):
        write(tmp_path, **wrong)
        with pytest.raises(DataError, match=message):
            DSprites(folder=tmp_path).load(Split.TRAIN)


def test_a_damaged_file_leaves_nothing_behind(tmp_path: Path, cache: Path) -> None:
    path = write(tmp_path) / dsprites.FILE
    content = bytearray(path.read_bytes())
    content[20_000:20_200] = bytes(200)
    path.write_bytes(content)
    with pytest.raises(DataError, match="may be damaged"):
        DSprites(folder=tmp_path).load(Split.TRAIN)
    assert not list((cache / "prepared").iterdir())

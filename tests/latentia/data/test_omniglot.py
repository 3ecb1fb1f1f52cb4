from __future__ import annotations

from hashlib import md5
from pathlib import Path
from zipfile import ZipFile

import numpy as np
import pytest
from PIL import Image

from latentia.data import omniglot
from latentia.data.images import Split
from latentia.data.omniglot import Omniglot
from latentia.errors import DataError, SettingError

INK = np.random.default_rng(0).random((5, 105, 105)) < 0.2
NAMES = [
    "Greek/character01/0001_01",
    "Greek/character01/0001_02",
    "Greek/character02/0002_01",
    "Latin/character01/0003_01",
    "Latin/character01/0003_02",
]


def draw(folder: Path) -> None:
    """Black ink on white paper with one bit a pixel, as published."""
    for name, ink in zip(NAMES, INK, strict=True):
        path = folder / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(~ink).save(path)


@pytest.fixture(params=["folder", "archive", "packed"])
def folder(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The same drawings in each of the forms that are read."""
    made = tmp_path / "omniglot"
    made.mkdir()
    match request.param:
        case "folder":
            draw(made / "images_background")
        case "archive":
            draw(tmp_path / "images_background")
            with ZipFile(made / "images_background.zip", "w") as archive:
                for name in reversed(NAMES):
                    archive.write(tmp_path / "images_background" / f"{name}.png", f"images_background/{name}.png")
            checksum = md5((made / "images_background.zip").read_bytes()).hexdigest()
            monkeypatch.setattr(omniglot, "CHECKSUMS", {"images_background": f"md5:{checksum}"})
        case _:
            np.savez(
                made / "omniglot_some.npz",
                bits=np.packbits(INK.reshape(5, -1), axis=1),
                alphabet=np.array([name.split("/")[0] for name in NAMES]),
                character=np.array([1, 1, 2, 1, 1]),
            )
    return made


def test_every_form_gives_the_same_drawings_with_ink_as_ones(folder: Path) -> None:
    drawings = Omniglot(folder=folder).load(Split.TRAIN)
    assert np.array_equal(drawings.images[:, 0], INK)
    assert drawings.format.levels == 2
    assert drawings.labels is not None
    assert drawings.labels.tolist() == [0, 0, 1, 2, 2]


def test_validation_drawings_are_the_last(folder: Path) -> None:
    held_out = Omniglot(folder=folder, validation=2).load(Split.VALIDATION)
    assert np.array_equal(held_out.images[:, 0], INK[3:])


def test_a_smaller_size_averages_over_areas_and_has_its_own_name(folder: Path) -> None:
    small = Omniglot(folder=folder, size=35, bits=8).load(Split.TRAIN)
    means = INK.reshape(5, 35, 3, 35, 3).mean((2, 4)) * 255
    assert np.abs(small.images[:, 0] - means).max() <= 0.5 + 1e-9
    assert small.name != Omniglot(folder=folder).name


def test_missing_drawings_are_named(folder: Path) -> None:
    with pytest.raises(DataError, match=r"holds no Omniglot test images: wanted images_evaluation.zip"):
        Omniglot(folder=folder).load(Split.TEST)


def test_an_archive_that_is_not_the_published_one_is_refused(tmp_path: Path) -> None:
    (tmp_path / "images_background.zip").write_bytes(b"no archive")
    with pytest.raises(DataError, match="not the published file, or is damaged"):
        Omniglot(folder=tmp_path).load(Split.TRAIN)


def test_drawings_are_never_enlarged() -> None:
    with pytest.raises(SettingError, match="have 105 rows; 'size' is 128"):
        Omniglot(size=128)


@pytest.mark.real_data
def test_the_real_drawings_are_read(real_data: Path) -> None:
    drawings = Omniglot(folder=real_data / "omniglot", size=28, bits=8).load(Split.TRAIN)
    assert len(drawings) == 4840
    assert drawings.labels is not None
    # Each of the 242 characters was drawn by 20 people.
    assert np.bincount(drawings.labels).tolist() == [20] * 242
    # Strokes are thin: ink covers less than a tenth of the paper.
    assert 0.05 < drawings.images.mean() / 255 < 0.1

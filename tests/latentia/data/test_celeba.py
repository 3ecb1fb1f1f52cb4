"""CelebA in its published form: JPEG files in one folder, and a list that says what each is for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from latentia.data import CelebA
from latentia.data.images import Split
from latentia.errors import DataError, SettingError

PARTS = [0, 0, 1, 2, 0, 1, 2]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Seven pictures, each of one colour with a black upper tenth, as JPEG of the published size."""
    pictures = tmp_path / "celeba" / "img_align_celeba"
    pictures.mkdir(parents=True)
    for number in range(len(PARTS)):
        pixels = np.full((218, 178, 3), 30 * (number + 1), np.uint8)
        pixels[:20] = 0
        Image.fromarray(pixels).save(pictures / f"{number + 1:06d}.jpg", quality=95)
    lines = [f"{number + 1:06d}.jpg {part}" for number, part in enumerate(PARTS)]
    (pictures.parent / "list_eval_partition.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return pictures.parent


def colours(folder: Path, split: Split, **settings: object) -> list[int]:
    """Which pictures a split has, by the colour of their lower half."""
    images = CelebA(folder=folder, **settings).load(split).images  # type: ignore[arg-type]
    return [round(float(image[:, 40:].mean()) / 30) for image in images]


def test_the_published_list_says_what_each_picture_is_for(folder: Path) -> None:
    assert colours(folder, Split.TEST, validation=2) == [4, 7]
    # Without its own order, the list's two parts for training follow each other as the files do.
    assert colours(folder, Split.TRAIN, validation=2) + colours(folder, Split.VALIDATION, validation=2) == [
        1,
        2,
        3,
        5,
        6,
    ]


def test_published_validation_images_are_the_last_ones_to_train_on() -> None:
    assert CelebA(folder=Path()).validation == 19_867


def test_pictures_are_resized_whole_or_cropped_to_their_centre(folder: Path) -> None:
    whole, cropped = (CelebA(folder=folder, validation=2, crop=crop).load(Split.TEST) for crop in (False, True))
    assert whole.format.shape == cropped.format.shape == (3, 64, 64)
    assert float(whole.images[0, :, :5].mean()) < 10  # 20 of 218 rows are black
    assert float(cropped.images[0, :, :5].mean()) == pytest.approx(120, abs=3)  # of which the centre has none
    assert whole.name != cropped.name and whole.sha256 != cropped.sha256


def test_another_size_is_another_set(folder: Path) -> None:
    assert CelebA(folder=folder, size=32, validation=2).load(Split.TEST).format.shape == (3, 32, 32)
    with pytest.raises(SettingError, match="size must be 1 or more; it is 0"):
        CelebA(folder=folder, size=0)


def test_what_is_missing_or_damaged_is_named(folder: Path) -> None:
    (folder / "img_align_celeba" / "000004.jpg").unlink()
    with pytest.raises(DataError, match=r"names 000004.jpg, which is not in"):
        CelebA(folder=folder, validation=2).load(Split.TEST)
    (folder / "list_eval_partition.txt").write_text("000001.jpg\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"Line 1 of .* is '000001.jpg'; wanted a file's name and 0, 1 or 2"):
        CelebA(folder=folder).load(Split.TRAIN)
    (folder / "list_eval_partition.txt").unlink()
    with pytest.raises(DataError, match=r"holds no list_eval_partition.txt"):
        CelebA(folder=folder).load(Split.TRAIN)

"""Nuclei in the published folders and packed in a file, on small ones of the real form."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from latentia.data.images import Split
from latentia.data.nuclei import NucleiFolders, PackedNuclei
from latentia.data.pictures import resample_mask
from latentia.data.segmentation_sets import GroupSplit, check_apart
from latentia.errors import DataError, SettingError

DIVISION = GroupSplit(validation=0.25, test=0.25)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Eight images of two sizes, RGBA as they are published, with two nuclei each."""
    for number in range(8):
        place = tmp_path / "stage1_train" / f"{number:064x}"
        (place / "images").mkdir(parents=True)
        (place / "masks").mkdir()
        size = (16, 20) if number % 2 else (12, 12)
        united = np.zeros(size, np.uint8)
        for nucleus in range(2):
            mask = np.zeros(size, np.uint8)
            mask[6 * nucleus : 6 * nucleus + 4, 2:8] = 255
            united |= mask
            Image.fromarray(mask).save(place / "masks" / f"{nucleus}.png")
        colours = np.stack([united // 2 + 20] * 3 + [np.full(size, 255, np.uint8)], -1)
        Image.fromarray(colours.astype(np.uint8), "RGBA").save(place / "images" / f"{number:064x}.png")
    return tmp_path / "stage1_train"


def test_the_masks_of_an_image_are_united_and_follow_it_to_its_new_size(folder: Path) -> None:
    loaded = NucleiFolders(folder=folder, size=12, division=DIVISION).load(Split.TRAIN)
    assert loaded.images.shape == (4, 1, 12, 12)
    small = [place for place, name in enumerate(loaded.names) if int(name, 16) % 2 == 0]
    assert small
    for place in small:  # which have the size already
        expected = np.zeros((12, 12), bool)
        expected[0:4, 2:8] = expected[6:10, 2:8] = True
        assert (loaded.masks[place, 0] == expected).all()
        assert ((loaded.images[place, 0] > 60) == expected).all()


def test_the_parts_of_the_folders_share_no_image(folder: Path) -> None:
    source = NucleiFolders(folder=folder, size=8, division=DIVISION)
    parts = [source.load(split) for split in Split]
    check_apart(parts)
    assert [len(part) for part in parts] == [4, 2, 2]


def test_what_is_wrong_with_a_folder_is_said_in_one_sentence(folder: Path) -> None:
    source = NucleiFolders(folder=folder, division=GroupSplit(validation=0, test=0))
    first = sorted(folder.iterdir())[0]
    Image.fromarray(np.zeros((5, 12), np.uint8)).save(first / "masks" / "0.png")
    with pytest.raises(DataError, match=r"is 12×12 \(height, width\) and its mask 5×12"):
        source.load(Split.TRAIN)
    Image.fromarray(np.arange(144, dtype=np.uint8).reshape(12, 12)).save(first / "masks" / "0.png")
    with pytest.raises(DataError, match=r"0\.png was to hold two values"):
        source.load(Split.TRAIN)
    (first / "masks" / "0.png").write_bytes(b"no image")
    with pytest.raises(DataError, match="cannot be read as an image"):
        source.load(Split.TRAIN)
    (first / "masks").rename(first / "elsewhere")
    with pytest.raises(DataError, match="has no masks/"):
        source.load(Split.TRAIN)
    next((first / "images").glob("*.png")).unlink()
    with pytest.raises(DataError, match="was to hold one PNG image; it holds 0"):
        source.load(Split.TRAIN)
    with pytest.raises(DataError, match="no folders with images/ and masks/"):
        NucleiFolders(folder=folder / "elsewhere").load(Split.TRAIN)


def packed(path: Path, **changes: np.ndarray) -> Path:
    masks = np.zeros((8, 6, 10), bool)
    masks[:, 1:3, 2:5] = True
    arrays = {
        "image": np.where(masks, 200, 10).astype(np.uint8),
        "mask_bits": np.packbits(masks.reshape(8, -1), axis=1),
        "ids": np.array([f"{number:04x}" for number in range(8)]),
    }
    np.savez(path, **{**arrays, **changes})  # type: ignore[arg-type]
    return path


def test_packed_masks_are_unpacked_bit_by_bit(tmp_path: Path) -> None:
    loaded = PackedNuclei(file=packed(tmp_path / "n.npz"), division=DIVISION).load(Split.TEST)
    assert loaded.images.shape == loaded.masks.shape == (2, 1, 6, 10)
    assert ((loaded.images == 200) == loaded.masks).all()
    assert loaded.masks.any()


def test_packed_arrays_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="60 bits and a name for each of 8 images"):
        PackedNuclei(file=packed(tmp_path / "a.npz", mask_bits=np.zeros((8, 7), np.uint8))).load(Split.TRAIN)
    with pytest.raises(DataError, match="was to hold bytes"):
        PackedNuclei(file=packed(tmp_path / "b.npz", image=np.zeros((8, 6, 10)))).load(Split.TRAIN)
    with pytest.raises(DataError, match="no array 'ids'"):
        np.savez(tmp_path / "c.npz", image=np.zeros((2, 2, 2), np.uint8), mask_bits=np.zeros((2, 1), np.uint8))
        PackedNuclei(file=tmp_path / "c.npz").load(Split.TRAIN)
    with pytest.raises(SettingError, match="1 to 16384 pixels, not 0"):
        PackedNuclei(file=tmp_path / "a.npz", size=0)


def test_a_mask_that_shrinks_keeps_what_is_mostly_covered() -> None:
    mask = np.zeros((8, 8), bool)
    mask[:, :4] = True
    assert resample_mask(mask, 4, 4).tolist() == [[True, True, False, False]] * 4


@pytest.mark.real_data
def test_the_real_nuclei_are_664_images_with_a_mask_each() -> None:
    file = Path(os.environ.get("LATENTIA_DATA", "../shared/data")) / "nuclei" / "dsb2018_128_gray.npz"
    if not file.is_file():
        pytest.skip("the real images are not here")
    parts = [PackedNuclei(file=file).load(split) for split in Split]
    check_apart(parts)
    assert [len(part) for part in parts] == [464, 100, 100]
    assert all(part.images.shape[1:] == (1, 128, 128) for part in parts)
    assert all(0.05 < part.masks.mean() < 0.25 for part in parts)

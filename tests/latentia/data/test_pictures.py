"""Pictures and masks as people have them: deep, turned, transparent, of several pages."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from latentia.data.images import Split
from latentia.data.nuclei import NucleiFolders
from latentia.data.pictures import check_side, read_grey, read_mask, read_pixels
from latentia.data.segmentation_sets import GroupSplit
from latentia.errors import DataError, SettingError

LEFT = np.zeros((4, 6), np.uint8)
LEFT[:, :2] = 255


@pytest.mark.parametrize(("values", "suffix"), [(np.uint16, "png"), (np.uint16, "tif"), (np.float32, "tif")])
def test_pictures_of_more_than_8_bits_are_refused_and_not_clipped(tmp_path: Path, values: type, suffix: str) -> None:
    file = tmp_path / f"deep.{suffix}"
    Image.fromarray(np.linspace(0, 4095, 24).reshape(4, 6).astype(values)).save(file)
    with pytest.raises(DataError, match="has more than 8 bits for a value; save it with 8"):
        read_grey(file)


def test_masks_of_16_bits_are_masks(tmp_path: Path) -> None:
    Image.fromarray((LEFT > 0).astype(np.uint16) * 65535).save(tmp_path / "mask.png")
    assert (read_mask(tmp_path / "mask.png", (4, 6)) == (LEFT > 0)).all()


def test_a_photograph_stands_as_it_was_taken(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by a quarter, clockwise
    Image.fromarray(LEFT).save(tmp_path / "turned.png", exif=exif)
    assert (read_grey(tmp_path / "turned.png") == np.rot90(LEFT, -1)).all()


def test_what_is_transparent_is_black(tmp_path: Path) -> None:
    white = np.full((*LEFT.shape, 3), 255, np.uint8)
    Image.fromarray(np.concatenate([white, LEFT[..., None]], -1), "RGBA").save(tmp_path / "mask.png")
    assert (read_mask(tmp_path / "mask.png", (4, 6)) == (LEFT > 0)).all()
    assert (read_pixels(tmp_path / "mask.png", "RGB")[..., 0] == LEFT).all()


def test_a_mask_of_a_dark_colour_is_a_mask(tmp_path: Path) -> None:
    picture = Image.fromarray((LEFT > 0).astype(np.uint8), "P")
    picture.putpalette([0, 0, 0, 0, 0, 1])
    picture.save(tmp_path / "mask.png")
    assert (read_mask(tmp_path / "mask.png", (4, 6)) == (LEFT > 0)).all()


def test_several_pictures_in_a_file_are_refused(tmp_path: Path) -> None:
    pages = [Image.fromarray(LEFT), Image.fromarray(255 - LEFT)]
    pages[0].save(tmp_path / "pages.tif", save_all=True, append_images=pages[1:])
    with pytest.raises(DataError, match="holds 2 pictures; wanted is one"):
        read_grey(tmp_path / "pages.tif")


def test_grey_edges_belong_to_a_mask_from_a_threshold_on(tmp_path: Path) -> None:
    edged = LEFT.copy()
    edged[:, 2], edged[:, 3] = 200, 100
    Image.fromarray(edged).save(tmp_path / "mask.png")
    with pytest.raises(DataError, match="was to hold two values"):
        read_mask(tmp_path / "mask.png", (4, 6))
    assert read_mask(tmp_path / "mask.png", (4, 6), threshold=128).sum(1).tolist() == [3, 3, 3, 3]


def test_masks_in_another_format_are_not_taken_for_none(tmp_path: Path) -> None:
    for number in range(3):
        place = tmp_path / "set" / str(number)
        for name in ("images", "masks"):
            (place / name).mkdir(parents=True)
        Image.fromarray(LEFT).save(place / "images" / "a.PNG", format="PNG")
        Image.fromarray(LEFT).save(place / "masks" / "a.PNG", format="PNG")
    source = NucleiFolders(folder=tmp_path / "set", size=4, division=GroupSplit(validation=0, test=0))
    assert not source.load(Split.TRAIN).empty
    (tmp_path / "set" / "1" / "masks" / "a.PNG").rename(tmp_path / "set" / "1" / "masks" / "a.tif")
    with pytest.raises(DataError, match=r"was to hold PNG images; it holds a\.tif"):
        source.load(Split.TRAIN)


@pytest.mark.parametrize("size", [0, 5_000_000])
def test_sides_that_nobody_wants_are_refused(size: int) -> None:
    with pytest.raises(SettingError, match="a side of 1 to 16384 pixels"):
        check_side(size)

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from latentia.data import image_folder
from latentia.data.image_folder import ImageFolder
from latentia.data.images import Split
from latentia.errors import DataError

COLOUR = np.random.default_rng(0).integers(0, 256, (6, 4, 5, 3), dtype=np.uint8)


def save(folder: Path, images: np.ndarray = COLOUR) -> Path:
    """Save images under names that sort as they are numbered, in two folders."""
    for number, image in enumerate(images):
        path = folder / ("a" if number < 2 else "b") / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(path)
    return folder


def test_images_come_in_the_order_of_their_paths(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no image")
    images = ImageFolder(folder=save(tmp_path)).load(Split.TRAIN)
    assert np.array_equal(np.moveaxis(images.images, 1, -1), COLOUR)


def test_grey_images_have_one_channel(tmp_path: Path) -> None:
    images = ImageFolder(folder=save(tmp_path, COLOUR[..., 0])).load(Split.TRAIN)
    assert np.array_equal(images.images[:, 0], COLOUR[..., 0])


def test_palettes_become_their_colours(tmp_path: Path) -> None:
    palette = Image.fromarray(COLOUR[0]).quantize(20)
    palette.save(tmp_path / "palette.png")
    images = ImageFolder(folder=tmp_path).load(Split.TRAIN)
    assert np.array_equal(np.moveaxis(images.images[0], 0, -1), np.asarray(palette.convert("RGB")))


def test_the_last_images_are_held_out(tmp_path: Path) -> None:
    source = ImageFolder(folder=save(tmp_path), validation=1, test=2)
    parts = [source.load(split).images for split in Split]
    assert [len(part) for part in parts] == [3, 1, 2]
    assert np.array_equal(np.moveaxis(np.concatenate(parts), 1, -1), COLOUR)


def test_a_shuffle_before_the_split_depends_on_its_seed(tmp_path: Path) -> None:
    folder = save(tmp_path)
    first, again, other = (ImageFolder(folder=folder, test=3, shuffle=seed).load(Split.TEST) for seed in (1, 1, 2))
    assert first.sha256 == again.sha256
    assert first.sha256 != other.sha256


def test_folders_called_train_and_test_are_the_split(tmp_path: Path) -> None:
    save(tmp_path / "train", COLOUR[:4])
    save(tmp_path / "test", COLOUR[4:])
    source = ImageFolder(folder=tmp_path, validation=1)
    assert [len(source.load(split)) for split in Split] == [3, 1, 2]
    with pytest.raises(DataError, match="has a folder 'test', so 'test' cannot be 2"):
        ImageFolder(folder=tmp_path, test=2).load(Split.TRAIN)


@pytest.mark.parametrize("bits", [8, 5])
def test_a_large_set_is_mapped_and_equal_to_a_small_one(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch, bits: int
) -> None:
    source = ImageFolder(folder=save(tmp_path / "images"), bits=bits)
    small = source.load(Split.TRAIN)
    monkeypatch.setattr(image_folder, "MAPPED_FROM_BYTES", 0)
    large = source.load(Split.TRAIN)
    assert isinstance(large.images.base, np.memmap)
    assert large.sha256 == small.sha256
    assert len(list((cache / "prepared").iterdir())) == 1


def test_a_mapped_set_is_prepared_once_and_again_when_a_file_changes(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(image_folder, "MAPPED_FROM_BYTES", 0)
    folder = save(tmp_path / "images")
    first = ImageFolder(folder=folder).load(Split.TRAIN).sha256
    made = {path: path.stat().st_mtime_ns for path in (cache / "prepared").iterdir()}
    assert ImageFolder(folder=folder).load(Split.TRAIN).sha256 == first
    assert {path: path.stat().st_mtime_ns for path in (cache / "prepared").iterdir()} == made
    Image.fromarray(COLOUR[0, ::-1, ::-1]).save(folder / "b" / "7.png")
    assert ImageFolder(folder=folder).load(Split.TRAIN).sha256 != first


def test_a_failed_preparation_leaves_nothing_behind(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(image_folder, "MAPPED_FROM_BYTES", 0)
    folder = save(tmp_path / "images")
    whole = next(folder.rglob("*.png")).read_bytes()
    (folder / "z.png").write_bytes(whole[: len(whole) // 2])  # its header is good
    with pytest.raises(DataError, match=r"z.png cannot be read as an image"):
        ImageFolder(folder=folder).load(Split.TRAIN)
    assert list((cache / "prepared").iterdir()) == []


def test_two_sizes_are_refused_with_both_names(tmp_path: Path) -> None:
    save(tmp_path)
    Image.fromarray(COLOUR[0][:3]).save(tmp_path / "z.png")
    with pytest.raises(DataError, match=r"one size: .*z.png has 3×3×5 \(channels, height, width\), .*0.png 3×4×5"):
        ImageFolder(folder=tmp_path).load(Split.TRAIN)


@pytest.mark.parametrize("mode", ["RGBA", "LA", "I;16", "CMYK"])
def test_what_is_not_8_bit_grey_or_rgb_is_refused(tmp_path: Path, mode: str) -> None:
    suffix = "jpg" if mode == "CMYK" else "png"
    Image.new(mode, (4, 4)).save(tmp_path / f"one.{suffix}")
    with pytest.raises(DataError, match=f"one.{suffix} is an image of mode .*; wanted 8-bit grey or RGB"):
        ImageFolder(folder=tmp_path).load(Split.TRAIN)


def test_an_empty_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds no PNG or JPEG images for the split 'train'"):
        ImageFolder(folder=tmp_path).load(Split.TRAIN)
    with pytest.raises(DataError, match=r"There is no folder .*nowhere, where images should be"):
        ImageFolder(folder=tmp_path / "nowhere").load(Split.TRAIN)


def test_an_image_of_another_size_is_found_whichever_split_is_loaded(tmp_path: Path) -> None:
    folder = save(tmp_path / "images")
    Image.fromarray(COLOUR[0, :-1]).save(folder / "z.png")  # the last one: a test image
    with pytest.raises(DataError, match=r"Images must have one size: .*z\.png has 3×"):
        ImageFolder(folder=folder, test=1).load(Split.TRAIN)

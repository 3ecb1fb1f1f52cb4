from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from latentia.data import CelebAHQ, Cifar10, ImageFolder, ImageNet32, Mnist, NpzImages, Omniglot
from latentia.data.images import DataSource, ImageSet, Split, part_of_all, part_of_training
from latentia.errors import DataError, SettingError
from latentia.images import ImageFormat


def some_images(count: int = 6, bits: int = 8, name: str = "some") -> ImageSet:
    values = np.random.default_rng(0).integers(0, 1 << bits, (count, 3, 4, 5), dtype=np.uint8)
    image_format = ImageFormat(channels=3, height=4, width=5, bits=bits)
    return ImageSet(images=values, labels=np.arange(count), format=image_format, name=name, split=Split.TRAIN)


@pytest.mark.parametrize("bits", range(1, 9))
def test_fewer_bits_are_the_upper_ones(bits: int) -> None:
    whole = some_images()
    reduced = whole.with_bits(bits)
    assert reduced.format.bits == bits
    assert np.array_equal(reduced.images, np.floor(whole.images * (2.0**bits / 256)))


def test_one_bit_is_a_threshold_at_half_the_range() -> None:
    whole = some_images()
    assert np.array_equal(whole.with_bits(1).images, whole.images >= 128)


def test_bits_are_taken_from_8_bit_images_alone() -> None:
    with pytest.raises(DataError, match="8-bit images; some has 5 bits"):
        some_images(bits=5).with_bits(3)


@pytest.mark.parametrize("bits", [0, 9])
def test_a_bit_depth_that_no_image_has_is_refused(bits: int) -> None:
    with pytest.raises(SettingError, match=f"1 to 8 bits per value, not {bits}"):
        some_images().with_bits(bits)


def test_the_checksum_is_the_content_s() -> None:
    whole, again = some_images(), some_images(name="under another name")
    assert whole.sha256 == again.sha256
    assert len({whole.sha256, whole.first(5).sha256, whole.with_bits(7).sha256, whole.with_bits(1).sha256}) == 4


def test_the_checksum_is_the_same_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = some_images().sha256
    monkeypatch.setattr("latentia.data.images.BLOCK_BYTES", 2 * 60)
    assert some_images().sha256 == whole


def test_a_binary_draw_depends_on_its_seed_and_says_so() -> None:
    whole = some_images()
    draw, again, other = whole.drawn_binary(1), whole.drawn_binary(1), whole.drawn_binary(2)
    assert draw.sha256 == again.sha256
    assert draw.sha256 != other.sha256
    assert draw.name != other.name
    assert draw.format.levels == 2


def test_a_binary_draw_has_ones_as_often_as_the_pixel_is_bright() -> None:
    values = np.repeat(np.array([0, 51, 204, 255], np.uint8), 5000).reshape(4, 1, 50, 100)
    grey = ImageSet(
        images=values, format=ImageFormat(channels=1, height=50, width=100), name="grey", split=Split.TEST
    ).drawn_binary(0)
    assert grey.images.mean((1, 2, 3)) == pytest.approx([0, 0.2, 0.8, 1], abs=0.02)


def test_validation_images_are_the_last_of_the_training_images() -> None:
    train = part_of_training(10, split=Split.TRAIN, validation=3, name="ten")
    held_out = part_of_training(10, split=Split.VALIDATION, validation=3, name="ten")
    assert [*range(10)[train], *range(10)[held_out]] == list(range(10))
    assert len(range(10)[held_out]) == 3


@pytest.mark.parametrize(
    ("split", "validation", "message"),
    [
        (Split.TRAIN, 10, "10 of them cannot be kept"),
        (Split.TRAIN, -1, "-1 of them cannot be kept"),
        (Split.VALIDATION, 0, "no validation images of its own: say how many to keep with 'validation'"),
    ],
)
def test_a_split_that_cannot_be_made_is_refused(split: Split, validation: int, message: str) -> None:
    with pytest.raises(DataError, match=message):
        part_of_training(10, split=split, validation=validation, name="ten")


def test_images_of_another_size_than_the_format_s_are_refused() -> None:
    with pytest.raises(DataError, match="some was to hold images of 1×4×4 with 8 bits; it holds 1×4×5"):
        ImageSet(
            images=np.zeros((2, 1, 4, 5), np.uint8),
            format=ImageFormat(channels=1, height=4, width=4),
            name="some",
            split=Split.TRAIN,
        )


def test_more_images_than_there_are_cannot_be_asked_for() -> None:
    with pytest.raises(DataError, match="some has 6 images in its split 'train', not 7"):
        some_images().first(7)


def test_every_data_set_is_a_source(tmp_path: Path) -> None:
    made = [
        CelebAHQ(folder=tmp_path),
        Cifar10(),
        ImageFolder(folder=tmp_path),
        ImageNet32(folder=tmp_path),
        Mnist(),
        NpzImages(file=tmp_path / "a.npz"),
        Omniglot(),
    ]
    assert all(isinstance(source, DataSource) for source in made)
    assert len({source.name for source in made}) == len(made)


def test_images_without_a_split_are_divided_once_and_for_all() -> None:
    places = {split: range(20)[part_of_all(20, split=split, validation=3, test=5, name="some")] for split in Split}
    assert [*places[Split.TRAIN], *places[Split.VALIDATION], *places[Split.TEST]] == list(range(20))
    assert [len(places[split]) for split in Split] == [12, 3, 5]


@pytest.mark.parametrize(
    ("split", "test", "message"),
    [
        (Split.TEST, 0, "no test images of its own: say how many to keep with 'test'"),
        (Split.TRAIN, 20, "some has 20 images; 20 of them cannot be kept for testing"),
    ],
)
def test_test_images_that_cannot_be_had_are_refused(split: Split, test: int, message: str) -> None:
    with pytest.raises(DataError, match=message):
        part_of_all(20, split=split, validation=0, test=test, name="some")

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from latentia.data.images import Split
from latentia.data.npz import NpzImages
from latentia.errors import DataError, SettingError

GREY = np.random.default_rng(0).integers(0, 256, (10, 5, 6), dtype=np.uint8)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    np.savez(
        tmp_path / "some.npz",
        images=GREY,
        colour=np.stack([GREY] * 3, axis=-1),
        planes=np.stack([GREY] * 3, axis=1).astype(np.int64),
        binary=GREY > 128,
        floats=GREY / 255.0,
        objects=np.array([None, 1]),
        labels=np.arange(10),
    )
    return tmp_path / "some.npz"


def test_parts_make_up_the_whole_and_labels_go_along(file: Path) -> None:
    source = NpzImages(file=file, labels="labels", validation=2, test=3, shuffle=1)
    parts = [source.load(split) for split in Split]
    labels = np.concatenate([part.labels for part in parts if part.labels is not None])
    assert [len(part) for part in parts] == [5, 2, 3]
    assert sorted(labels) == list(range(10))
    assert labels.tolist() != list(range(10))
    assert np.array_equal(np.concatenate([part.images for part in parts])[:, 0], GREY[labels])


def test_without_a_shuffle_the_file_s_order_is_kept(file: Path) -> None:
    assert np.array_equal(NpzImages(file=file, test=3).load(Split.TEST).images[:, 0], GREY[-3:])


@pytest.mark.parametrize(("key", "last"), [("colour", True), ("planes", False)])
def test_colours_are_brought_to_the_front(file: Path, key: str, last: bool) -> None:
    images = NpzImages(file=file, images=key, channels_last=last).load(Split.TRAIN)
    assert images.format.shape == (3, 5, 6)
    assert np.array_equal(images.images[:, 2], GREY)


def test_binary_images_have_one_bit(file: Path) -> None:
    images = NpzImages(file=file, images="binary", stored_bits=1).load(Split.TRAIN)
    assert images.format.levels == 2
    assert np.array_equal(images.images[:, 0], GREY > 128)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"images": "pictures"},
            "has no array 'pictures'; it has images, colour, planes, binary, floats, objects, labels",
        ),
        (
            {"images": "floats"},
            "was to hold whole numbers, e.g. 0 to 255, with 3 or 4 axes; it holds float64 with 3 axes.",
        ),
        (
            {"images": "labels"},
            "was to hold whole numbers, e.g. 0 to 255, with 3 or 4 axes; it holds int64 with 1 axis.",
        ),
        ({"images": "objects"}, "'objects' in .*some.npz holds Python objects; wanted whole numbers.$"),
        (
            {"images": "colour"},
            r"'colour' in .*some.npz is 10×5×6×3; wanted \(count, channels, height, width\). "
            "For channels last set data.channels_last=true.",
        ),
        (
            {"images": "planes", "channels_last": True},
            r"is 10×3×5×6; wanted \(count, height, width, channels\). "
            "For channels first set data.channels_last=false.",
        ),
        ({"stored_bits": 5}, r"was to hold values 0 to 31 \(5 bits\); it holds 1 to 255|it holds 0 to 255"),
        ({"labels": "images"}, "was to hold one whole number for each of 10 images"),
    ],
)
def test_what_is_no_array_of_images_is_refused(file: Path, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        NpzImages(file=file, **changes).load(Split.TRAIN)


@pytest.mark.parametrize(
    ("bits", "message"),
    [
        ({"bits": 9}, "Images have 1 to 8 bits per value, not 9."),
        ({"bits": 0}, "Images have 1 to 8 bits per value, not 0."),
        ({"stored_bits": 16}, "Images have 1 to 8 bits per value, not 16."),
        ({"stored_bits": 5, "bits": 6}, "bits must be at most stored_bits; they are 6 and 5."),
    ],
)
def test_bits_that_images_cannot_have_are_refused(file: Path, bits: dict[str, int], message: str) -> None:
    with pytest.raises(SettingError, match=f"^{message}$"):
        NpzImages(file=file, **bits)


def test_fewer_bits_are_kept_of_eight(file: Path) -> None:
    assert NpzImages(file=file, bits=5).load(Split.TRAIN).images.max() == GREY.max() >> 3


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"There is no file .*a.npz"):
        NpzImages(file=tmp_path / "a.npz").load(Split.TRAIN)


@pytest.mark.real_data
@pytest.mark.parametrize(
    ("file", "shape", "count"), [("att_faces", (1, 28, 23), 400), ("coil20_1000x32x32", (1, 32, 32), 1000)]
)
def test_real_small_images_are_read(real_data: Path, file: str, shape: tuple[int, ...], count: int) -> None:
    images = NpzImages(file=real_data / "small-images" / f"{file}.npz", images="image").load(Split.TRAIN)
    assert images.format.shape == shape
    assert len(images) == count

from __future__ import annotations

import struct
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from latentia.data import celeba_hq
from latentia.data.celeba_hq import SOURCE, CelebAHQ
from latentia.data.images import Split
from latentia.errors import DataError

PORTRAITS = np.random.default_rng(0).integers(0, 256, (5, 256, 256, 3), dtype=np.uint8)


def varint(number: int) -> bytes:
    rest, low = divmod(number, 128)
    return varint(rest).join([bytes([low | 128]), b""]) if rest else bytes([low])


def field(number: int, content: bytes) -> bytes:
    return bytes([number << 3 | 2]) + varint(len(content)) + content


def record(image: np.ndarray) -> bytes:
    """One image as Glow's files hold it; the checksums are left at zero."""
    shape = field(3, field(1, b"".join(map(varint, image.shape))))
    features = [(b"shape", shape), (b"data", field(1, field(1, image.tobytes()))), (b"label", field(3, b"\x08\x00"))]
    entries = (field(1, field(1, name) + field(2, value)) for name, value in features)
    message = field(1, b"".join(entries))
    return struct.pack("<Q", len(message)) + bytes(4) + message + bytes(4)


def save_records(folder: Path) -> Path:
    parts = {"train/train-r08-s-0000-of-0002": [0, 1], "train/train-r08-s-0001-of-0002": [2]}
    parts["validation/validation-r08-s-0000-of-0001"] = [3, 4]
    for name, places in parts.items():
        path = folder / "celeba-tfr" / f"{name}.tfrecords"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"".join(record(PORTRAITS[place]) for place in places))
    return folder


def test_glow_s_files_are_read_with_the_thesis_5_bits(tmp_path: Path) -> None:
    source = CelebAHQ(folder=save_records(tmp_path / "c"), validation=1)
    parts = [source.load(split) for split in Split]
    assert [len(part) for part in parts] == [2, 1, 2]
    assert {str(part.format) for part in parts} == {"3×256×256 with 5 bits"}
    whole = np.concatenate([part.images for part in parts])
    assert np.array_equal(np.moveaxis(whole, 1, -1), PORTRAITS >> 3)


def test_image_files_are_another_split_with_another_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(celeba_hq, "SOURCE", replace(SOURCE, counts={Split.TRAIN: 3, Split.TEST: 2}))
    for number, portrait in enumerate(PORTRAITS):
        Image.fromarray(portrait).save(tmp_path / f"{number:05}.png")
    test = CelebAHQ(folder=tmp_path, bits=8).load(Split.TEST)
    assert np.array_equal(np.moveaxis(test.images, 1, -1), PORTRAITS[3:])
    assert test.name == "CelebA-HQ 256×256, split by file name"


def test_an_incomplete_download_is_refused(tmp_path: Path) -> None:
    folder = save_records(tmp_path / "c")
    (folder / "celeba-tfr" / "train" / "train-r08-s-0001-of-0002.tfrecords").unlink()
    with pytest.raises(DataError, match=r"all files of train-r08-s-0000-of-0002.tfrecords's kind; it holds 1 of them"):
        CelebAHQ(folder=folder).load(Split.TRAIN)


def test_an_empty_folder_is_told_what_was_wanted(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no CelebA-HQ train images: wanted Glow's files, .* or PNG or JPEG files"):
        CelebAHQ(folder=tmp_path).load(Split.TRAIN)


def test_portraits_of_another_size_are_refused(tmp_path: Path) -> None:
    (tmp_path / "train-r08-s-0000-of-0001.tfrecords").write_bytes(record(PORTRAITS[0, :128, :128]))
    with pytest.raises(DataError, match=r"holds an image of \(128, 128, 3\); CelebA-HQ's have 256 rows and columns"):
        CelebAHQ(folder=tmp_path).load(Split.TRAIN)

from __future__ import annotations

import io
import lzma
import pickle
import tarfile
from collections.abc import Callable
from hashlib import md5
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from latentia.data import cifar10
from latentia.data.cifar10 import Cifar10
from latentia.data.images import Split
from latentia.errors import DataError

RNG = np.random.default_rng(0)
BATCHES = {
    f"{name}": (RNG.integers(0, 10, count, dtype=np.uint8), RNG.integers(0, 256, (count, 3072), dtype=np.uint8))
    for name, count in [("data_batch_1", 4), ("data_batch_2", 3), ("test_batch", 2)]
}


def binary(name: str) -> bytes:
    labels, images = BATCHES[name]
    return np.concatenate([labels[:, None], images], axis=1).tobytes()


def python(name: str) -> bytes:
    """A batch as the published ones are: Python 2's strings, so bytes as keys."""
    labels, images = BATCHES[name]
    content: dict[bytes, Any] = {b"data": images, b"labels": labels.tolist(), b"filenames": [b"cat.png"] * len(labels)}
    return pickle.dumps(content, protocol=2)


def write_folder(folder: Path, suffix: str, content: Callable[[str], bytes]) -> Path:
    folder.mkdir(exist_ok=True)
    for name in BATCHES:
        (folder / f"{name}{suffix}").write_bytes(content(name))
    return folder


def write_archive(folder: Path, name: str, inner: str, suffix: str, content: Callable[[str], bytes]) -> Path:
    folder.mkdir(exist_ok=True)
    with tarfile.open(folder / name, "w:gz") as archive:
        for batch in reversed(BATCHES):
            info = tarfile.TarInfo(f"{inner}/{batch}{suffix}")
            info.size = len(content(batch))
            archive.addfile(info, io.BytesIO(content(batch)))
    return folder


def know(monkeypatch: pytest.MonkeyPatch, archive: Path) -> None:
    """Take a test's archive for the published one."""
    checksum = f"md5:{md5(archive.read_bytes()).hexdigest()}"
    monkeypatch.setattr(cifar10, "ARCHIVES", cifar10.ARCHIVES | {archive.name: checksum})


@pytest.fixture(params=["bin", "bin.xz", "python", "unpacked", "binary archive", "python archive"])
def folder(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The same images in each of the forms that are read."""
    made = tmp_path / "cifar"
    match request.param:
        case "bin":
            write_folder(made, ".bin", binary)
        case "bin.xz":
            write_folder(made, ".bin.xz", lambda name: lzma.compress(binary(name)))
        case "python":
            write_folder(made, "", python)
        case "unpacked":
            made.mkdir()
            write_folder(made / "cifar-10-batches-py", "", python)
        case "binary archive":
            write_archive(made, "cifar-10-binary.tar.gz", "cifar-10-batches-bin", ".bin", binary)
            know(monkeypatch, made / "cifar-10-binary.tar.gz")
        case _:
            write_archive(made, "cifar-10-python.tar.gz", "cifar-10-batches-py", "", python)
            know(monkeypatch, made / "cifar-10-python.tar.gz")
    return made


def test_every_form_gives_the_same_images_and_labels(folder: Path) -> None:
    train, test = Cifar10(folder=folder).load(Split.TRAIN), Cifar10(folder=folder).load(Split.TEST)
    assert np.array_equal(train.images[4:].reshape(3, 3072), BATCHES["data_batch_2"][1])
    assert train.labels is not None
    assert np.array_equal(train.labels[:4], BATCHES["data_batch_1"][0])
    assert np.array_equal(test.images.reshape(2, 3072), BATCHES["test_batch"][1])


def test_planes_are_colours_and_rows_run_from_the_top(tmp_path: Path) -> None:
    record = np.zeros(3073, np.uint8)
    record[1 + 1024 + 32 + 5] = 7  # green, second row, sixth column
    (tmp_path / "test_batch.bin").write_bytes(record.tobytes())
    image = Cifar10(folder=tmp_path).load(Split.TEST).images[0]
    assert np.argwhere(image).tolist() == [[1, 1, 5]]


def test_validation_comes_from_the_end_of_the_training_images(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "cifar", ".bin", binary)
    source = Cifar10(folder=folder, validation=2)
    whole, train, held_out = Cifar10(folder=folder).load(Split.TRAIN), *map(source.load, list(Split)[:2])
    assert np.array_equal(np.concatenate([train.images, held_out.images]), whole.images)
    assert len(held_out) == 2


def test_bits_are_reduced_on_request(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "cifar", ".bin", binary)
    assert Cifar10(folder=folder, bits=5).load(Split.TEST).images.max() < 32


def test_without_a_folder_the_archive_is_downloaded_once_and_checked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = write_archive(tmp_path / "web", "cifar-10-binary.tar.gz", "cifar-10-batches-bin", ".bin", binary)
    know(monkeypatch, made / "cifar-10-binary.tar.gz")
    asked: list[tuple[str, str]] = []

    def retrieve(url: str, known_hash: str, fname: str, path: Path) -> str:
        asked.append((url, known_hash))
        path.mkdir(parents=True)
        (path / fname).write_bytes((made / fname).read_bytes())
        return str(path / fname)

    monkeypatch.setattr("latentia.data.files.pooch.retrieve", retrieve)
    assert len(Cifar10().load(Split.TEST)) == 2
    assert asked == [
        ("https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz", "md5:c32a1d4ab5d03f1284b67883e8d87530")
    ]


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"There is no folder .*nowhere, where CIFAR-10 should be"):
        Cifar10(folder=tmp_path / "nowhere").load(Split.TRAIN)


def test_an_empty_folder_is_told_what_was_wanted(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"holds no CIFAR-10 test images: wanted .*tar.gz.* test_batch.bin"):
        Cifar10(folder=tmp_path).load(Split.TEST)


def test_an_archive_that_is_not_the_published_one_is_refused(tmp_path: Path) -> None:
    folder = write_archive(tmp_path / "c", "cifar-10-binary.tar.gz", "cifar-10-batches-bin", ".bin", binary)
    with pytest.raises(DataError, match=r"not the published file, or is damaged: its md5 is .* not c32a1d4ab"):
        Cifar10(folder=folder).load(Split.TEST)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("test_batch.bin", bytes(3072), "its 3072 bytes are no whole number of 3073"),
        ("test_batch.bin", bytes([10]) + bytes(3072), "labels are 0 to 9, and it has 10"),
        ("test_batch.bin.xz", b"no xz", "test_batch.bin.xz cannot be read"),
        ("test_batch", b"no pickle", "test_batch is no batch of images in the Python format"),
        ("test_batch", pickle.dumps({"data": np.zeros((2, 5), np.uint8)}), "no 'data' of bytes, 3072 a row"),
        ("test_batch", pickle.dumps({"data": np.zeros((2, 3072), np.uint8)}), "no 'labels' for its 2 images"),
    ],
)
def test_a_file_that_is_no_batch_is_refused(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=message):
        Cifar10(folder=tmp_path).load(Split.TEST)


@pytest.mark.real_data
def test_the_real_images_are_read(real_data: Path) -> None:
    source = Cifar10(folder=real_data / "cifar10", validation=500)
    train, test = source.load(Split.TRAIN), source.load(Split.TEST)
    assert [len(train), len(test)] == [4500, 1000]
    # The first training images are a frog and two lorries, the first test images a cat and two ships: the class names
    # stand in the published batches.meta.txt.
    assert train.labels is not None
    assert test.labels is not None
    assert train.labels[:3].tolist() == [6, 9, 9]
    assert test.labels[:3].tolist() == [3, 8, 8]
    # Mean colour of the whole training set, well known: 0.491, 0.482, 0.447.
    assert train.images.mean((0, 2, 3)) / 255 == pytest.approx([0.491, 0.482, 0.447], abs=0.01)

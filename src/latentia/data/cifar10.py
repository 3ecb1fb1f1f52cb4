"""CIFAR-10: 60,000 colour photographs of 32×32 pixels in 10 classes (Krizhevsky 2009).

Read from the published archives, from the folders that they unpack to, or from batches in the binary format with any
number of records, also packed (.gz, .xz). The binary and the Python format hold the same images in the same order.
"""

from __future__ import annotations

import re
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from latentia.data.files import Download, cache_folder, check, existing_folder, read_bytes
from latentia.data.images import Images, ImageSet, Labels, Source, Split
from latentia.data.python_batches import image_array, label_array, read_batch
from latentia.errors import DataError
from latentia.images import ImageFormat

SOURCE = Source(
    title="CIFAR-10",
    origin="https://www.cs.toronto.edu/~kriz/cifar.html",
    licence="none stated; the publisher asks to cite Krizhevsky (2009)",
    counts={Split.TRAIN: 50_000, Split.TEST: 10_000},
)
ARCHIVE = Download(
    file="cifar-10-binary.tar.gz",
    url="https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",
    checksum="md5:c32a1d4ab5d03f1284b67883e8d87530",
)
ARCHIVES = {ARCHIVE.file: ARCHIVE.checksum, "cifar-10-python.tar.gz": "md5:c58f30108f718f92721af3b95e74349a"}
FOLDERS = ("", "cifar-10-batches-bin", "cifar-10-batches-py")
FORMAT = ImageFormat(channels=3, height=32, width=32)
RECORD = 1 + FORMAT.dimensions
BATCH = {
    Split.TRAIN: re.compile(r"data_batch_\d+(\.bin(\.gz|\.xz)?)?"),
    Split.TEST: re.compile(r"test_batch(\.bin(\.gz|\.xz)?)?"),
}


@dataclass(frozen=True, kw_only=True)
class Cifar10:
    """CIFAR-10, from `folder`, or downloaded into the user's cache folder (162 MB, once).

    The last `validation` training images are kept for validation. Errors on loading: DataError.
    """

    folder: Path | None = None
    validation: int = 0
    bits: int = 8

    @property
    def name(self) -> str:
        """Name of the data set."""
        return "CIFAR-10"

    def load(self, split: Split) -> ImageSet:
        """Load one split, with labels 0 … 9. Errors: DataError where the data are missing or damaged."""
        batches = list(self._batches(split.published))
        whole = ImageSet(
            images=np.concatenate([images for images, _ in batches]),
            labels=np.concatenate([labels for _, labels in batches]),
            format=FORMAT,
            name=self.name,
            split=split.published,
            source=SOURCE,
        )
        return whole.part(split, validation=self.validation).with_bits(self.bits)

    def _batches(self, split: Split) -> Iterator[tuple[Images, Labels]]:
        folder = cache_folder() / "cifar-10" if self.folder is None else existing_folder(self.folder, self.name)
        if self.folder is None:
            ARCHIVE.into(folder)
        for inner in FOLDERS:
            found = [path for path in (folder / inner).glob("*") if BATCH[split].fullmatch(path.name)]
            if found:
                return (_read(path.name, read_bytes(path)) for path in sorted(found))
        for archive in ARCHIVES:
            if (folder / archive).is_file():
                check(folder / archive, ARCHIVES[archive])
                return _read_archive(folder / archive, split)
        raise DataError(
            f"{folder} holds no CIFAR-10 {split} images: wanted {' or '.join(ARCHIVES)}, what they unpack to, or "
            f"files like {'test_batch' if split is Split.TEST else 'data_batch_1'}.bin."
        )


def _read_archive(path: Path, split: Split) -> Iterator[tuple[Images, Labels]]:
    with tarfile.open(path) as archive:
        members = [member for member in archive if BATCH[split].fullmatch(Path(member.name).name)]
        for member in sorted(members, key=lambda member: member.name):
            content = archive.extractfile(member)
            if content is None:
                raise DataError(f"{member.name} in {path} is no file.")
            yield _read(Path(member.name).name, content.read())


def _read(name: str, content: bytes) -> tuple[Images, Labels]:
    return _read_binary(name, content) if ".bin" in name else _read_python(name, content)


def _read_binary(name: str, content: bytes) -> tuple[Images, Labels]:
    """Records of a label and 3,072 bytes: red, green and blue, each row by row."""
    if not content or len(content) % RECORD:
        raise DataError(f"{name} is no CIFAR-10 batch: its {len(content)} bytes are no whole number of {RECORD}.")
    records = np.frombuffer(content, np.uint8).reshape(-1, RECORD)
    if records[:, 0].max() > 9:
        raise DataError(f"{name} is no CIFAR-10 batch: labels are 0 to 9, and it has {records[:, 0].max()}.")
    return records[:, 1:].reshape(-1, *FORMAT.shape), records[:, 0].astype(np.int64)


def _read_python(name: str, content: bytes) -> tuple[Images, Labels]:
    batch = read_batch(name, content)
    images = image_array(name, batch, FORMAT)
    return images, label_array(name, batch, len(images))

"""MNIST: 70,000 grey images of handwritten digits, 28×28 pixels (LeCun et al. 1998), from the published IDX files."""

from __future__ import annotations

import hashlib
import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from latentia.data.files import Download, cache_folder, existing_folder, read_bytes
from latentia.data.images import ImageSet, Source, Split
from latentia.errors import DataError
from latentia.images import ImageFormat

SOURCE = Source(
    title="MNIST",
    origin="http://yann.lecun.com/exdb/mnist/",
    licence="none stated",
    counts={Split.TRAIN: 60_000, Split.TEST: 10_000},
)
FORMAT = ImageFormat(channels=1, height=28, width=28)
MIRROR = "https://ossci-datasets.s3.amazonaws.com/mnist"
IMAGES, LABELS = "images-idx3-ubyte", "labels-idx1-ubyte"
PREFIXES = {Split.TRAIN: "train", Split.TEST: "t10k"}
ARCHIVES = {
    f"train-{IMAGES}": "md5:f68b3c2dcbeaaa9fbdd348bbdeb94873",
    f"train-{LABELS}": "md5:d53e105ee54ea40749a09fcbcd1e9432",
    f"t10k-{IMAGES}": "md5:9fb629c4189551a2d022fa330f9573f3",
    f"t10k-{LABELS}": "md5:ec29112dd5afa0611ce80d1b7f02629c",
}
# Of the unpacked files: other data sets, such as Fashion-MNIST, use the same names and sizes.
CONTENTS = {
    f"train-{IMAGES}": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    f"train-{LABELS}": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    f"t10k-{IMAGES}": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    f"t10k-{LABELS}": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}


@dataclass(frozen=True, kw_only=True)
class Mnist:
    """MNIST, from `folder`, or downloaded into the user's cache folder (11 MB, once).

    The last `validation` training images are kept for validation. With `bits=1` a pixel is black or white by a
    threshold at half the range. Errors on loading: DataError.
    """

    folder: Path | None = None
    validation: int = 0
    bits: int = 8

    @property
    def name(self) -> str:
        """Name of the data set."""
        return "MNIST"

    def load(self, split: Split) -> ImageSet:
        """Load one split, with labels 0 … 9. Errors: DataError where the data are missing or not MNIST's."""
        images, labels = (self._read(f"{PREFIXES[split.published]}-{part}") for part in (IMAGES, LABELS))
        whole = ImageSet(
            images=images[:, None],
            labels=labels.astype(np.int64),
            format=FORMAT,
            name=self.name,
            split=split.published,
            source=SOURCE,
        )
        return whole.part(split, validation=self.validation).with_bits(self.bits)

    def _read(self, file: str) -> UInt8[np.ndarray, "*shape"]:
        if self.folder is None:
            packed = Download(file=f"{file}.gz", url=f"{MIRROR}/{file}.gz", checksum=ARCHIVES[file])
            content = read_bytes(packed.into(cache_folder() / "mnist"))
        else:
            folder = existing_folder(self.folder, self.name)
            found = [path for path in (folder / f"{file}.gz", folder / file) if path.is_file()]
            if not found:
                raise DataError(f"{folder} holds no {file}.gz, which has images or labels of MNIST.")
            content = read_bytes(found[0])
        got = hashlib.sha256(content).hexdigest()
        if got != CONTENTS[file]:
            raise DataError(f"{file} is not MNIST's, or is damaged: its sha256 is {got}, not {CONTENTS[file]}.")
        return _from_idx(content)


def _from_idx(content: bytes) -> UInt8[np.ndarray, "*shape"]:
    """Bytes with a header: two zeros, the type (8: bytes), the number of axes, and the size of each, big-endian."""
    axes = content[3]
    shape = struct.unpack_from(f">{axes}I", content, 4)
    return np.frombuffer(content, np.uint8, offset=4 + 4 * axes).reshape(shape)

"""ImageNet at 32×32: 1.28 million colour photographs, in two published variants that are not comparable.

Van den Oord et al. (2016) published PNG files without labels; density estimation reports on these, the thesis too
(Table 4.1). Chrabaszcz et al. (2017) published batches like CIFAR-10's, averaged over areas, so smoother and easier to
model by some tenths of a bit per dimension. The first are no longer on ImageNet's site, the second are, so that some
papers took one for the other. Here the files decide which one it is, and the name of the set says it.

Neither may be downloaded without registration. The published validation images are the test images, as in all
published figures.
"""

from __future__ import annotations

import tarfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from latentia.data.decoding import decode_all, image_files
from latentia.data.files import check, existing_folder, read_bytes
from latentia.data.images import ImageSet, Source, Split
from latentia.data.prepared import Blocks, mapped_images, stacked
from latentia.data.python_batches import image_array, read_batch
from latentia.errors import DataError
from latentia.images import ImageFormat

LICENCE = "non-commercial research and education, after registration"
VAN_DEN_OORD = Source(
    title="ImageNet32 (van den Oord et al. 2016)",
    origin="https://image-net.org/small/download.php",
    licence=LICENCE,
    counts={Split.TRAIN: 1_281_149, Split.TEST: 49_999},
)
CHRABASZCZ = Source(
    title="ImageNet32 (Chrabaszcz et al. 2017)",
    origin="https://patrykchrabaszcz.github.io/Imagenet32/",
    licence=LICENCE,
    counts={Split.TRAIN: 1_281_167, Split.TEST: 50_000},
)
FORMAT = ImageFormat(channels=3, height=32, width=32)
# By stem of the archive, of the folder it unpacks to, and of the batches.
PNG = {Split.TRAIN: "train_32x32", Split.TEST: "valid_32x32"}
BATCHES = {Split.TRAIN: [f"train_data_batch_{number}" for number in range(1, 11)], Split.TEST: ["val_data"]}
CHECKSUMS = {
    "train_32x32.tar": "sha256:244a323d48f8d72f65ad8b54658c01fed68d2d7bdc77ccb43da58c11e94224e5",
    "valid_32x32.tar": "sha256:862e559462b24cf736212a19f6b0d47b55c2dc8ebdaa95ccecfe71260124c8f7",
    "train_data_batch_1.npz": "md5:464fde20de6eb44c28cc1a8c11544bb1",
    "train_data_batch_2.npz": "md5:bdb56e71882c3fd91619d789d5dd7c79",
    "train_data_batch_3.npz": "md5:83ff36d76ea26867491a281ea6e1d03b",
    "train_data_batch_4.npz": "md5:98ff184fe109d5c2a0f6da63843880c7",
    "train_data_batch_5.npz": "md5:62b8803e13c3e6de9498da7aaaae57c8",
    "train_data_batch_6.npz": "md5:e0b06665f890b029f1d8d0a0db26e119",
    "train_data_batch_7.npz": "md5:9731f469aac1622477813c132c5a847a",
    "train_data_batch_8.npz": "md5:60aed934b9d26b7ee83a1a83bdcfbe0f",
    "train_data_batch_9.npz": "md5:b96328e6affd718660c2561a6fe8c14c",
    "train_data_batch_10.npz": "md5:1dc618d544c554220dd118f72975470c",
    "val_data.npz": "md5:a8c04a389f2649841fb7a01720da9dd9",
}
"""Of the pickled batches and of single PNG files none is published; the checksum of a set's content tells them."""


@dataclass(frozen=True, kw_only=True)
class ImageNet32:
    """ImageNet at 32×32, from `folder`, in the variant that is there; the name of the loaded set says which.

    Van den Oord's: `train_32x32.tar` and `valid_32x32.tar`, or the folders they unpack to. Chrabaszcz's: the batches
    `train_data_batch_1` … `10` and `val_data`, as NPZ or in the Python format, in `folder` or folders in it. The last
    `validation` training images are kept for validation. The images are prepared once, in the user's cache folder
    (4 GB), and mapped from there. Errors on loading: DataError.
    """

    folder: Path
    validation: int = 0
    bits: int = 8

    @property
    def name(self) -> str:
        """Name of the data set; a loaded set also names its variant."""
        return "ImageNet32"

    def load(self, split: Split) -> ImageSet:
        """Load one split. Errors: DataError where the data are missing, damaged, or both variants' together."""
        folder = existing_folder(self.folder, self.name)
        published = split.published
        pictures, batches = _find_png(folder, published), _find_batches(folder, published)
        if pictures and batches:
            raise DataError(f"{folder} holds both variants of ImageNet32, which are not comparable: keep them apart.")
        if not pictures and not batches:
            raise DataError(
                f"{folder} holds no ImageNet32 {split} images: wanted {PNG[published]}.tar (van den Oord) or "
                f"{BATCHES[published][0]}.npz (Chrabaszcz), or what they unpack to."
            )
        image_format = replace(FORMAT, bits=self.bits)
        source = VAN_DEN_OORD if pictures else CHRABASZCZ
        images = mapped_images(
            pictures or batches,
            title=f"{source.title} {published}",
            image_format=image_format,
            blocks=lambda: _read_png(pictures) if pictures else _read_batches(batches),
        )
        whole = ImageSet(images=images, format=image_format, name=source.title, split=published, source=source)
        return whole.part(split, validation=self.validation)


def _find_png(folder: Path, split: Split) -> list[Path]:
    archive = folder / f"{PNG[split]}.tar"
    return [archive] if archive.is_file() else image_files(folder / PNG[split])


def _find_batches(folder: Path, split: Split) -> list[Path]:
    """All batches of a split, in their order. Errors: DataError where some are missing or there are two of one."""
    # Not deeper: a folder in it may hold a million PNG files.
    places = [f"{inner}{{}}{suffix}" for inner in ("", "*/") for suffix in ("", ".npz")]
    found = {name: [path for place in places for path in folder.glob(place.format(name))] for name in BATCHES[split]}
    if not any(found.values()):
        return []
    for name, paths in found.items():
        if len(paths) != 1:
            raise DataError(
                f"{folder} was to hold each batch of ImageNet32 once; it holds '{name}' {len(paths)} times."
            )
    return [path for paths in found.values() for path in paths]


def _read_png(paths: Sequence[Path]) -> Blocks:
    archived = paths[0].suffix == ".tar"
    named = _in_archive(paths[0]) if archived else ((str(path), path) for path in paths)
    return stacked(decode_all(named, FORMAT, model="ImageNet32"))


def _in_archive(path: Path) -> Iterator[tuple[str, BytesIO]]:
    check(path, CHECKSUMS[path.name])
    with tarfile.open(path) as archive:
        members = [member for member in archive if member.name.endswith(".png")]
        for member in sorted(members, key=lambda member: member.name):
            content = archive.extractfile(member)
            if content is not None:  # the member is a file
                yield member.name, BytesIO(content.read())


def _read_batches(paths: Sequence[Path]) -> Blocks:
    for path in paths:
        if path.suffix != ".npz":
            yield image_array(str(path), read_batch(str(path), read_bytes(path)), FORMAT)
            continue
        check(path, CHECKSUMS[path.name])
        try:
            with np.load(path) as arrays:
                batch = {"data": arrays["data"]}
        except (OSError, KeyError, ValueError, BadZipFile) as error:
            raise DataError(f"{path} cannot be read as a batch of ImageNet32: {error}") from error
        yield image_array(str(path), batch, FORMAT)

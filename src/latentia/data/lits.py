"""Livers in computed tomography: LiTS, slice by slice, divided by patient; and how volumes are read."""

from __future__ import annotations

import logging
import math
import re
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from latentia.data.archives import sizes
from latentia.data.images import Split
from latentia.data.pictures import check_side, resample_image, resample_mask
from latentia.data.segmentation_sets import USUAL_DIVISION, GroupSplit, SegmentationSet
from latentia.errors import DataError, SettingError

LABELS = (0, 1, 2)
"""Nothing, liver, tumour; a tumour is in the liver, and counts as it."""
AXES = "LAS"
"""Where a volume's axes point once it is read: to the left, the front and the head, as those of LiTS usually do.

A file whose header says nothing is taken to have them; so does nibabel.
"""
DEFLATED = 1032
"""Deflate, the packing in .nii.gz, makes of a byte 1,032 at most."""
Slice = tuple[np.ndarray, np.ndarray, int]


@dataclass(frozen=True, kw_only=True)
class LiverVolumes:
    """The published form: `volume-N.nii` and `segmentation-N.nii` of patient N, or `.nii.gz`, in any folders below.

    Each file is turned to `AXES` by its own header, and a slice goes across the third. Slices are resampled to a square
    of `size`, and brightness goes from `darkest` to `brightest`, in Hounsfield units; that window is ours, the thesis
    has none. Errors: SettingError; on loading, DataError.
    """

    folder: Path
    size: int = 128
    darkest: float = -160.0
    brightest: float = 240.0
    with_liver_alone: bool = True
    """Leave out the slices of which no pixel is liver, in training and validation.

    The test part has every slice: what is found where there is no liver counts there.
    """
    division: GroupSplit = USUAL_DIVISION

    def __post_init__(self) -> None:
        check_side(self.size)
        if not self.darkest < self.brightest:
            raise SettingError(f"darkest must be below brightest; they are {self.darkest} and {self.brightest}.")

    @property
    def name(self) -> str:
        """The folder's own name."""
        return self.folder.name

    def load(self, split: Split) -> SegmentationSet:
        """Load the slices of one split's patients, one slice at a time.

        Errors: DataError where a file is missing, damaged or there twice, nibabel is missing, or a segmentation is not
        its volume's.
        """
        liver_alone = self.with_liver_alone and split is not Split.TEST
        pairs = self._files()
        patients = tuple(pairs)
        images, masks, names, groups = [], [], [], []
        for place in self.division.places(patients, self.name)[split]:
            patient = patients[place]
            for image, mask, depth in self._slices(*pairs[patient], liver_alone):
                images.append(image)
                masks.append(mask)
                names.append(f"{patient}, slice {depth}")
                groups.append(patient)
        if not images:
            raise DataError(f"{self.name} has no images in its split '{split}'.")
        return SegmentationSet(
            images=np.stack(images)[:, None],
            masks=np.stack(masks)[:, None],
            names=tuple(names),
            groups=tuple(groups),
            name=self.name,
            split=split,
        )

    def _files(self) -> dict[str, tuple[Path, Path]]:
        """Find each patient's volume and segmentation, by number."""
        volumes, segmentations = self._numbered("volume"), self._numbered("segmentation")
        if not volumes:
            raise DataError(f"{self.folder} has no volume-N.nii files, as LiTS has.")
        for number, volume in volumes.items():
            if number not in segmentations:
                raise DataError(f"{volume} has no segmentation-{number}.nii beside it.")
        return {str(number): (volumes[number], segmentations[number]) for number in sorted(volumes)}

    def _numbered(self, kind: str) -> dict[int, Path]:
        """Find the files of one kind. Errors: DataError where a patient has two, as either could be meant."""
        found: dict[int, Path] = {}
        for path in sorted(self.folder.rglob(f"{kind}-*.nii*")):
            matched = re.fullmatch(rf"{kind}-(\d+)\.nii(?:\.gz)?", path.name)
            if matched is None or not path.is_file():  # some unpack volume-0.nii into a folder of its name
                continue
            if (other := found.setdefault(int(matched[1]), path)) is not path:
                raise DataError(f"{other} and {path} are both the {kind} of patient {int(matched[1])}; one is enough.")
        return found

    def _slices(self, volume_file: Path, mask_file: Path, liver_alone: bool) -> list[Slice]:
        """Read a patient's slices, from the feet up; each file in its own order, and the masks first."""
        with open_volume(volume_file) as volume, open_volume(mask_file) as labels:
            _check_pair(volume, labels)
            masks: dict[int, np.ndarray] = {}
            for depth in labels.depths:
                label = labels.read(depth)
                if not np.isin(label, LABELS).all():
                    other = sorted(set(np.unique(label).tolist()) - set(LABELS))
                    raise DataError(
                        f"The segmentation {mask_file} was to hold 0, 1 for liver and 2 for tumour; "
                        f"it holds {other[0]:g}."
                    )
                if label.any() or not liver_alone:
                    masks[depth] = resample_mask(label != 0, self.size, self.size)
            images = {
                depth: resample_image(as_bytes(volume.read(depth), self.darkest, self.brightest), self.size, self.size)
                for depth in volume.depths
                if depth in masks
            }
        return [(images[depth], masks[depth], depth) for depth in sorted(masks)]


@dataclass(frozen=True, kw_only=True, eq=False)
class Volume:
    """A NIfTI file of three axes, turned to `AXES` by what its header says; a slice goes across the third of these.

    Where that is the last axis in the file too, one slice is read at a time. Else a `.nii` is mapped into memory, and a
    `.nii.gz` unpacked in it as a whole.
    """

    file: Path
    image: Any
    turn: np.ndarray
    """nibabel's orientation: for each axis in the file, which axis it becomes, and 1 or -1 for its direction."""

    @property
    def shape(self) -> tuple[int, ...]:
        """The sizes along `AXES`."""
        return tuple(self.image.shape[axis] for axis in np.argsort(self.turn[:, 0]))

    @property
    def affine(self) -> np.ndarray:
        """Where voxels are in space, by their places along `AXES`."""
        found: np.ndarray = self.image.affine @ _orientations().inv_ornt_aff(self.turn, self.image.shape)
        return found

    @property
    def depths(self) -> range:
        """The places of all slices, from the feet up, in the order in which the file has them."""
        upwards = range(self.shape[2])
        return upwards if self.turn[self._axis, 1] == 1 else upwards[::-1]

    def read(self, depth: int) -> np.ndarray:
        """Read a slice: rows from back to front, columns from right to left. Errors: DataError where it is damaged."""
        place = self.depths.index(depth)
        source = self.image.dataobj
        with _reading(self.file, f"is damaged in slice {depth}"):
            if self._axis == 2:
                voxels = source[:, :, place : place + 1]
            else:
                one = tuple(slice(place, place + 1) if axis == self._axis else slice(None) for axis in range(3))
                voxels = self._whole[one].astype(np.float64) * source.slope + source.inter
        return np.asarray(self.turned(voxels)[:, :, 0].T, np.float64)

    def turned(self, voxels: np.ndarray) -> np.ndarray:
        """Turn what is laid out as in the file to `AXES`; it is a view, through which the file's layout is written."""
        view: np.ndarray = _orientations().apply_orientation(voxels, self.turn)
        return view

    @property
    def _axis(self) -> int:
        """The axis in the file that goes from slice to slice."""
        return int(np.flatnonzero(self.turn[:, 0] == 2)[0])

    @cached_property
    def _whole(self) -> np.ndarray:
        whole: np.ndarray = self.image.dataobj.get_unscaled()
        return whole


@contextmanager
def open_volume(file: Path) -> Iterator[Volume]:
    """Open a volume in a NIfTI file without reading its voxels; the file is closed when the block ends.

    A `.nii.gz` is read to its end then, where its checksum stands. Errors: DataError where nibabel is missing, or the
    file is damaged or holds something else.
    """
    try:
        import nibabel
    except ImportError as error:
        raise DataError(f'{file.name} is read by nibabel: pip install "latentia[segmentation]".') from error
    with _reading(file, "cannot be read as a NIfTI file"), _silent(nibabel.imageglobals.logger):
        # Kept open, a .nii.gz is unpacked once, and not from its start again for each slice.
        image = nibabel.load(file, keep_file_open=True)
    if not isinstance(image, nibabel.Nifti1Image):
        raise DataError(f"{file} was to be a volume in one NIfTI file; nibabel reads it as {type(image).__name__}.")
    try:
        _check_voxels(image, file)
        yield Volume(file=file, image=image, turn=_turn_of(image, file))
        _read_on(image, file)
    finally:
        # nibabel itself would close it when the image is forgotten.
        if (opener := getattr(image.dataobj, "_opener", None)) is not None:
            opener.close()


def _read_on(image: Any, file: Path) -> None:
    """Read a .nii.gz to its end, where its checksum stands. Errors: DataError where other bytes were packed."""
    opener = getattr(image.dataobj, "_opener", None)
    if opener is not None and _is_packed(file):
        with _reading(file, "is damaged"):
            while opener.read(1 << 16):
                pass


def _is_packed(file: Path) -> bool:
    return file.suffix.lower() == ".gz"


def _check_voxels(image: Any, file: Path) -> None:
    """Errors: DataError where the header tells of voxels that are not three axes of numbers, or cannot be there."""
    if len(image.shape) != 3:
        raise DataError(f"{file} was to be a volume with three axes; it has {len(image.shape)}.")
    if min(image.shape) < 1:
        raise DataError(f"{file} was to have voxels along each axis; it is {sizes(image.shape)}.")
    kind = image.get_data_dtype()
    if kind.kind not in "iuf":
        raise DataError(f"{file} was to hold a real number for each voxel; it holds {kind}.")
    wanted = image.dataobj.offset + math.prod(image.shape) * kind.itemsize
    if wanted > file.stat().st_size * (DEFLATED if _is_packed(file) else 1):
        raise DataError(f"{file} is damaged: its header tells of {sizes(image.shape)} voxels, which it cannot hold.")


def _turn_of(image: Any, file: Path) -> np.ndarray:
    """Find how the axes in a file become `AXES`. Errors: DataError where the header does not say where they point."""
    tools = _orientations()
    there = np.isfinite(image.affine).all()
    with np.errstate(over="ignore"):
        found = tools.io_orientation(image.affine) if there else np.full((3, 2), np.nan)
    if np.isnan(found).any():
        raise DataError(f"{file} does not say where its axes point: its affine is {image.affine[:3].tolist()}.")
    turn: np.ndarray = tools.ornt_transform(found, tools.axcodes2ornt(AXES))
    return turn


def _orientations() -> Any:
    """Give nibabel's tools, which have no types."""
    from nibabel import orientations

    return orientations


def _check_pair(volume: Volume, labels: Volume) -> None:
    """Errors: DataError where a segmentation is not its volume's."""
    if volume.shape != labels.shape:
        raise DataError(
            f"The volume {volume.file} is {sizes(volume.shape)} and its segmentation {sizes(labels.shape)}."
        )
    alike = (volume.turn == labels.turn).all()
    if not alike and not np.allclose(volume.affine, labels.affine, atol=0.01):
        raise DataError(
            f"The axes of {labels.file} point elsewhere than those of {volume.file}, and the two do not lie over each "
            "other, so that it is unclear which voxels belong together."
        )


@contextmanager
def _reading(file: Path, failed: str) -> Iterator[None]:
    """Say in one sentence what nibabel raises where a file is damaged or of another format. Errors: DataError."""
    from nibabel.filebasedimages import ImageFileError
    from nibabel.spatialimages import HeaderDataError

    damage = (OSError, EOFError, ValueError, TypeError, OverflowError, zlib.error, ImageFileError, HeaderDataError)
    try:
        yield
    except damage as error:
        raise DataError(f"{file} {failed}: {' '.join(str(error).split())}") from error


@contextmanager
def _silent(logger: logging.Logger) -> Iterator[None]:
    """Keep a logger from printing, as what it says of a damaged header is in the error too."""
    before, logger.disabled = logger.disabled, True
    try:
        yield
    finally:
        logger.disabled = before


def as_bytes(voxels: np.ndarray, darkest: float, brightest: float) -> np.ndarray:
    """Give voxels as bytes, in training and in use alike: `darkest` and less as 0, `brightest` and more as 255.

    What is not a number is darkest, as some scanners write it where they saw nothing.
    """
    shares = (np.clip(voxels, darkest, brightest) - darkest) / (brightest - darkest)
    levels: np.ndarray = (np.nan_to_num(shares, nan=0) * 255).round()
    return levels.astype(np.uint8)

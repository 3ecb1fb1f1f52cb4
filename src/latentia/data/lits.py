"""Livers in computed tomography: LiTS, slice by slice, divided by patient."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
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
Slice = tuple[np.ndarray, np.ndarray, int]


@dataclass(frozen=True, kw_only=True)
class LiverVolumes:
    """The published form: `volume-N.nii` and `segmentation-N.nii` of patient N, or `.nii.gz`, in any folders below.

    Slices are resampled to a square of `size`, and brightness goes from `darkest` to `brightest`, in Hounsfield units;
    that window is ours, the thesis has none. Errors: SettingError; on loading, DataError.
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

    def _slices(self, volume_file: Path, mask_file: Path, liver_alone: bool) -> Iterator[Slice]:
        volume, labels = open_nifti(volume_file), open_nifti(mask_file)
        if volume.shape != labels.shape or len(volume.shape) != 3:
            raise DataError(
                f"The volume {volume_file} is {sizes(volume.shape)} and its segmentation {sizes(labels.shape)}."
            )
        for depth in range(volume.shape[2]):
            label = read_slice(labels, depth, mask_file)
            if not np.isin(label, LABELS).all():
                other = sorted(set(np.unique(label).tolist()) - set(LABELS))
                raise DataError(
                    f"The segmentation {mask_file} was to hold 0, 1 for liver and 2 for tumour; it holds {other[0]:g}."
                )
            if liver_alone and not label.any():
                continue
            image = as_bytes(read_slice(volume, depth, volume_file), self.darkest, self.brightest)
            yield resample_image(image, self.size, self.size), resample_mask(label != 0, self.size, self.size), depth


def open_nifti(file: Path) -> Any:
    """Open a NIfTI file without reading its values. Errors: DataError where nibabel is missing or it is none."""
    try:
        import nibabel
    except ImportError as error:
        raise DataError(f'{file.name} is read by nibabel: pip install "latentia[segmentation]".') from error
    try:
        return nibabel.load(file)
    except (OSError, EOFError, ValueError, nibabel.filebasedimages.ImageFileError) as error:
        raise DataError(f"{file} cannot be read as a NIfTI file: {error}") from error


def read_slice(volume: Any, depth: int, file: Path) -> np.ndarray:
    """Read one slice, rows from front to back. Errors: DataError where the file is damaged."""
    try:
        return np.asarray(volume.dataobj[..., depth], np.float64).T
    except (OSError, EOFError, ValueError) as error:
        raise DataError(f"{file} is damaged: slice {depth} cannot be read ({error}).") from error


def as_bytes(voxels: np.ndarray, darkest: float, brightest: float) -> np.ndarray:
    """Give voxels as bytes, in training and in use alike: `darkest` and less as 0, `brightest` and more as 255.

    What is not a number is darkest, as some scanners write it where they saw nothing.
    """
    shares = (np.clip(voxels, darkest, brightest) - darkest) / (brightest - darkest)
    return (np.nan_to_num(shares, nan=0) * 255).round().astype(np.uint8)

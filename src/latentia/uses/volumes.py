"""Masks of volumes, slice by slice, in NIfTI files that lie over the volume's own."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import numpy as np
import torch

from latentia.data.lits import as_bytes, open_volume
from latentia.files import atomic_path
from latentia.models.base import SegmentationModel
from latentia.uses.segmentation import find_mask

PLACE = (
    "pixdim",
    "xyzt_units",
    "qform_code",
    "quatern_b",
    "quatern_c",
    "quatern_d",
    "qoffset_x",
    "qoffset_y",
    "qoffset_z",
    "sform_code",
    "srow_x",
    "srow_y",
    "srow_z",
)
"""What in a header says where voxels are: their size and its unit, and both forms of the affine."""


def segment_volume(
    model: SegmentationModel,
    source: Path,
    target: Path,
    *,
    range_of_values: tuple[float, float],
    size: tuple[int, int] | None,
    window: int,
    batch: int,
) -> float:
    """Mark a volume's slices, write the mask with the volume's place in space, and give the share that is marked.

    `range_of_values` are what is black and what is white. Slices are seen as in training, whatever the file's axes are,
    and the mask has the file's own. A batch of slices is in memory, where `Volume` can read them one by one, and the
    mask, a byte for each voxel. Errors: DataError where the volume cannot be read or has not three axes; OSError.
    """
    with open_volume(source) as volume:
        marked = np.zeros(volume.image.shape, np.uint8)
        seen = volume.turned(marked)
        for first in range(0, len(volume.depths), batch):
            depths = volume.depths[first : first + batch]
            slices = np.stack([as_bytes(volume.read(depth), *range_of_values) for depth in depths])
            found = find_mask(model, torch.from_numpy(slices)[:, None], size=size, window=window, batch=batch)
            seen[:, :, list(depths)] = found[:, 0].numpy().transpose(2, 1, 0)
        mask = _over(volume.image, marked)
    with atomic_path(target) as temporary:
        temporary.write_bytes(gzip.compress(mask.to_bytes(), mtime=0))
    return float(marked.mean())


def _over(image: Any, marked: np.ndarray) -> Any:
    """Make an image that lies where another does, as its header says it, and takes no more of the header."""
    header = image.header_class()
    header.set_data_dtype(marked.dtype)
    for name in PLACE:
        header[name] = image.header[name]
    return type(image)(marked, image.affine, header)

"""Masks of volumes, slice by slice, in NIfTI files that lie over the volume's own."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import numpy as np
import torch

from latentia.data.lits import open_nifti, read_slice
from latentia.errors import DataError
from latentia.files import atomic_path
from latentia.models.base import SegmentationModel
from latentia.uses.segmentation import find_mask


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

    `range_of_values` are what is black and what is white. A batch of slices is in memory, and the mask, a byte for each
    voxel. Errors: DataError where the volume cannot be read or has not three axes; OSError.
    """
    volume = open_nifti(source)  # which says so where nibabel is missing
    import nibabel

    if len(volume.shape) != 3:
        raise DataError(f"{source} was to be a volume with three axes; it has {len(volume.shape)}.")
    black, white = range_of_values
    marked = np.zeros(volume.shape, np.uint8)
    for first in range(0, volume.shape[2], batch):
        places = range(first, min(first + batch, volume.shape[2]))
        slices = np.stack([read_slice(volume, place, source) for place in places])
        shares = torch.from_numpy(np.clip((slices - black) / (white - black), 0, 1).astype(np.float32))[:, None]
        found = find_mask(model, shares, size=size, window=window, batch=batch)
        marked[..., places.start : places.stop] = found[:, 0].numpy().transpose(2, 1, 0)
    make: Any = nibabel.Nifti1Image
    with atomic_path(target) as temporary:
        temporary.write_bytes(gzip.compress(make(marked, volume.affine).to_bytes(), mtime=0))
    return float(marked.mean())

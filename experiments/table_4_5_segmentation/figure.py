"""Test images with the masks that the networks find, as in Figure 4.10."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from experiments.table_4_5_segmentation.protocol import NETWORKS
from latentia.data.segmentation_sets import SegmentationSet
from latentia.uses import write_png
from latentia.uses.overlays import overlay
from latentia.uses.pictures import draw_grid


def draw(runs: Sequence[Mapping[str, Any]], test: SegmentationSet, work: Path, seed: int, path: Path) -> None:
    """Draw a row for each image: it, then what each network that is done found from the first seed."""
    first = {run["name"]: run["masks"] for run in runs if run["seed"] == seed and "masks" in run}
    found: dict[str, torch.Tensor] = {}
    for name in NETWORKS:
        if name in first:
            with np.load(work / first[name]) as arrays:
                found[name] = torch.from_numpy(arrays["found"])
    if not found:
        return
    count = len(next(iter(found.values())))
    images, masks = test.pairs(slice(count))
    rows = []
    for place in range(count):
        shown = [overlay(images[place], masks_found[place], masks[place]) for masks_found in found.values()]
        rows.append(torch.stack([images[place].expand(3, -1, -1), *shown]))
    picture = draw_grid(torch.stack(rows), 256, column_labels=["image", *found], smallest=128)
    write_png(picture, path)

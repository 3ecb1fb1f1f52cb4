"""Polyps in colonoscopy: CVC-ClinicDB, divided by sequence, because frames of one sequence show one polyp."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from latentia.data.images import Split
from latentia.data.pictures import check_side, read_mask, read_pixels, resample_image, resample_mask
from latentia.data.segmentation_sets import USUAL_DIVISION, GroupSplit, SegmentationSet
from latentia.errors import DataError, SettingError

TABLE = "metadata.csv"
COLUMNS = ("frame_id", "sequence_id")


@dataclass(frozen=True, kw_only=True)
class Polyps:
    """The published form: `Original/N.tif` and `Ground Truth/N.tif`, and which sequence each frame N is of.

    The latter stands in `metadata.csv`, with columns `frame_id` and `sequence_id`. Frames are in colours, of 384×288,
    and are resampled to `width`×`height`, Table 4.4's by default. Masks have two values; where their edges are grey,
    `mask_threshold`, such as 128, says from which value on a pixel belongs to them. Errors: SettingError; on loading,
    DataError.
    """

    folder: Path
    width: int = 192
    height: int = 144
    mask_threshold: int | None = None
    division: GroupSplit = USUAL_DIVISION

    def __post_init__(self) -> None:
        for side in (self.width, self.height):
            check_side(side)
        if self.mask_threshold is not None and not 1 <= self.mask_threshold <= 255:
            raise SettingError(f"data.mask_threshold is 1 to 255, not {self.mask_threshold}.")

    @property
    def name(self) -> str:
        """The folder's own name."""
        return self.folder.name

    def load(self, split: Split) -> SegmentationSet:
        """Load one split. Errors: DataError where a file is missing or damaged, or a mask is not its frame's."""
        sequences = self._sequences()
        frames, groups = tuple(sequences), tuple(sequences.values())
        places = self.division.places(groups, self.name)[split]
        if not len(places):
            raise DataError(f"{self.name} has no images in its split '{split}'.")
        pairs = [self._pair(frames[place]) for place in places]
        return SegmentationSet(
            images=np.stack([image for image, _ in pairs]),
            masks=np.stack([mask for _, mask in pairs])[:, None],
            names=tuple(frames[place] for place in places),
            groups=tuple(groups[place] for place in places),
            name=self.name,
            split=split,
        )

    def _sequences(self) -> dict[str, str]:
        """Give each frame's sequence."""
        table = self.folder / TABLE
        try:
            with table.open(newline="", encoding="utf-8-sig") as file:
                rows = list(csv.DictReader(file))
        except (OSError, UnicodeDecodeError, csv.Error) as error:
            raise DataError(
                f"{table} cannot be read ({error}); it should say in columns {' and '.join(COLUMNS)} which sequence "
                "each frame is of, because frames of one sequence may not be in two parts."
            ) from error
        if not rows or any(not row.get(column) for row in rows for column in COLUMNS):
            raise DataError(f"{table} was to have a {' and a '.join(COLUMNS)} in each of its rows.")
        return {row["frame_id"].strip(): row["sequence_id"].strip() for row in rows}

    def _pair(self, frame: str) -> tuple[np.ndarray, np.ndarray]:
        image = read_pixels(self.folder / "Original" / f"{frame}.tif", "RGB")
        mask = read_mask(self.folder / "Ground Truth" / f"{frame}.tif", image.shape[:2], threshold=self.mask_threshold)
        small = resample_image(image, self.height, self.width)
        return np.moveaxis(small, -1, 0), resample_mask(mask, self.height, self.width)

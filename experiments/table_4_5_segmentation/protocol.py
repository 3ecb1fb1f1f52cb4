"""Which networks are compared, on what, for how long."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from experiments.common import real_data
from latentia.data import Split
from latentia.data.nuclei import PackedNuclei
from latentia.data.segmentation_sets import GroupSplit, SegmentationSet, check_apart
from latentia.layers.segmentation_block import DependencyConfig
from latentia.models.base import SegmentationModel
from latentia.models.nested_u_net import NestedUNetConfig
from latentia.models.u_net import UNetConfig
from latentia.training.segmentation import SegmentationTraining

MONAI = "MONAI's U-Net"
PUBLISHED: dict[str, tuple[str, str]] = {
    "U-Net": ("91.79 ± 0.32", "85.52 ± 0.50"),
    "U-Net++": ("92.64 ± 0.24", "86.88 ± 0.38"),
    "SDU-Net": ("93.25 ± 0.35", "87.33 ± 0.58"),
    "SDNU-Net": ("94.10 ± 0.36", "88.71 ± 0.52"),
}
"""Dice and Jaccard of Table 4.5 on nuclei, in percent, over 5 runs."""
WITHOUT = {"SDU-Net": "U-Net", "SDNU-Net": "U-Net++"}
"""Networks with spatial dependency layers, and the same without."""
NETWORKS = (*PUBLISHED, MONAI)
DIVISION = GroupSplit(validation=0.15, test=0.15, seed=0)
"""The same for every run."""


def mean_published(network: str) -> float:
    """Give the mean Dice of Table 4.5."""
    return float(PUBLISHED[network][0].split()[0])


@dataclass(frozen=True, kw_only=True)
class Budget:
    """What is trained and measured."""

    size: int
    """Side of the images; Table 4.4 has 96."""
    widths: tuple[int, ...]
    nested_widths: tuple[int, ...]
    sdn: DependencyConfig
    training: SegmentationTraining
    seeds: int = 5
    simulated: bool = False

    @property
    def networks(self) -> dict[str, Callable[[int], SegmentationModel]]:
        """The networks that are compared, by name; each is built for a number of channels."""
        from experiments.table_4_5_segmentation.peer import MonaiUNet

        return {
            "U-Net": UNetConfig(widths=self.widths).build,
            "U-Net++": NestedUNetConfig(widths=self.nested_widths).build,
            "SDU-Net": UNetConfig(widths=self.widths, sdn=self.sdn).build,
            "SDNU-Net": NestedUNetConfig(widths=self.nested_widths, sdn=self.sdn).build,
            MONAI: lambda channels: MonaiUNet(self.widths, channels),
        }


BUDGETS = {
    "smoke": Budget(
        size=32,
        widths=(2, 4),
        nested_widths=(2, 4),
        sdn=DependencyConfig(features=2, layers=1),
        training=SegmentationTraining(steps=2, batch=4, evaluate_steps=1),
        seeds=2,
        simulated=True,
    ),
    "hour": Budget(
        size=64,
        widths=(8, 16, 32, 64, 128),
        nested_widths=(8, 16, 32, 64, 128),
        sdn=DependencyConfig(features=48),
        training=SegmentationTraining(steps=2400, batch=16, evaluate_steps=100, patience=8, checkpoint_steps=100),
    ),
    "paper": Budget(
        size=96,
        widths=(64, 128, 256, 512, 1024),
        nested_widths=(32, 64, 128, 256, 512),
        sdn=DependencyConfig(),
        training=SegmentationTraining(passes=300, batch=80, patience=30),
    ),
}


@dataclass(frozen=True, kw_only=True)
class Parts:
    """The three parts. Nothing is chosen by the test part."""

    train: SegmentationSet
    validation: SegmentationSet
    test: SegmentationSet

    @property
    def checksums(self) -> dict[str, str]:
        """Checksum of each part's content."""
        return {str(part.split): part.sha256 for part in (self.train, self.validation, self.test)}


def load_nuclei(budget: str) -> Parts:
    """Load the real images, or draw some for the smallest budget. Errors: SettingError, DataError."""
    setting = BUDGETS[budget]
    if setting.simulated:
        whole = drawn_discs(40, setting.size)
        parts = [DIVISION.take(whole, split) for split in (Split.TRAIN, Split.VALIDATION, Split.TEST)]
    else:
        packed = PackedNuclei(
            file=real_data() / "nuclei" / "dsb2018_128_gray.npz", size=setting.size, division=DIVISION
        )
        parts = [packed.load(split) for split in (Split.TRAIN, Split.VALIDATION, Split.TEST)]
    check_apart(parts)
    return Parts(train=parts[0], validation=parts[1], test=parts[2])


def drawn_discs(count: int, size: int) -> SegmentationSet:
    """Draw bright discs on noise."""
    rng = np.random.default_rng(0)
    rows, columns = np.mgrid[:size, :size]
    centre = rng.uniform(0.2, 0.8, (2, count, 1, 1)) * size
    masks = (rows - centre[0]) ** 2 + (columns - centre[1]) ** 2 < (size / 4) ** 2
    images = (masks * 120 + rng.integers(0, 100, masks.shape)).astype(np.uint8)
    names = tuple(f"disc {number}" for number in range(count))
    return SegmentationSet(images=images[:, None], masks=masks[:, None], names=names, groups=names, name="drawn discs")

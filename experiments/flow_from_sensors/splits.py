"""The snapshots of the wake, and three ways to hold some out: later ones, random ones, and a range of phases."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import Float, Int64

from experiments.flow_from_sensors.baselines import Fields, Places, proper_orthogonal_modes
from latentia.data import FieldSet, NpzFields, Split
from latentia.errors import SettingError

FILE = Path("cylinder") / "cylinder_grid_f16_shedding.npz"
SplitName = Literal["ordered", "shuffled", "phase"]
SPLITS: tuple[SplitName, ...] = ("ordered", "shuffled", "phase")
HELD_OUT = 12
"""Test snapshots, and as many for validation, of the splits that are not by phase: a sixth of 71."""
SECTORS = 6
"""Equal ranges of the phase: one is the test, the opposite one the validation."""


@dataclass(frozen=True, kw_only=True)
class Parts:
    """Snapshots to train on, to choose by, and to test with. The scale of all is that of the training ones."""

    train: FieldSet
    validation: FieldSet
    test: FieldSet

    @property
    def solid(self) -> Places:
        """True within the cylinder."""
        assert self.train.solid is not None
        return self.train.solid

    def physical(self, split: Split) -> Fields:
        """Give a part's snapshots in the file's units, in double precision."""
        part = {Split.TRAIN: self.train, Split.VALIDATION: self.validation, Split.TEST: self.test}[split]
        low, high = (bound[:, None, None] for bound in (part.lowest, part.highest))
        return low + part.values.astype(np.float64) * (high - low)


def load_parts(folder: Path, split: SplitName, seed: int) -> Parts:
    """Read the file in the folder of real data and hold some snapshots out. Errors: DataError where it is not there."""
    whole = NpzFields(file=folder / FILE, fields=("uv_over_0p05",), solid="solid").load(Split.TRAIN)
    places = split_places(split, shedding_phase(whole), seed)
    snapshots = whole.physical(whole.tensor(slice(None)).double()).numpy()
    assert whole.solid is not None
    bounds = snapshots[places[Split.TRAIN]][..., ~whole.solid]
    lowest, highest = bounds.min((0, 2)), bounds.max((0, 2))
    scaled = (snapshots - lowest[:, None, None]) / (highest - lowest)[:, None, None]

    def part(which: Split) -> FieldSet:
        return FieldSet(
            values=scaled[places[which]].astype(np.float32),
            lowest=lowest,
            highest=highest,
            format=whole.format,
            name=whole.name,
            split=which,
            solid=whole.solid,
        )

    return Parts(train=part(Split.TRAIN), validation=part(Split.VALIDATION), test=part(Split.TEST))


def shedding_phase(snapshots: FieldSet) -> Float[np.ndarray, " snapshots"]:
    """Where in a cycle of shedding each snapshot is, from 0 up to 1: the angle of its first two POD coefficients.

    These are of one frequency, a quarter of a period apart. The phase decides which snapshots are held out; no method
    is told it.
    """
    values = snapshots.values.astype(np.float64)
    modes = proper_orthogonal_modes(values, 2)
    first, second = (
        np.tensordot(values - modes.mean, modes.modes, ((1, 2, 3), (1, 2, 3))).T / np.sqrt(modes.energies)[:, None]
    )
    phase: Float[np.ndarray, " snapshots"] = np.arctan2(second, first) / (2 * np.pi) % 1
    return phase


def split_places(
    split: SplitName, phase: Float[np.ndarray, " snapshots"], seed: int
) -> dict[Split, Int64[np.ndarray, " places"]]:
    """Say which snapshots are trained on, which chosen by, and which are the test; every one is in one part.

    `ordered` takes the last ones as the test and those before them for validation; `shuffled` does so after a shuffle
    by the seed; `phase` holds out all snapshots of a sixth of the cycle, and the opposite sixth for validation. The
    seed decides where the sixths begin. Errors: SettingError for another split.
    """
    count = len(phase)
    if split == "phase":
        start = np.random.default_rng(seed).random()
        sector = np.floor((phase - start) % 1 * SECTORS).astype(int)
        held = {Split.TEST: sector == 0, Split.VALIDATION: sector == SECTORS // 2}
        held[Split.TRAIN] = ~(held[Split.TEST] | held[Split.VALIDATION])
        return {which: np.flatnonzero(mask) for which, mask in held.items()}
    if split not in SPLITS:
        raise SettingError(f"Snapshots are split as {', '.join(SPLITS)}, not '{split}'.")
    order = np.arange(count) if split == "ordered" else np.random.default_rng(seed).permutation(count)
    train, validation, test = np.split(order, [count - 2 * HELD_OUT, count - HELD_OUT])
    return {Split.TRAIN: train, Split.VALIDATION: validation, Split.TEST: test}

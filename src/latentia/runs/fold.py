"""Folds: equal parts of the training images, one of which is held out."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from latentia.data import DataSet, DataSource, NpzFields, Split
from latentia.errors import DataError, SettingError


@dataclass(frozen=True, kw_only=True)
class Fold:
    """Which fold is held out, and of how many. Folds are cut in the order of the images, as in thesis B 4.3.

    Errors: SettingError where there are fewer than 2 folds, or no fold of that number.
    """

    number: int
    """1 is the first."""
    of: int
    most: int | None = None
    """Hold out the first so many images of the fold alone, where all of them would take long to evaluate; the others
    are left out."""

    def __post_init__(self) -> None:
        if self.of < 2:
            raise SettingError(f"Cross-validation takes 2 or more folds, not {self.of}.")
        if not 1 <= self.number <= self.of:
            raise SettingError(f"There are folds 1 to {self.of}, not {self.number}.")
        if self.most is not None and self.most < 1:
            raise SettingError(f"fold.most must be 1 or more; it is {self.most}.")

    @classmethod
    def all(cls, of: int, most: int | None = None) -> tuple[Fold, ...]:
        """Give every fold. Errors: SettingError where there are fewer than 2."""
        first = cls(number=1, of=of, most=most)
        return tuple(replace(first, number=number) for number in range(1, of + 1))

    def load(self, source: DataSource | NpzFields, split: Split) -> DataSet:
        """Load the images to train on, or those held out, or the test images, which are in no fold.

        The source's own validation images are ordinary training images here, and the scale of a field, of its test
        snapshots too, is that of all folds. Errors: DataError where there are fewer images than folds.
        """
        undivided = replace(source, validation=0)  # type: ignore[type-var]  # sources are dataclasses
        if split is Split.TEST:
            return undivided.load(split)
        whole = undivided.load(Split.TRAIN)
        if len(whole) < self.of:
            raise DataError(f"{whole.name} has {len(whole)} training images, which cannot be cut into {self.of} folds.")
        edges = np.linspace(0, len(whole), self.of + 1).round().astype(int)
        start, end = edges[self.number - 1 : self.number + 1]
        places = np.arange(len(whole))
        if split is Split.TRAIN:
            return whole.at(np.r_[places[:start], places[end:]], split)
        return whole.at(places[start:end][: self.most], split)

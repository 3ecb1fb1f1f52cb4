"""Which pixels are known: the options of commands that impute."""

from __future__ import annotations

from argparse import ArgumentTypeError
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from latentia.command_line.options import option
from latentia.errors import SettingError

if TYPE_CHECKING:
    from jaxtyping import Bool
    from torch import Tensor

    from latentia.masks import Masking
    from latentia.runs import Run

    Masks = Bool[Tensor, "masks 1 height width"]

PlaceName = Literal["grid", "uniform", "gaussian", "stratified", "block", "lines"]
Place = tuple[int, int]


def pairs(value: str | Iterable[Place]) -> tuple[Place, ...]:
    """Read pairs such as 3,4;10,20, or take them as they are. Errors: ArgumentTypeError."""
    if not isinstance(value, str):
        return tuple(value)
    try:
        read = [tuple(map(int, one.split(","))) for one in value.split(";")]
        return tuple((row, column) for row, column in read)
    except ValueError:
        raise ArgumentTypeError(f"'{value}' is not rows and columns such as 3,4;10,20") from None


@dataclass(frozen=True, kw_only=True)
class KnownOptions:
    """Known pixels, by default those of the run's own masks."""

    places: PlaceName | None = option(None, "how pixels are drawn for each image")
    share: float | None = option(None, "so many of them, as a share of an image's pixels", metavar="SHARE")
    number: int | None = option(None, "so many of them", metavar="COUNT")
    sensors: tuple[Place, ...] = option(
        (), "rows and columns of pixels, from 0, in quotes: '3,4;10,20'", parse=pairs, metavar="PLACES"
    )
    mask: Path | None = option(
        None, "a picture that is white where pixels are known, or an NPZ file with an array 'mask'", metavar="FILE"
    )

    def __post_init__(self) -> None:
        drawn = [name for name in ("places", "share", "number") if getattr(self, name) is not None]
        fixed = [name for name in ("sensors", "mask") if getattr(self, name)]
        if len(fixed) + bool(drawn) > 1:
            told = " and ".join(f"--{name}" for name in (*drawn, *fixed))
            raise SettingError(f"Known pixels are either drawn, or --sensors, or those of a --mask; given: {told}.")
        if self.share is not None and self.number is not None:
            raise SettingError("Known pixels are either a --share of all or a --number of them, not both.")
        if self.places not in (None, "grid") and self.share is None and self.number is None:
            raise SettingError(f"--places {self.places} needs a --share or a --number.")

    @property
    def fixed(self) -> bool:
        """Whether the places themselves are named, so that nothing else is known."""
        return bool(self.sensors) or self.mask is not None

    @property
    def given(self) -> bool:
        """Whether anything is said, so that the run's own masks do not count."""
        return self.fixed or self.places is not None or self.share is not None or self.number is not None

    def masks(self, run: Run, places: tuple[int, ...], seed: int) -> Masks:
        """Give one mask for all images, or one for each place in the split: the one that an evaluation gives it.

        Errors: DataError for a mask that cannot be read; SettingError for sensors outside of the image, or where
        nothing says what is known.
        """
        from latentia.data.single import read_masks
        from latentia.evaluation.tasks import MASKS
        from latentia.masks import mask_keys

        _, height, width = run.model.image_format.shape
        if self.mask is not None:
            return read_masks(self.mask)
        if self.sensors:
            return _at(self.sensors, height, width)
        keys = mask_keys(seed, MASKS, count=max(places) + 1)[list(places)]
        return self._masking(run).draw(keys, height, width)

    def _masking(self, run: Run) -> Masking:
        from latentia.masks import Masking

        if not self.given:
            own = _own_masking(run)
            if own is None:
                raise SettingError("The run has no masks of its own; say what is known, e.g. by --number 16.")
            return own
        return Masking(places=self.places or "uniform", duplicates=False, share=self.share, number=self.number)


def knew_nothing_at_times(run: Run) -> bool:
    """Whether masks that know nothing were among those of the run's training: the power law draws a count of 0 too."""
    own = _own_masking(run)
    return own is not None and own.exponent is not None


def _own_masking(run: Run) -> Masking | None:
    from latentia.training.multitask import MultitaskTraining

    training = run.configuration.training
    return training.masking if isinstance(training, MultitaskTraining) else None


def _at(sensors: tuple[Place, ...], height: int, width: int) -> Masks:
    import torch

    mask = torch.zeros(1, 1, height, width, dtype=torch.bool)
    for row, column in sensors:
        if not (0 <= row < height and 0 <= column < width):
            raise SettingError(f"The image has rows 0 to {height - 1} and columns 0 to {width - 1}, no {row},{column}.")
        mask[..., row, column] = True
    return mask

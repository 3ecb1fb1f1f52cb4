"""Fields of real numbers on a grid, such as the velocity of a flow, that are arrays in an NPZ file."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, Float32, Float64, Integer, UInt8
from numpy.typing import NDArray
from torch import Tensor

from latentia.data.archives import read_array, sizes, type_and_axes
from latentia.data.images import ImageSet, Split, part_of_all
from latentia.errors import DataError, SettingError
from latentia.images import ImageFormat

MOST_CHANNELS = 4
"""Where the axis of channels is longer than this and the one at the other end is not, the two have been swapped."""


@dataclass(frozen=True, kw_only=True, eq=False)
class FieldSet:
    """Snapshots of one split, scaled per channel so that the training part spans 0 to 1.

    Snapshots of the other splits may leave that range a little. It has what training code asks of an
    `latentia.data.images.ImageSet`. Errors: DataError where there are no snapshots, or they have another size than the
    format.
    """

    values: Float32[np.ndarray, "count channels height width"]
    lowest: Float64[np.ndarray, " channels"]
    """What 0 stands for, in the file's units."""
    highest: Float64[np.ndarray, " channels"]
    """What 1 stands for, unless it equals `lowest`: of a channel that is constant in training, 1 is one unit above."""
    format: ImageFormat
    """Size of a snapshot. Its bits say how pictures show one; the values themselves are not quantised."""
    name: str
    split: Split
    solid: Bool[np.ndarray, "height width"] | None = None
    """Places where nothing is measured or predicted, if there are any."""
    labels: None = None

    def __post_init__(self) -> None:
        if self.values.shape[1:] != self.format.shape:
            got = sizes(self.values.shape[1:])
            raise DataError(f"{self.name} was to hold snapshots of {sizes(self.format.shape)}; it holds {got}.")
        if len(self.values) == 0:
            raise DataError(f"{self.name} has no snapshots in its split '{self.split}'.")

    def __len__(self) -> int:
        return len(self.values)

    @cached_property
    def sha256(self) -> str:
        """Checksum of the content: sizes, bounds, solid and values, whatever file they came from."""
        digest = hashlib.sha256(f"{self.format}, {'all fluid' if self.solid is None else 'with a solid'}".encode())
        for part in (self.lowest, self.highest, self.solid, self.values):
            if part is not None:
                digest.update(np.ascontiguousarray(part).data)
        return digest.hexdigest()

    def tensor(self, places: slice | Integer[np.ndarray, " batch"]) -> Float[Tensor, "batch channels height width"]:
        """Copy some snapshots into a tensor, scaled."""
        return torch.from_numpy(np.array(self.values[places]))

    def at(self, places: Integer[np.ndarray, " count"], split: Split) -> FieldSet:
        """Take the snapshots of some places, as a split of their own. Errors: DataError where there are none."""
        return replace(self, values=self.values[places], split=split)

    def first(self, count: int) -> FieldSet:
        """The first snapshots alone. Errors: DataError where there are fewer."""
        if not 1 <= count <= len(self):
            raise DataError(f"{self.name} has {len(self)} snapshots in its split '{self.split}', not {count}.")
        return replace(self, values=self.values[:count])

    def physical(
        self, scaled: Float[Tensor, "*batch channels height width"]
    ) -> Float[Tensor, "*batch channels height width"]:
        """Bring scaled snapshots, such as a model's, back to the file's units."""
        lowest, span = self._scale(scaled)
        return lowest + scaled * span

    def scaled(
        self, physical: Float[Tensor, "*batch channels height width"]
    ) -> Float[Tensor, "*batch channels height width"]:
        """Scale values in the file's units as these snapshots are."""
        lowest, span = self._scale(physical)
        return (physical - lowest) / span

    def pixels(self, places: slice | Integer[np.ndarray, " batch"]) -> UInt8[Tensor, "batch channels height width"]:
        """Give some snapshots as images of the format's bits, for what knows images alone; what is out of the scale is
        cut off."""
        most = self.format.levels - 1
        return (self.tensor(places).clamp(0, 1) * most).round().to(torch.uint8)

    def _scale(self, values: Tensor) -> tuple[Tensor, Tensor]:
        """What 0 stands for and what 1 is away from it, (channels, 1, 1)."""
        lowest, span = (
            torch.as_tensor(bounds, dtype=values.dtype, device=values.device)[:, None, None]
            for bounds in (self.lowest, _span(self.lowest, self.highest))
        )
        return lowest, span


DataSet = ImageSet | FieldSet
"""What a split of a data set is loaded as."""


def pixels_of(
    images: DataSet, places: slice | Integer[np.ndarray, " batch"]
) -> UInt8[Tensor, "batch channels height width"]:
    """Give some images of whole numbers; snapshots of a field as their `pixels`."""
    return images.pixels(places) if isinstance(images, FieldSet) else images.tensor(places)


@dataclass(frozen=True, kw_only=True)
class NpzFields:
    """Arrays of an NPZ file, whose names are `fields`: floats or whole numbers, one channel or several each.

    An array is (snapshots, height, width), which makes one channel, or (snapshots, channels, height, width); with
    `channels_last` the latter is (snapshots, height, width, channels). Channels follow each other in the order of
    `fields`. `solid` names an array of booleans (height, width), true where nothing is measured or predicted, e.g.
    within a body in the flow. Whatever the file holds there, NaN included, becomes 0, the velocity of a body at rest,
    or the bound next to it where the fluid never has 0.

    The last `test` snapshots are the test snapshots, the `validation` ones before them are kept for validation. In a
    time series these are later times, which ask a model to continue what it knows. `shuffle` is the seed of a shuffle
    before that. It scatters all three parts over the whole time, so that most test snapshots have a neighbour in time
    among the training ones, which a model only has to remember; a flow that repeats itself is remembered either way.

    Errors: SettingError where `fields` names none, or one twice; on loading, DataError.
    """

    file: Path
    fields: tuple[str, ...]
    solid: str | None = None
    channels_last: bool = False
    validation: int = 0
    test: int = 0
    shuffle: int | None = None

    def __post_init__(self) -> None:
        if len(set(self.fields)) != max(1, len(self.fields)):
            raise SettingError(f"fields must name arrays, each once; it names {', '.join(self.fields) or 'none'}.")

    @property
    def name(self) -> str:
        """The file's own name."""
        return self.file.stem

    def load(self, split: Split) -> FieldSet:
        """Load one split, scaled by the bounds of the training part.

        Errors: DataError where the file or an array is missing or damaged, does not hold fields, or has values that
        are not finite, and where the parts cannot be had.
        """
        fields = self._all_fields()
        solid = None if self.solid is None else self._as_solid(read_array(self.file, self.solid, wanted="booleans"))
        fluid = self._fluid(fields, solid)
        snapshots = np.concatenate(list(fields.values()), axis=1)
        train = snapshots[self._places(Split.TRAIN, len(snapshots))][..., fluid]
        lowest, highest = (bound.astype(np.float64)[:, None, None] for bound in (train.min((0, 2)), train.max((0, 2))))
        chosen = snapshots[self._places(split, len(snapshots))].astype(np.float64)
        chosen = np.where(fluid, chosen, np.clip(0, lowest, highest))
        channels, height, width = chosen.shape[1:]
        return FieldSet(
            values=((chosen - lowest) / _span(lowest, highest)).astype(np.float32),
            lowest=lowest[:, 0, 0],
            highest=highest[:, 0, 0],
            format=ImageFormat(channels=channels, height=height, width=width),
            name=self.name,
            split=split,
            solid=solid,
        )

    def _places(self, split: Split, count: int) -> Integer[np.ndarray, " places"]:
        places = np.arange(count)
        if self.shuffle is not None:
            places = np.random.default_rng(self.shuffle).permutation(places)
        part = part_of_all(
            count, split=split, validation=self.validation, test=self.test, name=self.name, things="snapshots"
        )
        return places[part]

    def _all_fields(self) -> dict[str, NDArray[Any]]:
        """Each named array as (snapshots, channels, height, width), all of one size."""
        fields = {key: self._as_field(key, read_array(self.file, key, wanted="numbers")) for key in self.fields}
        first = next(iter(fields.values()))
        for key, field in fields.items():
            if (len(field), *field.shape[2:]) != (len(first), *first.shape[2:]):
                raise DataError(
                    f"'{key}' in {self.file} has {len(field)} snapshots of {sizes(field.shape[2:])}; wanted "
                    f"{len(first)} of {sizes(first.shape[2:])}, as '{self.fields[0]}' has."
                )
        return fields

    def _as_field(self, key: str, array: NDArray[Any]) -> NDArray[Any]:
        several = "height, width, channels" if self.channels_last else "channels, height, width"
        if array.dtype.kind not in "fiu" or array.ndim not in (3, 4):
            raise DataError(
                f"'{key}' in {self.file} was to hold floats or whole numbers, (snapshots, height, width) or "
                f"(snapshots, {several}); it holds {type_and_axes(array)}."
            )
        if array.size == 0:
            raise DataError(f"'{key}' in {self.file} holds no snapshots; it is {sizes(array.shape)}.")
        if array.ndim == 3:
            return array[:, None]
        channels, other = (-1, 1) if self.channels_last else (1, -1)
        if array.shape[other] <= MOST_CHANNELS < array.shape[channels]:
            raise DataError(
                f"'{key}' in {self.file} is {sizes(array.shape)}; wanted (snapshots, {several}). For channels "
                f"{'first' if self.channels_last else 'last'} set channels_last={not self.channels_last}."
            )
        return np.moveaxis(array, channels, 1)

    def _as_solid(self, array: NDArray[Any]) -> Bool[np.ndarray, "height width"]:
        if array.dtype.kind != "b" or array.ndim != 2:
            raise DataError(
                f"'{self.solid}' in {self.file} was to hold booleans (height, width); it holds {type_and_axes(array)}."
            )
        return array

    def _fluid(
        self, fields: dict[str, NDArray[Any]], solid: Bool[np.ndarray, "height width"] | None
    ) -> Bool[np.ndarray, "height width"]:
        """Places outside the solid. Errors: DataError where its size is another, or a field is not finite there."""
        wanted = next(iter(fields.values())).shape[2:]
        if solid is None:
            fluid = np.ones(wanted, bool)
        elif solid.shape != wanted or solid.all():
            what = "true everywhere" if solid.all() else sizes(solid.shape)
            raise DataError(f"'{self.solid}' in {self.file} is {what}; wanted {sizes(wanted)}, false where fluid is.")
        else:
            fluid = ~solid
        for key, field in fields.items():
            wrong = int((~np.isfinite(field[..., fluid])).any((1, 2)).sum())
            if wrong:
                outside = "" if solid is None else f" outside '{self.solid}'"
                raise DataError(
                    f"'{key}' in {self.file} has NaN or infinite values{outside} in {wrong} of {len(field)} snapshots."
                )
        return fluid


def _span(lowest: NDArray[np.float64], highest: NDArray[np.float64]) -> NDArray[np.float64]:
    """What the scale 0 to 1 spans, in units; 1 for a constant channel, so that one can divide by it."""
    return np.where(highest > lowest, highest - lowest, 1.0)

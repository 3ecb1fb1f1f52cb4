"""Colours of values: shares of white as they are, and fields from blue through white to red."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar, runtime_checkable

import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from latentia.data import DataSet, FieldSet

DRAWN_CHANNELS = (1, 3)
"""Grey and RGB: of images with other channels no picture is drawn."""
Record = TypeVar("Record")
Colour = tuple[int, int, int]
BLUE, WHITE, RED = (33, 102, 172), (255, 255, 255), (178, 24, 43)
GREY, PALE_GREY, PALE_BLUE = (128, 128, 128), (208, 208, 208), (196, 213, 236)


@runtime_checkable
class Colours(Protocol):
    """A way to show values as a picture in red, green and blue, of the values' own size or larger."""

    def show(
        self, values: Float[Tensor, "*batch channels height width"]
    ) -> UInt8[Tensor, "*batch colours rows columns"]:
        """Give the picture; a pixel that is NaN gets a colour that no value has."""

    def show_deviation(
        self, values: Float[Tensor, "*batch channels height width"]
    ) -> tuple[UInt8[Tensor, "*batch colours rows columns"], str]:
        """Give the picture of values from 0 up, and a text that says how large the largest is."""


@dataclass(frozen=True, kw_only=True)
class ShareColours:
    """Of images as shares of white, RGB or grey; other channels are grey, below one another. Unknown is pale blue."""

    def show(
        self, values: Float[Tensor, "*batch channels height width"]
    ) -> UInt8[Tensor, "*batch colours rows columns"]:
        """Give grey or colours; what is below 0 or above 1 is cut off."""
        drawn = values if values.shape[-3] in DRAWN_CHANNELS else values.flatten(-3, -2).unsqueeze(-3)
        shown = _bytes(255 * drawn.clamp(0, 1)).expand(*drawn.shape[:-3], 3, -1, -1)
        return _with(shown, drawn.isnan().any(-3, keepdim=True), PALE_BLUE)

    def show_deviation(
        self, values: Float[Tensor, "*batch channels height width"]
    ) -> tuple[UInt8[Tensor, "*batch colours rows columns"], str]:
        """Give the picture, whose largest value of all is white."""
        largest = float(values.max())
        return self.show(values / (largest or 1.0)), f"{largest:.3g}"


@dataclass(frozen=True, kw_only=True)
class FieldColours:
    """Of fields, scaled as a `FieldSet` is: channels below one another, each from blue through white to red.

    White is 0 where a channel has values of both signs, and blue and red are as far from it; else it is the middle of
    the channel's range. The solid is grey, unknown places are pale grey.
    """

    fields: FieldSet

    def show(
        self, values: Float[Tensor, "*batch channels height width"]
    ) -> UInt8[Tensor, "*batch colours rows columns"]:
        """Give the picture; what is out of the scale is as blue, or as red, as its end."""
        ends = torch.stack([torch.as_tensor(end)[:, None, None] for end in (self.fields.lowest, self.fields.highest)])
        both_signs = (ends[0] < 0) & (ends[1] > 0)
        white = torch.where(both_signs, 0.0, ends.mean(0))
        reach = (ends - white).abs().amax(0)
        away = (self.fields.physical(values.double()) - white) / torch.where(reach > 0, reach, 1.0)
        return self._below_one_another(away)

    def show_pixels(
        self, pixels: UInt8[Tensor, "*batch channels height width"]
    ) -> UInt8[Tensor, "*batch colours rows columns"]:
        """Give the picture of snapshots as `FieldSet.pixels` has them."""
        return self.show(pixels / (self.fields.format.levels - 1))

    def show_deviation(
        self, values: Float[Tensor, "*batch channels height width"]
    ) -> tuple[UInt8[Tensor, "*batch colours rows columns"], str]:
        """Give the picture, in which each channel's largest value is red; the text has them in the file's units."""
        zero = self.fields.physical(torch.zeros_like(values))
        deviation = self.fields.physical(values) - zero
        largest = deviation.movedim(-3, 0).flatten(1).amax(1)
        shown = self._below_one_another(deviation / torch.where(largest > 0, largest, 1.0)[:, None, None])
        return shown, " and ".join(f"{one:.3g}" for one in largest.tolist())

    def _below_one_another(
        self, away: Float[Tensor, "*batch channels height width"]
    ) -> UInt8[Tensor, "*batch colours rows columns"]:
        """Colour numbers −1 … 1, with a white line between channels."""
        share = away.clamp(-1, 1).unsqueeze(-3)
        ends = torch.where(share < 0, _column(BLUE), _column(RED))
        shown = _with(_bytes(_column(WHITE) + share.abs() * (ends - _column(WHITE))), share.isnan(), PALE_GREY)
        if self.fields.solid is not None:
            shown = _with(shown, torch.from_numpy(self.fields.solid), GREY)
        apart = torch.nn.functional.pad(shown, (0, 0, 0, 1), value=255)
        return apart.movedim(-4, -3).flatten(-3, -2)[..., :-1, :]


def colours_of(images: DataSet) -> ShareColours | FieldColours:
    """Give the colours in which a set of images, or of snapshots of a field, is shown."""
    return FieldColours(fields=images) if isinstance(images, FieldSet) else ShareColours()


def in_colours(record: Record, colours: FieldColours | None) -> Record:
    """Give a record, such as samples, whose snapshots of a field, held as images, are in colours; others stay."""
    if colours is None:
        return record
    shown = {name: colours.show_pixels(pixels) for name, pixels in images_of(record).items()}
    changed: Record = dataclasses.replace(record, **shown)  # type: ignore[type-var]  # records are dataclasses
    return changed


def images_of(record: Any) -> dict[str, Tensor]:
    """Give a record's images of bytes, by the names of its fields."""
    values = {field.name: getattr(record, field.name) for field in dataclasses.fields(record)}
    return {
        name: value
        for name, value in values.items()
        if isinstance(value, Tensor) and value.dtype is torch.uint8 and value.ndim >= 4
    }


def _bytes(numbers: Tensor) -> Tensor:
    return numbers.nan_to_num().round().to(torch.uint8)


def _column(colour: Colour) -> Tensor:
    return torch.tensor(colour, dtype=torch.float64)[:, None, None]


def _with(shown: Tensor, where: Tensor, colour: Colour) -> Tensor:
    """Give a picture with another colour at some places."""
    return torch.where(where, torch.tensor(colour, dtype=torch.uint8)[:, None, None], shown)

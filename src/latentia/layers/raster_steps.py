"""Convolutions evaluated a row or a place at a time, for networks whose input is made in raster order.

What a network that looks back computed at earlier places never changes. So a new row, or a new place, costs one
matrix product of a convolution's kernel with the neighbourhood that it covers, instead of a convolution of the map.
Features lie last: a row is (batch, width, channels), a place (batch, channels).
"""

from __future__ import annotations

from typing import Protocol

from jaxtyping import Float
from torch import Tensor, addmm, nn
from torch.nn import functional


class RasterSteps(Protocol):
    """A stack of layers that follows its input in raster order and remembers what it needs."""

    def begin_row(
        self, above: Float[Tensor, "batch width channels"], context: Float[Tensor, "batch width channels"] | None
    ) -> None:
        """Go to the next row; `above` is the input's row before it (zeros for the first), `context` the row's own."""

    def place(self, column: int, left: Float[Tensor, "batch channels"]) -> Float[Tensor, "batch features"]:
        """Give the output at the row's place `column`; `left` is the input at the place before (zeros for the first).

        Places come in order: 0, 1, ….
        """


class RowConvolution:
    """A convolution over the rows that were given last, evaluated for a whole row.

    Its kernel (out, in, rows, columns) covers so many rows, the newest among them, and as many columns on either side
    of a place. Rows before the first, and columns outside, are zeros.
    """

    def __init__(
        self, weight: Float[Tensor, "out in rows columns"], bias: Tensor | None, *, batch: int, width: int
    ) -> None:
        _, channels, rows, self.columns = weight.shape
        self.weight = weight.permute(0, 2, 3, 1).flatten(1)
        self.bias = bias
        self.window = weight.new_zeros(batch, rows, width + self.columns - 1, channels)

    def __call__(self, newest: Float[Tensor, "batch width in"]) -> Float[Tensor, "batch width out"]:
        """Take the newest row, forget the oldest, and give the row of outputs."""
        margin = self.columns // 2
        self.window[:, :-1] = self.window[:, 1:].clone()
        self.window[:, -1, margin : margin + newest.shape[1]] = newest
        patches = self.window.unfold(2, self.columns, 1)  # (batch, rows, width, in, columns)
        matrix = patches.permute(0, 2, 1, 4, 3).flatten(2).flatten(0, 1)  # one product, not one for each map
        computed: Tensor = functional.linear(matrix, self.weight, self.bias)
        return computed.view(*newest.shape[:2], -1)


class PlaceConvolution:
    """A convolution over the last places of a row, evaluated for one place.

    Its kernel (out, in, 1, taps) ends at the newest place; what lies before the row is zeros. One row after the other
    goes through it: a place is read only after this row wrote it.
    """

    def __init__(self, weight: Float[Tensor, "out in 1 taps"], *, batch: int, width: int) -> None:
        _, channels, _, self.taps = weight.shape
        self.weight = weight[:, :, 0].transpose(1, 2).flatten(1).t()
        self.padded = weight.new_zeros(batch, self.taps - 1 + width, channels)

    @property
    def row(self) -> Float[Tensor, "batch width in"]:
        """The places of the row that went through last; zeros before the first."""
        return self.padded[:, self.taps - 1 :]

    def __call__(
        self, column: int, newest: Float[Tensor, "batch in"], rest: Float[Tensor, "batch out"]
    ) -> Float[Tensor, "batch out"]:
        """Take the newest place, number `column` of those of its row, and add the products of the taps to `rest`."""
        end = column + self.taps
        self.padded[:, end - 1] = newest
        return addmm(rest, self.padded[:, column:end].flatten(1), self.weight)


def pointwise(layer: nn.Conv2d, features: Float[Tensor, "*places in"]) -> Float[Tensor, "*places out"]:
    """Apply a 1×1 convolution to features that lie last."""
    return functional.linear(features, layer.weight.flatten(1), layer.bias)

"""The gated PixelCNN's two stacks: one sees all rows above a place, the other the places left of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from latentia.layers.raster_steps import PlaceConvolution, RowConvolution, pointwise


class GatedStack(nn.Module):
    """Gated layers in a row; the output at a place depends on the input at all earlier places within reach.

    With a kernel of size k the first layer reaches k//2 rows and columns far, and each later one so much further. No
    place within reach is left out, as a stack of masked convolutions leaves out a wedge to the right.

    Shapes: input (batch, channels, height, width) → the same. A context, (batch, channels, height, width) or
    (batch, channels, 1, 1) for the same everywhere, is added in every layer and may depend on anything.
    Source: van den Oord et al. 2016, "Conditional Image Generation with PixelCNN Decoders", Figure 2.
    """

    layers: Iterable[Any]

    def __init__(self, channels: int, kernel_sizes: Sequence[int], *, context: bool, dropout: float = 0.0) -> None:
        super().__init__()
        self.features = channels
        self.layers = nn.ModuleList(
            GatedLayer(channels, size, first=number == 0, context=context, dropout=dropout)
            for number, size in enumerate(kernel_sizes)
        )

    def forward(
        self, inputs: Float[Tensor, "batch channels height width"], context: Float[Tensor, "batch channels _ _"] | None
    ) -> Float[Tensor, "batch channels height width"]:
        """Give the output of the horizontal stack, which has heard the vertical one."""
        vertical = horizontal = inputs
        for layer in self.layers:
            vertical, horizontal = layer(vertical, horizontal, context)
        return horizontal

    def steps(self, *, batch: int, width: int) -> GatedSteps:
        """Start to follow maps of this width, in raster order."""
        return GatedSteps([GatedLayerSteps(layer, batch, width) for layer in self.layers])


class GatedLayer(nn.Module):
    """tanh(W_f ∗ x + V_f h) ⊙ σ(W_g ∗ x + V_g h) in both stacks (van den Oord et al. 2016, equation 4).

    The vertical stack's features before its gate also enter the horizontal stack's, which has a residual connection.
    The first layer sees only what comes before a place, and has none, which would show it the place itself; later ones
    see features that stand at the place and do not know it.
    """

    def __init__(self, channels: int, kernel_size: int, *, first: bool, context: bool, dropout: float) -> None:
        super().__init__()
        self.first = first
        reach, end = kernel_size // 2, -1 if first else 0
        taps = reach + 1 + end
        self.vertical = LookingBack(channels, 2 * channels, (taps, kernel_size), (reach, reach, reach, end))
        self.horizontal = LookingBack(channels, 2 * channels, (1, taps), (reach, end, 0, 0), bias=False)
        self.link = nn.Conv2d(2 * channels, 2 * channels, 1)
        self.output = nn.Conv2d(channels, channels, 1)
        self.context = nn.Conv2d(channels, 4 * channels, 1, bias=False) if context else None
        self.dropout = nn.Dropout(dropout)

    def forward(
        self,
        vertical: Float[Tensor, "batch channels height width"],
        horizontal: Float[Tensor, "batch channels height width"],
        context: Float[Tensor, "batch channels _ _"] | None,
    ) -> tuple[Float[Tensor, "batch channels height width"], Float[Tensor, "batch channels height width"]]:
        """Give the next features of both stacks."""
        above, left = self.vertical(vertical), self.horizontal(horizontal)
        if self.context is not None:
            for_above, for_left = self.context(context).chunk(2, 1)
            above, left = above + for_above, left + for_left
        output = self.output(self.dropout(gate(left + self.link(above), 1)))
        return self.dropout(gate(above, 1)), output if self.first else horizontal + output


class LookingBack(nn.Conv2d):
    """A convolution whose kernel lies wholly before or at a place.

    The map is padded by `margins`, (left, right, top, bottom), so that an output stands where its kernel ends; a
    negative margin cuts off, and the kernel then ends one before the place.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: tuple[int, int],
        margins: tuple[int, int, int, int],
        *,
        bias: bool = True,
    ) -> None:
        super().__init__(in_channels, out_channels, kernel_size, bias=bias)
        self.margins = margins

    def forward(self, input: Float[Tensor, "batch in height width"]) -> Float[Tensor, "batch out height width"]:
        """Pad and convolve."""
        return super().forward(functional.pad(input, self.margins))


def gate(features: Float[Tensor, " ..."], dim: int) -> Float[Tensor, " ..."]:
    """tanh of the first half of the features, times the sigmoid of the second."""
    value, opening = features.chunk(2, dim)
    return value.tanh() * opening.sigmoid()


class GatedLayerSteps:
    """One layer, a row at a time in its vertical stack and a place at a time in its horizontal one."""

    def __init__(self, layer: GatedLayer, batch: int, width: int) -> None:
        self.layer = layer
        self.above = RowConvolution(layer.vertical.weight, layer.vertical.bias, batch=batch, width=width)
        self.left = PlaceConvolution(layer.horizontal.weight, batch=batch, width=width)

    def begin_row(
        self,
        newest: Float[Tensor, "batch width channels"],
        context: Float[Tensor, "batch width channels"] | None,
    ) -> Float[Tensor, "batch width channels"]:
        """Give the vertical stack's next features, and keep what the row's places hear of them."""
        above = self.above(newest)
        if self.layer.context is None or context is None:
            self.rest = pointwise(self.layer.link, above)
        else:
            for_above, for_left = pointwise(self.layer.context, context).chunk(2, -1)
            above = above + for_above
            self.rest = pointwise(self.layer.link, above) + for_left
        return gate(above, -1)

    def place(self, column: int, newest: Float[Tensor, "batch channels"]) -> Float[Tensor, "batch channels"]:
        """Give the horizontal stack's next features at a place."""
        output = pointwise(self.layer.output, gate(self.left(column, newest, self.rest[:, column]), 1))
        return output if self.layer.first else newest + output


class GatedSteps:
    """All layers (`latentia.layers.raster_steps.RasterSteps`).

    The newest row that the first layer sees is the one above, the newest place the one to the left; later layers see
    the features at the row and the place themselves.
    """

    def __init__(self, layers: Sequence[GatedLayerSteps]) -> None:
        self.layers = layers

    def begin_row(
        self, above: Float[Tensor, "batch width channels"], context: Float[Tensor, "batch width channels"] | None
    ) -> None:
        """Go to the next row."""
        for layer in self.layers:
            above = layer.begin_row(above, context)

    def place(self, column: int, left: Float[Tensor, "batch channels"]) -> Float[Tensor, "batch channels"]:
        """Give the output at a place of the row."""
        for layer in self.layers:
            left = layer.place(column, left)
        return left

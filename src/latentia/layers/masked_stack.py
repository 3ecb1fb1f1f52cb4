"""The original PixelCNN's stack: residual blocks around masked convolutions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from jaxtyping import Float
from torch import Tensor, nn

from latentia.layers.masked_convolution import MaskedConvolution
from latentia.layers.raster_steps import PlaceConvolution, RowConvolution, pointwise


class MaskedStack(nn.Module):
    """A masked convolution of type A, then residual blocks with one of type B each.

    The output at a place depends on earlier places alone, but not on all of them: kernels that end at a place never
    reach a wedge to the right of it in the rows above.

    Shapes: input (batch, channels, height, width) → (batch, 2·channels, height, width). A context is
    (batch, channels, height, width), or (batch, channels, 1, 1) for the same everywhere; it is added in every layer.
    Source: van den Oord et al. 2016, "Pixel Recurrent Neural Networks", Figure 5 and Table 1, h being `channels`;
    the context is not in it and enters as in the gated kind.
    """

    blocks: Iterable[Any]

    def __init__(self, channels: int, kernel_sizes: Sequence[int], *, context: bool, dropout: float = 0.0) -> None:
        super().__init__()
        self.features = 2 * channels
        self.first = MaskedConvolution(channels, 2 * channels, ranks=1, inclusive=False, kernel_size=kernel_sizes[0])
        self.context = nn.Conv2d(channels, 2 * channels, 1, bias=False) if context else None
        self.blocks = nn.ModuleList(
            MaskedBlock(channels, size, context=context, dropout=dropout) for size in kernel_sizes[1:]
        )

    def forward(
        self, inputs: Float[Tensor, "batch channels height width"], context: Float[Tensor, "batch channels _ _"] | None
    ) -> Float[Tensor, "batch features height width"]:
        """Give the output of the last block."""
        features: Tensor = self.first(inputs)
        if self.context is not None:
            features = features + self.context(context)
        for block in self.blocks:
            features = block(features, context)
        return features

    def steps(self, *, batch: int, width: int) -> MaskedSteps:
        """Start to follow maps of this width, in raster order."""
        return MaskedSteps(self, batch, width)


class MaskedBlock(nn.Module):
    """x + 1×1(ReLU(masked k×k(ReLU(1×1(ReLU(x)))))), from 2·channels to half of them and back."""

    def __init__(self, channels: int, kernel_size: int, *, context: bool, dropout: float) -> None:
        super().__init__()
        self.narrow = nn.Conv2d(2 * channels, channels, 1)
        self.masked = MaskedConvolution(channels, channels, ranks=1, inclusive=True, kernel_size=kernel_size)
        self.context = nn.Conv2d(channels, channels, 1, bias=False) if context else None
        self.widen = nn.Conv2d(channels, 2 * channels, 1)
        self.dropout = nn.Dropout(dropout)

    def forward(
        self,
        features: Float[Tensor, "batch features height width"],
        context: Float[Tensor, "batch channels _ _"] | None,
    ) -> Float[Tensor, "batch features height width"]:
        """Add to what was there."""
        hidden = self.masked(self.narrow(features.relu()).relu())
        if self.context is not None:
            hidden = hidden + self.context(context)
        update: Tensor = self.widen(self.dropout(hidden.relu()))
        return features + update


class MaskedLayerSteps:
    """A masked convolution and its context: the rows above a row at a time, the row itself a place at a time."""

    def __init__(
        self, layer: MaskedConvolution, context: nn.Conv2d | None, *, inclusive: bool, batch: int, width: int
    ) -> None:
        reach = layer.kernel_size[0] // 2
        row = layer.weight[:, :, reach : reach + 1, : reach + inclusive]
        self.context = context
        self.above = RowConvolution(layer.weight[:, :, :reach], layer.bias, batch=batch, width=width)
        self.left = PlaceConvolution(row, batch=batch, width=width)

    def begin_row(
        self, above: Float[Tensor, "batch width in"], context: Float[Tensor, "batch width channels"] | None
    ) -> None:
        """Keep what the row's places get from the rows above them and from the context."""
        self.rest = self.above(above)
        if self.context is not None and context is not None:
            self.rest = self.rest + pointwise(self.context, context)

    def place(self, column: int, newest: Float[Tensor, "batch in"]) -> Float[Tensor, "batch out"]:
        """Give the output at a place."""
        return self.left(column, newest, self.rest[:, column])


class MaskedSteps:
    """All layers (`latentia.layers.raster_steps.RasterSteps`)."""

    def __init__(self, stack: MaskedStack, batch: int, width: int) -> None:
        self.first = MaskedLayerSteps(stack.first, stack.context, inclusive=False, batch=batch, width=width)
        self.blocks = [
            (block, MaskedLayerSteps(block.masked, block.context, inclusive=True, batch=batch, width=width))
            for block in stack.blocks
        ]

    def begin_row(
        self, above: Float[Tensor, "batch width channels"], context: Float[Tensor, "batch width channels"] | None
    ) -> None:
        """Go to the next row. Above it, a later layer finds the row of its own that went through before."""
        self.first.begin_row(above, context)
        for _, masked in self.blocks:
            masked.begin_row(masked.left.row, context)

    def place(self, column: int, left: Float[Tensor, "batch channels"]) -> Float[Tensor, "batch features"]:
        """Give the output at a place of the row."""
        features = self.first.place(column, left)
        for block, masked in self.blocks:
            hidden = masked.place(column, pointwise(block.narrow, features.relu()).relu())
            features = features + pointwise(block.widen, hidden.relu())
        return features

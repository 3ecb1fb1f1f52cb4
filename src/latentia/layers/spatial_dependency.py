"""Spatial dependency layers: project in, correct by sweeps in up to four directions, project out.

Source: thesis A, 4.1.2, Algorithm 1 and Figure 4.3. `SpatialDependency` stands where a convolution stood;
`ResidualSpatialDependency` is the form for deep networks, with a convolution beside it and a gate between them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from enum import Enum
from itertools import cycle, islice

import torch
from jaxtyping import Float
from torch import Tensor, nn

from latentia.errors import SettingError
from latentia.layers.sweep import correct


class Direction(Enum):
    """Where a sweep goes. The order of the members is the order of application."""

    LEFT_TO_RIGHT = "left to right"
    RIGHT_TO_LEFT = "right to left"
    TOP_TO_BOTTOM = "top to bottom"
    BOTTOM_TO_TOP = "bottom to top"

    @property
    def horizontal(self) -> bool:
        """Whether the lines that are corrected one after the other are columns."""
        return self in (Direction.LEFT_TO_RIGHT, Direction.RIGHT_TO_LEFT)

    @property
    def reverse(self) -> bool:
        """Whether the sweep starts at the last column or row."""
        return self in (Direction.RIGHT_TO_LEFT, Direction.BOTTOM_TO_TOP)


ALL_DIRECTIONS = tuple(Direction)


class AlternatingDirections:
    """Deals directions out to successive layers: the next ones, in turn.

    Source: thesis A, 4.1.2, "alternating them across layers". Two layers of 2 get the horizontal and the vertical
    sweeps.
    """

    def __init__(self) -> None:
        self._turn = cycle(Direction)

    def take(self, count: int) -> tuple[Direction, ...]:
        """Give the next layer its directions. Errors: SettingError unless `count` is 1 to 4."""
        if not 1 <= count <= len(Direction):
            raise SettingError(f"A spatial dependency layer has 1 to {len(Direction)} directions, not {count}.")
        return tuple(islice(self._turn, count))


class Correction(nn.Module):
    """The cell of one sweep: 12F² + 6F parameters, those of a GRU cell with three neighbours (Algorithm 1).

    The slots of `latentia.layers.sweep` give the order of gates: `own_weight` (3F, F) and `own_bias` (3F,) lead to
    m, r, z; `neighbour_weight` (3, 3F, F), for the neighbours at j − 1, j, j + 1, and `neighbour_bias` (3F,) lead to
    r, z, n. Biases are per channel, because the layer commutes with translations.
    """

    def __init__(
        self, features: int, direction: Direction, *, update_first_line: bool = True, recompute: bool = False
    ) -> None:
        super().__init__()
        self.direction = direction
        self.update_first_line = update_first_line
        self.recompute = recompute
        self.own_weight = nn.Parameter(torch.empty(3 * features, features))
        self.own_bias = nn.Parameter(torch.empty(3 * features))
        self.neighbour_weight = nn.Parameter(torch.empty(3, 3 * features, features))
        self.neighbour_bias = nn.Parameter(torch.empty(3 * features))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw weights evenly from ±1/√fan-in, as torch's linear layers do; start biases at zero.

        Gates then start near one half: a correction keeps half of what was there, and takes the rest from around it.
        """
        features = self.own_weight.shape[1]
        for weight, fan_in in ((self.own_weight, features), (self.neighbour_weight, 3 * features)):
            nn.init.uniform_(weight, -1 / math.sqrt(fan_in), 1 / math.sqrt(fan_in))
        nn.init.zeros_(self.own_bias)
        nn.init.zeros_(self.neighbour_bias)

    def forward(
        self, features: Float[Tensor, "lines batch positions features"]
    ) -> Float[Tensor, "lines batch positions features"]:
        """Sweep once over features whose lines are columns or rows, as the direction asks."""
        weights = (self.own_weight, self.own_bias, self.neighbour_weight, self.neighbour_bias)
        wanted = [weight.to(features.dtype) for weight in weights]
        keep = torch.is_grad_enabled() and not self.recompute
        corrected: Tensor = correct(features, *wanted, self.direction.reverse, self.update_first_line, keep)[0]
        return corrected

    def extra_repr(self) -> str:
        """Name the direction and the features."""
        return f"{self.own_weight.shape[1]}, {self.direction.value}"


class SpatialDependency(nn.Module):
    """A layer whose outputs depend on each other through sweeps over the map (thesis A, 4.1.2).

    Shapes: (batch, in_channels, height, width) → (batch, out_channels, height, width) for any height and width; the
    convolution of project-in may halve the size (`stride=2`) or double it (`upsample`). W⁽¹⁾ and W⁽³⁾ are the weights
    of `project_in` and `project_out`.

    `features` is the width of the correction stage, better larger than the channels. `kernel_size` is 1 where the size
    stays and 4 where it changes, unless given. `directions` may be any, in any order, and each has its own weights.
    `update_first_line=False` leaves the line where a sweep starts as it is, as the thesis' published code does.
    `recompute` keeps no gates for the gradient, which saves two thirds of the memory for a second sweep.

    Errors: SettingError for sizes that make no layer.

    Equation: A 4.1
    Equation: A 4.2
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        features: int,
        directions: Sequence[Direction] = ALL_DIRECTIONS,
        kernel_size: int | None = None,
        stride: int = 1,
        upsample: bool = False,
        update_first_line: bool = True,
        recompute: bool = False,
    ) -> None:
        super().__init__()
        if min(in_channels, out_channels, features) < 1:
            raise SettingError(
                f"A spatial dependency layer has at least one channel and feature; it got {in_channels} input and "
                f"{out_channels} output channels and {features} features."
            )
        if not directions:
            raise SettingError("A spatial dependency layer sweeps in at least one direction; none is given.")
        self.directions = tuple(directions)
        self.project_in = projection(in_channels, features, kernel_size=kernel_size, stride=stride, upsample=upsample)
        self.corrections = nn.ModuleList(
            Correction(features, direction, update_first_line=update_first_line, recompute=recompute)
            for direction in self.directions
        )
        self.project_out = nn.Conv2d(features, out_channels, 1)

    def forward(self, input: Float[Tensor, "batch in height width"]) -> Float[Tensor, "batch out rows columns"]:
        """Project in, correct in each direction in turn, project out; the output has the memory format of the input."""
        # From convolutions with channels last to sweeps and back, feature vectors move as wholes: that is cheap.
        features = self.project_in(input.contiguous(memory_format=torch.channels_last))
        features = features.permute(2, 0, 3, 1).tanh()  # rows, batch, columns, features
        by_columns = False
        for direction, correction in zip(self.directions, self.corrections, strict=True):
            if direction.horizontal != by_columns:
                features, by_columns = features.transpose(0, 2), direction.horizontal
            features = correction(features.contiguous())
        features = (features.transpose(0, 2) if by_columns else features).permute(1, 3, 0, 2)
        output: Tensor = self.project_out(features.contiguous(memory_format=torch.channels_last))
        return output.contiguous(memory_format=_memory_format(input))


def _memory_format(images: Tensor) -> torch.memory_format:
    """Tell where channels lie; where they may be both first and last, as for one channel, they count as first."""
    last = images.is_contiguous(memory_format=torch.channels_last) and not images.is_contiguous()
    return torch.channels_last if last else torch.contiguous_format


class ResidualSpatialDependency(nn.Module):
    """A convolution and a spatial dependency layer, mixed by a learned gate: σ(g)·conv(x) + (1 − σ(g))·o.

    The spatial dependency layer, `sdn`, gives o and g; `convolution` has the kernel and stride of its project-in.
    Shapes, arguments and errors are those of `SpatialDependency`. Source: thesis A, Figure 4.3.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        features: int,
        directions: Sequence[Direction] = ALL_DIRECTIONS,
        kernel_size: int | None = None,
        stride: int = 1,
        upsample: bool = False,
        update_first_line: bool = True,
        recompute: bool = False,
    ) -> None:
        super().__init__()
        self.sdn = SpatialDependency(
            in_channels,
            2 * out_channels,
            features=features,
            directions=directions,
            kernel_size=kernel_size,
            stride=stride,
            upsample=upsample,
            update_first_line=update_first_line,
            recompute=recompute,
        )
        self.convolution = projection(
            in_channels, out_channels, kernel_size=kernel_size, stride=stride, upsample=upsample
        )

    def forward(self, input: Float[Tensor, "batch in height width"]) -> Float[Tensor, "batch out rows columns"]:
        """Mix what the two paths give, by the gate that one of them gives."""
        other, gate = self.sdn(input).chunk(2, 1)
        return torch.lerp(other, self.convolution(input), gate.sigmoid())


def projection(
    in_channels: int, out_channels: int, *, kernel_size: int | None = None, stride: int = 1, upsample: bool = False
) -> nn.Conv2d | nn.ConvTranspose2d:
    """Make a convolution that keeps the size, divides it by `stride`, or doubles it (`upsample`, transposed).

    `kernel_size` is 1 where the size stays and 4 where it changes, unless given.
    Errors: SettingError where kernel and stride do not give that size.
    """
    size = kernel_size if kernel_size is not None else 4 if upsample or stride > 1 else 1
    if size < 1 or stride < 1 or (upsample and stride > 1):
        raise SettingError(
            f"A projection has a kernel of at least 1, and either a stride or upsample; it got kernel {size}, "
            f"stride {stride} and upsample={upsample}."
        )
    if (size % 2 == 0) != (upsample or stride % 2 == 0):
        wanted = "an even kernel" if upsample or stride % 2 == 0 else "an odd kernel"
        raise SettingError(f"A projection with stride {2 if upsample else stride} wants {wanted}, not {size}.")
    padding = (size - 1) // 2
    if upsample:
        return nn.ConvTranspose2d(in_channels, out_channels, size, stride=2, padding=padding)
    return nn.Conv2d(in_channels, out_channels, size, stride=stride, padding=padding)

"""What distributions over pixels and over whole images have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from jaxtyping import Float, Int64, UInt8
from torch import Tensor
from torch.distributions import Distribution, constraints

Shape = torch.Size | list[int] | tuple[int, ...]
"""What torch takes for a shape."""

MAX_LEVELS = 256
"""Images have at most 8 bits per value, and draws are uint8."""


def check_levels(levels: int) -> None:
    """Errors: ValueError where images cannot have so many levels."""
    if not 2 <= levels <= MAX_LEVELS:
        raise ValueError(f"Pixels have 2 to {MAX_LEVELS} levels, not {levels}.")


def at_least_float32(parameters: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """Widen half precision to float32, the least in which a density is worth computing; float64 stays."""
    return parameters.to(torch.promote_types(parameters.dtype, torch.float32))


def draw_index(logits: Float[Tensor, " ..."], dim: int) -> Int64[Tensor, " ..."]:
    """Draw from softmax(logits) along one dimension, which goes away. From torch's random state."""
    # The largest of logit + Gumbel noise is such a draw, and −log of an exponential draw is Gumbel noise.
    return (logits - torch.empty_like(logits).exponential_().log()).argmax(dim)


class PixelDistribution(Distribution, ABC):
    """A distribution over the whole numbers 0 … levels − 1, one at each place of the batch shape. Draws are uint8."""

    levels: int

    @constraints.dependent_property(is_discrete=True, event_dim=0)
    def support(self) -> constraints.Constraint:
        """Whole numbers 0 … levels − 1."""
        return constraints.integer_interval(0, self.levels - 1)  # type: ignore[no-untyped-call]

    @property
    @abstractmethod
    def representative(self) -> UInt8[Tensor, "*batch"]:
        """The level to show for each place."""


class ImageDistribution(Distribution, ABC):
    """A distribution over images of whole numbers 0 … levels − 1; its event shape is (channels, height, width).

    `log_prob` sums over the whole image, in nats; `sample` gives uint8.
    """

    levels: int

    @constraints.dependent_property(is_discrete=True, event_dim=3)
    def support(self) -> constraints.Constraint:
        """Images of whole numbers 0 … levels − 1."""
        level = constraints.integer_interval(0, self.levels - 1)  # type: ignore[no-untyped-call]
        return constraints.independent(level, 3)  # type: ignore[no-untyped-call]

    @property
    @abstractmethod
    def representative(self) -> UInt8[Tensor, "*batch channels height width"]:
        """The image to show: what the distribution takes to be there, without noise."""


class IndependentPixels(ImageDistribution):
    """Images whose pixels and channels are independent of each other.

    The pixels' batch shape (…, channels, height, width) becomes the batch shape (…) and the event's shape.
    Errors: ValueError where the pixels' batch shape has fewer than three dimensions.
    """

    arg_constraints = {}  # noqa: RUF012, torch's own form

    def __init__(self, pixels: PixelDistribution, validate_args: bool | None = None) -> None:
        if len(pixels.batch_shape) < 3:
            raise ValueError(f"Images have channels, height and width; the pixels' shape is {pixels.batch_shape}.")
        self.pixels, self.levels = pixels, pixels.levels
        super().__init__(pixels.batch_shape[:-3], pixels.batch_shape[-3:], validate_args=validate_args)

    def expand(self, batch_shape: Shape, _instance: Distribution | None = None) -> IndependentPixels:
        """Repeat along new or singleton dimensions of the batch, as torch's `expand`."""
        pixels = self.pixels.expand(torch.Size(batch_shape) + self.event_shape)
        return IndependentPixels(pixels, self._validate_args)

    def log_prob(self, value: Tensor) -> Float[Tensor, " ..."]:
        """Logarithm of the probability of whole images, in nats."""
        if self._validate_args:
            self._validate_sample(value)
        return self.pixels.log_prob(value).sum((-3, -2, -1))

    def sample(self, sample_shape: Shape = ()) -> UInt8[Tensor, "... channels height width"]:
        """Draw images."""
        return self.pixels.sample(sample_shape)

    @property
    def mean(self) -> Float[Tensor, "*batch channels height width"]:
        """The expected levels."""
        return self.pixels.mean

    @property
    def representative(self) -> UInt8[Tensor, "*batch channels height width"]:
        """The pixels' own representatives."""
        return self.pixels.representative

"""What every learned prior over maps of codes answers."""

from __future__ import annotations

from abc import ABC, abstractmethod

from jaxtyping import Float, Int64
from torch import Tensor, nn


class AutoregressivePrior(nn.Module, ABC):
    """A learned distribution of maps of codes: p(z) = ∏ p(z_i | z_1, …, z_{i−1}), places in raster order.

    Maps are whole numbers 0 … codes − 1, (batch, height, width). A prior may be one of classes, with `labels`, or one
    of codes given something known, with a `condition`, (batch, channels, rows, columns) of an image's size.
    """

    codes: int
    height: int
    width: int
    classes: int
    """How many classes `labels` are of; 0 for a prior that takes none."""
    conditioned: bool
    """Whether a `condition` is wanted."""

    @abstractmethod
    def log_prob(
        self,
        codes: Int64[Tensor, "batch height width"],
        labels: Int64[Tensor, " batch"] | None = None,
        condition: Float[Tensor, "batch channels rows columns"] | None = None,
    ) -> Float[Tensor, " batch"]:
        """Logarithm of the probability of whole maps, in nats."""

    @abstractmethod
    def sample(
        self,
        count: int,
        *,
        labels: Int64[Tensor, " count"] | None = None,
        condition: Float[Tensor, "count channels rows columns"] | None = None,
        temperature: float = 1.0,
    ) -> Int64[Tensor, "count height width"]:
        """Draw maps, from torch's random state. The temperature divides the logits; 0 takes the most probable code."""

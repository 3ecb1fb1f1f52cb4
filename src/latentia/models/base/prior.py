"""What every learned prior over maps of codes answers."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn

from latentia.errors import SettingError


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


class PriorOfClass(AutoregressivePrior):
    """One class of a prior of classes, as a prior that takes no labels; the two share their weights.

    Errors: SettingError where the prior has no classes, or no class of that number.
    """

    classes = 0

    def __init__(self, prior: AutoregressivePrior, label: int) -> None:
        super().__init__()
        if not prior.classes:
            raise SettingError(f"The prior has no classes, of which {label} could be one.")
        if not 0 <= label < prior.classes:
            raise SettingError(f"The prior has classes 0 to {prior.classes - 1}, and no class {label}.")
        self.prior, self.label = prior, label
        self.codes, self.height, self.width = prior.codes, prior.height, prior.width
        self.conditioned = prior.conditioned

    def log_prob(
        self,
        codes: Int64[Tensor, "batch height width"],
        labels: Int64[Tensor, " batch"] | None = None,
        condition: Float[Tensor, "batch channels rows columns"] | None = None,
    ) -> Float[Tensor, " batch"]:
        """Logarithm of the probability of whole maps of the class, in nats. Errors: SettingError where labels come."""
        return self.prior.log_prob(codes, labels=self._labels(len(codes), labels), condition=condition)

    def sample(
        self,
        count: int,
        *,
        labels: Int64[Tensor, " count"] | None = None,
        condition: Float[Tensor, "count channels rows columns"] | None = None,
        temperature: float = 1.0,
    ) -> Int64[Tensor, "count height width"]:
        """Draw maps of the class, as the prior does. Errors: SettingError where labels come."""
        given = self._labels(count, labels)
        return self.prior.sample(count, labels=given, condition=condition, temperature=temperature)

    def _labels(self, count: int, labels: Tensor | None) -> Int64[Tensor, " count"]:
        if labels is not None:
            raise SettingError(f"The prior is that of class {self.label} alone; it got labels.")
        return torch.full((count,), self.label, device=next(self.parameters()).device)

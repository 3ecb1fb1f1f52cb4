"""One free probability for each level."""

from __future__ import annotations

import torch
from jaxtyping import Float, UInt8
from torch import Tensor
from torch.distributions import Distribution, constraints

from latentia.distributions.pixels import PixelDistribution, Shape, at_least_float32, check_levels, draw_index


class CategoricalLevels(PixelDistribution):
    """Whole numbers 0 … levels − 1 with the probabilities softmax(logits), for logits of the shape (…, levels).

    Batch shape: (…); event shape: (). Unlike torch's `Categorical` it makes no normalised copy of the logits, which
    for 256 levels is the largest tensor of a model, and its draws are uint8. Computed in at least float32.
    Errors: ValueError for fewer than 2 or more than 256 levels.
    """

    arg_constraints = {"logits": constraints.real}  # noqa: RUF012, torch's own form

    def __init__(self, logits: Float[Tensor, "*batch levels"], validate_args: bool | None = None) -> None:
        check_levels(logits.shape[-1])
        self.logits, self.levels = at_least_float32(logits), logits.shape[-1]
        super().__init__(logits.shape[:-1], validate_args=validate_args)

    def expand(self, batch_shape: Shape, _instance: Distribution | None = None) -> CategoricalLevels:
        """Repeat along new or singleton dimensions of the batch, as torch's `expand`."""
        return CategoricalLevels(self.logits.expand(*batch_shape, self.levels), self._validate_args)

    def log_prob(self, value: Tensor) -> Float[Tensor, " ..."]:
        """Logarithm of the probability of whole numbers, in nats."""
        if self._validate_args:
            self._validate_sample(value)
        normalizer = self.logits.logsumexp(-1)
        shape = (value + normalizer).shape
        index = value.long().expand(shape).unsqueeze(-1)
        return self.logits.expand(*shape, self.levels).gather(-1, index).squeeze(-1) - normalizer

    def sample(self, sample_shape: Shape = ()) -> UInt8[Tensor, " ..."]:
        """Draw levels."""
        shape = self._extended_shape(torch.Size(sample_shape))
        with torch.no_grad():
            return draw_index(self.logits.expand(*shape, self.levels), -1).to(torch.uint8)

    @property
    def mean(self) -> Float[Tensor, "*batch"]:
        """The expected level."""
        levels = torch.arange(self.levels, dtype=self.logits.dtype, device=self.logits.device)
        return self.logits.softmax(-1) @ levels

    @property
    def representative(self) -> UInt8[Tensor, "*batch"]:
        """The most probable level."""
        return self.logits.argmax(-1).to(torch.uint8)

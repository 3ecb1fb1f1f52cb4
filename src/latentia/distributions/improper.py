"""The discretized logistic that the authors of thesis A used for Table 4.3, which is not a distribution."""

from __future__ import annotations

import torch
from jaxtyping import Float, UInt8
from torch import Tensor
from torch.distributions import Distribution

from latentia.distributions.logistic import Logistic
from latentia.distributions.pixels import PixelDistribution, Shape, check_levels


class ImproperDiscretizedLogistic(PixelDistribution):
    """log(P(x < y ≤ x + 1/levels) + 10⁻⁷) for the level v at x = v/(levels − 1) − 1/2, as in the authors' code.

    Erratum: the bins are open to one side of their value and the outer ones do not take the tails, so that these
    "probabilities" sum to less than 1: to 0.24 at scale 1, where the authors' training starts. Bits per dimension made
    with them, those of Table 4.3, cannot be compared with a proper density's. Use `Discretized(Logistic(…))` instead;
    this is here for that table alone.

    `base` is on the range −1/2 … 1/2; the authors hold its loc within half a level of both ends and learn one scale
    for all pixels. Batch shape: the base's; event shape: ().
    """

    arg_constraints = {}  # noqa: RUF012, torch's own form

    def __init__(self, base: Logistic, levels: int, validate_args: bool | None = None) -> None:
        check_levels(levels)
        self.base, self.levels = base, levels
        super().__init__(base.batch_shape, validate_args=validate_args)

    def expand(self, batch_shape: Shape, _instance: Distribution | None = None) -> ImproperDiscretizedLogistic:
        """Repeat along new or singleton dimensions of the batch, as torch's `expand`."""
        return ImproperDiscretizedLogistic(self.base.expand(batch_shape), self.levels, self._validate_args)

    def log_prob(self, value: Tensor) -> Float[Tensor, " ..."]:
        """Logarithm of what the authors take for the probability, in nats."""
        if self._validate_args:
            self._validate_sample(value)
        lower = value.to(self.base.loc.dtype) / (self.levels - 1) - 0.5
        mass = self.base.log_interval(lower, lower + 1 / self.levels).exp()
        return torch.log(mass + 1e-7)

    def sample(self, sample_shape: Shape = ()) -> UInt8[Tensor, " ..."]:
        """Draw from the base, and give the levels below; what lies outside the range goes to its ends."""
        return self._level(self.base.sample(sample_shape))

    @property
    def representative(self) -> UInt8[Tensor, "*batch"]:
        """The level next to the base's mean."""
        return self._level(self.base.mean + 0.5 / self.levels)

    def _level(self, values: Float[Tensor, "*shape"]) -> UInt8[Tensor, "*shape"]:
        return ((values + 0.5) * (self.levels - 1)).floor().clamp(0, self.levels - 1).to(torch.uint8)

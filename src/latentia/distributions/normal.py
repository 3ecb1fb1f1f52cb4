"""The normal distribution with logarithms of the probabilities of intervals."""

from __future__ import annotations

import math

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from latentia.distributions.pixels import Shape, at_least_float32

ROOT = math.sqrt(0.5)
TAIL = -1.0
"""Below it logarithms of Φ come from the scaled complement: Φ(x) = exp(−x²/2)·erfcx(−x/√2)/2."""


class Normal(torch.distributions.Normal):
    """torch's normal distribution, in at least float32, which also says how probable an interval is.

    Batch shape: that of loc and scale, broadcast; event shape: ().
    """

    def __init__(
        self,
        loc: Float[Tensor, " ..."],
        scale: Float[Tensor, " ..."],
        validate_args: bool | None = None,
    ) -> None:
        super().__init__(at_least_float32(loc), at_least_float32(scale), validate_args=validate_args)

    def expand(self, batch_shape: Shape, _instance: torch.distributions.Distribution | None = None) -> Normal:
        """Repeat along new or singleton dimensions of the batch, as torch's `expand`."""
        return Normal(self.loc.expand(batch_shape), self.scale.expand(batch_shape), self._validate_args)

    def log_interval(self, lower: Float[Tensor, " ..."], upper: Float[Tensor, " ..."]) -> Float[Tensor, " ..."]:
        """log P(lower < x ≤ upper) in nats; the ends may be infinite. Shapes broadcast.

        Value and gradient stay finite however far the interval lies from the mean, as long as the square of that
        distance, in scales, is a finite number.
        """
        from_below, to_above = lower.isneginf(), upper.isposinf()
        open_end = from_below | to_above
        u = (lower.masked_fill(from_below, 0.0) - self.loc) / self.scale
        w = (upper.masked_fill(to_above, 0.0) - self.loc) / self.scale
        width = (upper - lower).masked_fill(open_end, 1.0) / self.scale
        # Intervals above the mean are mirrored below it, where the distribution function Φ has exact logarithms.
        mirrored = to_above | (~from_below & (u + w > 0))
        u, w = torch.where(mirrored, -w, u), torch.where(mirrored, -u, w)
        # Where an end is open Φ(u) is 0; its place is taken by some finite number, so that no gradient is NaN.
        u = torch.where(open_end, w - width, u)
        below = torch.erf(u * ROOT).masked_fill(open_end, -1.0)
        central = torch.log(0.5 * (torch.erf(w.clamp(min=TAIL) * ROOT) - below))
        tail = _log_tail(u.clamp(max=TAIL), w.clamp(max=TAIL), width, open_end)
        return torch.where(w < TAIL, tail, central).masked_fill(from_below & to_above, 0.0)


def _log_tail(
    u: Float[Tensor, " ..."], w: Float[Tensor, " ..."], width: Float[Tensor, " ..."], open_end: Bool[Tensor, " ..."]
) -> Float[Tensor, " ..."]:
    """log(Φ(w) − Φ(u)) = log Φ(w) + log(1 − Φ(u)/Φ(w)), or log Φ(w) where the end is open.

    The ratio's logarithm has (w² − u²)/2 = width·(u + w)/2: no difference of large numbers that are nearly equal.
    """
    scaled_u, scaled_w = torch.special.erfcx(-u * ROOT), torch.special.erfcx(-w * ROOT)
    log_ratio = 0.5 * width * (u + w) + torch.log(scaled_u / scaled_w)
    rest = torch.log(-torch.expm1(log_ratio)).masked_fill(open_end, 0.0)
    return torch.log(0.5 * scaled_w) - 0.5 * w.square() + rest

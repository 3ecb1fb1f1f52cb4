"""The discretized mixture of logistics, with colours that follow each other within a pixel."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int64, UInt8
from torch import Tensor
from torch.distributions import Distribution, constraints

from latentia.distributions.discretized import bin_edges, nearest_level
from latentia.distributions.logistic import log_interval, logistic_noise
from latentia.distributions.pixels import ImageDistribution, Shape, at_least_float32, check_levels, draw_index


def coupled_pairs(channels: int) -> int:
    """How many coefficients couple each colour to those before it: 3 for RGB, 0 for grey."""
    return channels * (channels - 1) // 2


def _before(colour: int) -> slice:
    """Where the coefficients of a colour stand: R → G; R → B, G → B; …"""
    return slice(coupled_pairs(colour), coupled_pairs(colour + 1))


class LogisticMixture(ImageDistribution):
    """Each pixel is drawn from one of K components, and in it colour after colour from a discretized logistic.

    The mean of colour c in component k is loc[k, c] + Σ_{b<c} coefficient[k, b → c]·x_b, with the true values x_b of
    the earlier colours on the range −1 … 1. Table A.1, "DML" (Salimans et al. 2017); bins as in `Discretized`.

    Shapes: logits (…, components, height, width); loc and log_scale (…, components, channels, height, width);
    coefficients (…, components, channels·(channels − 1)/2, height, width), for RGB in the order R → G, R → B, G → B.
    Batch shape (…), event shape (channels, height, width). Computed in at least float32.
    Errors: ValueError for fewer than 2 or more than 256 levels.
    """

    arg_constraints = {  # noqa: RUF012, torch's own form
        "logits": constraints.real,
        "loc": constraints.real,
        "log_scale": constraints.real,
        "coefficients": constraints.real,
    }

    def __init__(
        self,
        logits: Float[Tensor, "*batch components height width"],
        loc: Float[Tensor, "*batch components channels height width"],
        log_scale: Float[Tensor, "*batch components channels height width"],
        coefficients: Float[Tensor, "*batch components pairs height width"],
        levels: int,
        validate_args: bool | None = None,
    ) -> None:
        check_levels(levels)
        self.logits, self.loc = at_least_float32(logits), at_least_float32(loc)
        self.log_scale, self.coefficients = at_least_float32(log_scale), at_least_float32(coefficients)
        self.levels = levels
        if coefficients.shape[-3] != coupled_pairs(loc.shape[-3]):
            raise ValueError(
                f"{loc.shape[-3]} channels are coupled by {coupled_pairs(loc.shape[-3])} coefficients; "
                f"there are {coefficients.shape[-3]}."
            )
        super().__init__(logits.shape[:-3], loc.shape[-3:], validate_args=validate_args)

    def expand(self, batch_shape: Shape, _instance: Distribution | None = None) -> LogisticMixture:
        """Repeat along new or singleton dimensions of the batch, as torch's `expand`."""
        return LogisticMixture(
            self.logits.expand(*batch_shape, *self.logits.shape[-3:]),
            self.loc.expand(*batch_shape, *self.loc.shape[-4:]),
            self.log_scale.expand(*batch_shape, *self.log_scale.shape[-4:]),
            self.coefficients.expand(*batch_shape, *self.coefficients.shape[-4:]),
            self.levels,
            self._validate_args,
        )

    def log_prob(self, value: Tensor) -> Float[Tensor, " ..."]:
        """Logarithm of the probability of whole images, in nats."""
        if self._validate_args:
            self._validate_sample(value)
        levels = value.to(self.loc.dtype).unsqueeze(-4)
        lower, upper = bin_edges(levels, self.levels)
        means = self._means(levels * (2 / (self.levels - 1)) - 1)
        given_component = log_interval(lower, upper, means, torch.exp(-self.log_scale)).sum(-3)
        per_pixel = torch.logsumexp(given_component + self.logits, -3) - torch.logsumexp(self.logits, -3)
        return per_pixel.sum((-2, -1))

    def sample(self, sample_shape: Shape = ()) -> UInt8[Tensor, "... channels height width"]:
        """Draw images: a component for each pixel, then its colours in their order."""
        with torch.no_grad():
            shape = self._extended_shape(torch.Size(sample_shape))
            component = draw_index(self.logits.expand(*shape[:-3], *self.logits.shape[-3:]), -3)
            return self._colours(component, logistic_noise(shape, self.loc))

    @property
    def representative(self) -> UInt8[Tensor, "*batch channels height width"]:
        """The mean of each pixel's most probable component, rounded to a level (thesis A, Figure 4.8)."""
        return self._colours(self.logits.argmax(-3), torch.zeros_like(self.loc[..., 0, :, :, :]))

    def _means(self, images: Float[Tensor, " ..."]) -> Float[Tensor, " ..."]:
        """Means of all colours in all components, given images (…, 1, channels, height, width) on −1 … 1."""
        if self.event_shape[0] == 1:
            return self.loc
        first, *others = torch.split(self.loc, 1, -3)
        shifted = [
            loc + (self.coefficients[..., _before(colour), :, :] * images[..., :colour, :, :]).sum(-3, keepdim=True)
            for colour, loc in enumerate(others, start=1)
        ]
        return torch.cat([first.expand_as(shifted[0]), *shifted], -3)

    def _colours(
        self, component: Int64[Tensor, "*batch height width"], noise: Float[Tensor, "*batch channels height width"]
    ) -> UInt8[Tensor, "*batch channels height width"]:
        """Go through the colours of the given components, with given standard noise."""

        def choose(parameters: Tensor) -> Tensor:
            shape = (*component.shape[:-2], *parameters.shape[-4:])
            index = component[..., None, None, :, :].expand(*shape[:-4], 1, *shape[-3:])
            return parameters.expand(shape).gather(-4, index).squeeze(-4)

        loc, log_scale, coefficients = choose(self.loc), choose(self.log_scale), choose(self.coefficients)
        residual = noise * log_scale.exp()
        drawn: list[Tensor] = []
        for colour in range(self.event_shape[0]):
            value = loc[..., colour, :, :] + residual[..., colour, :, :]
            if drawn:
                earlier = torch.stack(drawn, -3).to(loc.dtype) * (2 / (self.levels - 1)) - 1
                value = value + (coefficients[..., _before(colour), :, :] * earlier).sum(-3)
            drawn.append(nearest_level(value, self.levels))
        return torch.stack(drawn, -3)

"""A hierarchy of Gaussians whose every density is known in closed form, to test against.

Each number of the image has a chain of its own: z_L ~ N(loc, 1), z_l ~ N(z_{l+1}, s²), y ~ N(z_1, s²); the image
tells in which bin y lies. So y given z_l is Gaussian with variance l·s², and p(x | z_l) and p(x) are differences of
two distribution functions.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn
from torch.distributions import Normal, kl_divergence

from latentia.distributions import ImageDistribution
from latentia.images import ImageFormat
from latentia.models.base import Generation, Inference, LatentVariableModel

REACH = 2.0
"""The bins cover −REACH … REACH evenly; the outer two take the tails."""


class BinnedNormal(ImageDistribution):
    """Whole numbers 0 … levels − 1: the bin in which a normal variable lies. Events have three axes."""

    arg_constraints = {}  # noqa: RUF012 (torch's own convention)

    def __init__(self, loc: Float[Tensor, "batch channels height width"], scale: float, levels: int) -> None:
        super().__init__(loc.shape[:1], loc.shape[1:], validate_args=False)
        self.normal = Normal(loc, scale)
        self.levels = levels

    @property
    def inner_edges(self) -> Float[Tensor, " edges"]:
        return torch.linspace(-REACH, REACH, self.levels + 1, dtype=self.normal.loc.dtype)[1:-1]

    @property
    def representative(self) -> UInt8[Tensor, "batch channels height width"]:
        return torch.bucketize(self.normal.loc, self.inner_edges).to(torch.uint8)

    def sample(self, sample_shape: torch.Size = torch.Size()) -> Tensor:  # noqa: B008 (torch's own signature)
        return torch.bucketize(self.normal.sample(sample_shape), self.inner_edges).to(torch.uint8)

    def below(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Distribution function at the lower and the upper edge of each bin."""
        inner = self.inner_edges
        whole = torch.cat([inner.new_tensor([-math.inf]), inner, inner.new_tensor([math.inf])])
        return self.normal.cdf(whole[images.long()]), self.normal.cdf(whole[images.long() + 1])

    def log_prob(self, value: Tensor) -> Tensor:
        lower, upper = self.below(value)
        return (upper - lower).log().flatten(-3).sum(-1)


class LinearGaussian(LatentVariableModel):
    """The chain as a model.

    With `exact`, latent variables are drawn from the true posterior: y from its bin, then the chain given y. Else y
    is taken to lie in the middle of its bin, and the posterior of a Gaussian chain is widened by `widening`.
    """

    def __init__(
        self, image_format: ImageFormat, *, layers: int = 2, exact: bool = True, widening: float = 1.0
    ) -> None:
        super().__init__()
        self.image_format = image_format
        self.layers = layers
        self.exact = exact
        self.widening = widening
        self.variance = 0.3
        self.loc = nn.Parameter(torch.tensor(0.2, dtype=torch.float64))

    @property
    def latent_shapes(self) -> tuple[tuple[int, ...], ...]:
        return (self.image_format.shape,) * self.layers

    def pixels(self, loc: Tensor, variance: float) -> BinnedNormal:
        return BinnedNormal(loc, math.sqrt(variance), self.image_format.levels)

    def log_evidence(self, images: Tensor) -> Tensor:
        """log p(x), exactly."""
        loc = self.loc.expand(images.shape)
        return self.pixels(loc, 1 + self.layers * self.variance).log_prob(images)

    def prior(self, above: Tensor | None, shape: torch.Size) -> Normal:
        if above is None:
            return Normal(self.loc.expand(shape), 1.0)
        return Normal(above, math.sqrt(self.variance))

    def posterior(self, prior: Normal, y: Tensor, below: int) -> Normal:
        """Of the layer that is `below` steps above y, given y."""
        weight = prior.variance / (prior.variance + below * self.variance)
        scale = (weight * below * self.variance).sqrt()
        return Normal(prior.loc + weight * (y - prior.loc), scale if self.exact else self.widening * scale)

    def infer(self, images: Tensor) -> Inference:
        y = self.draw_y(images) if self.exact else self.middle(images)
        latents: list[Tensor] = []
        posteriors, priors, divergences = [], [], []
        evidence = self.log_evidence(images)
        for below in range(self.layers, 0, -1):
            prior = self.prior(latents[-1] if latents else None, images.shape)
            posterior = self.posterior(prior, y, below)
            latents.append(posterior.rsample())
            priors.append(prior.log_prob(latents[-1]).flatten(1).sum(1))
            if self.exact:
                # Without y: q(z_l | z_{l+1}, x) = p(z_l | z_{l+1}) · p(x | z_l) / p(x | z_{l+1}).
                known = self.pixels(latents[-1], below * self.variance).log_prob(images)
                posteriors.append(priors[-1] + known - evidence)
                divergences.append(known - evidence)
                evidence = known
            else:
                posteriors.append(posterior.log_prob(latents[-1]).flatten(1).sum(1))
                divergences.append(kl_divergence(posterior, prior).flatten(1).sum(1))
        return Inference(
            latents=tuple(latents),
            log_posterior=torch.stack(posteriors, 1),
            log_prior=torch.stack(priors, 1),
            divergence=torch.stack(divergences, 1),
            likelihood=self.pixels(latents[-1], self.variance),
        )

    def generate(self, count: int, given: Sequence[Tensor] = (), temperature: float = 1.0) -> Generation:
        latents = list(given)
        for _ in range(len(given), self.layers):
            prior = self.prior(latents[-1] if latents else None, torch.Size([count, *self.image_format.shape]))
            latents.append(prior.loc + temperature * prior.scale * torch.randn_like(prior.loc))
        return Generation(latents=tuple(latents), likelihood=self.pixels(latents[-1], self.variance))

    def draw_y(self, images: Tensor) -> Tensor:
        """Draw y given its bin, by the inverse of the distribution function."""
        marginal = self.pixels(self.loc.expand(images.shape), 1 + self.layers * self.variance)
        lower, upper = marginal.below(images)
        return marginal.normal.icdf(lower + (upper - lower) * torch.rand_like(lower))

    def middle(self, images: Tensor) -> Tensor:
        return ((images.double() + 0.5) / self.image_format.levels * 2 - 1) * REACH


def some_images(image_format: ImageFormat, count: int, seed: int = 0) -> Tensor:
    """Give images of that format, uint8."""
    generator = torch.Generator().manual_seed(seed)
    shape = (count, *image_format.shape)
    return torch.randint(image_format.levels, shape, generator=generator, dtype=torch.uint8)

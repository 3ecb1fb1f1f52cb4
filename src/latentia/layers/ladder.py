"""The two halves of a ladder's rung: a block on the way up, and the block beside it on the way down.

Source: thesis A, Figures 4.4 and 4.5; Kingma et al. 2016.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor, cat, nn, split
from torch.nn import functional

from latentia.distributions.gaussian import DiagonalGaussian
from latentia.layers.autoregressive_flow import InverseAutoregressiveFlow, MaskedConvolutionNetwork
from latentia.layers.residual import convolution, gated_residual, resize_nearest

MakeLayer = Callable[[int, int], nn.Module]
"""Makes a layer from its numbers of input and output channels."""


@dataclass(frozen=True, kw_only=True)
class RungChannels:
    """Channels of a rung: deterministic, of its latent variable, and of the flow's context (0: no flow)."""

    deterministic: int
    latent: int
    context: int

    @property
    def posterior(self) -> int:
        """Mean, log-variance and context."""
        return 2 * self.latent + self.context

    @property
    def prior(self) -> int:
        """Mean and log-variance."""
        return 2 * self.latent


@dataclass(frozen=True, kw_only=True)
class Upward:
    """What a block on the way up hands on: to the next block, and across to its neighbour on the way down."""

    output: Float[Tensor, "batch channels rows columns"] | None
    """None from the topmost block, above which there is nothing."""
    evidence: Float[Tensor, "batch posterior height width"]


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """What a block on the way down hands on: to the next block, and its latent variable with what it is worth, in nats.

    Where the draw comes from the prior, `log_posterior` and `divergence` are None.
    """

    output: Float[Tensor, "batch channels height width"]
    latent: Float[Tensor, "batch latent rows columns"]
    log_prior: Float[Tensor, " batch"] | None = None
    log_posterior: Float[Tensor, " batch"] | None = None
    divergence: Float[Tensor, " batch"] | None = None


@dataclass(frozen=True, kw_only=True)
class _Opened:
    """The first layer's output on the way down, cut into its parts."""

    deterministic: Float[Tensor, "batch channels height width"]
    posterior: Float[Tensor, "batch posterior height width"]
    prior: DiagonalGaussian


class UpBlock(nn.Module):
    """ELU – convolution – ELU – convolution with a gated residual; the first one also says what it saw (evidence).

    Shapes: (batch, channels, height, width) → the same, or half of height and width with `stride` 2. The `topmost`
    block only says what it saw.
    """

    def __init__(self, channels: RungChannels, *, stride: int = 1, topmost: bool = False) -> None:
        super().__init__()
        self._parts = [0 if topmost else channels.deterministic, channels.posterior]
        self.first = convolution(channels.deterministic, sum(self._parts), stride=stride)
        self.second = None if topmost else convolution(channels.deterministic, 2 * channels.deterministic)

    def forward(self, x: Float[Tensor, "batch channels height width"]) -> Upward:
        """Go one rung up."""
        hidden, evidence = self.first(functional.elu(x)).split(self._parts, 1)
        if self.second is None:
            return Upward(output=None, evidence=evidence)
        update = self.second(functional.elu(hidden))
        return Upward(output=gated_residual(resize_nearest(x, update), update), evidence=evidence)


class DownBlock(nn.Module):
    """One rung down: prior and posterior of a latent variable, a draw, and a gated residual that takes it in.

    `first` and `second` make the two layers from their channels: convolutions (IAF-VAE+) or residual spatial
    dependency layers (SDN-VAE); the second one up-samples where the way up has down-sampled.
    Shapes: (batch, channels, height, width) → the same, or twice the height and width.
    """

    def __init__(self, channels: RungChannels, *, first: MakeLayer, second: MakeLayer) -> None:
        super().__init__()
        self._parts = [channels.deterministic, channels.posterior, channels.prior]
        self._posterior_parts = [channels.prior, channels.context]
        self.first = first(channels.deterministic, sum(self._parts))
        self.second = second(channels.latent + channels.deterministic, 2 * channels.deterministic)
        self.flow = (
            InverseAutoregressiveFlow(MaskedConvolutionNetwork(channels.latent, channels.context))
            if channels.context
            else None
        )

    def forward(
        self,
        x: Float[Tensor, "batch channels height width"],
        evidence: Float[Tensor, "batch posterior height width"],
    ) -> Drawn:
        """Draw from the posterior, whose parameters are the sum of what both directions say."""
        opened = self._open(x)
        parameters, context = split(opened.posterior + evidence, self._posterior_parts, 1)
        posterior = DiagonalGaussian.from_map(parameters)
        latent = posterior.rsample()
        log_posterior = posterior.log_prob(latent)
        if self.flow is not None:
            transformed = self.flow(latent, context)
            latent, log_posterior = transformed.value, log_posterior - transformed.log_determinant
        log_prior = opened.prior.log_prob(latent)
        divergence = posterior.divergence(opened.prior) if self.flow is None else log_posterior - log_prior
        return Drawn(
            output=self._close(x, opened, latent),
            latent=latent,
            log_prior=log_prior,
            log_posterior=log_posterior,
            divergence=divergence,
        )

    def generate(
        self,
        x: Float[Tensor, "batch channels height width"],
        *,
        given: Float[Tensor, "batch latent height width"] | None = None,
        temperature: float = 1.0,
    ) -> Drawn:
        """Take the latent variable that is given, or draw it from the prior with its scale times `temperature`."""
        opened = self._open(x)
        if given is None:
            given = opened.prior.at(temperature).rsample()
        return Drawn(output=self._close(x, opened, given), latent=given)

    def _open(self, x: Float[Tensor, "batch channels height width"]) -> _Opened:
        deterministic, posterior, prior = self.first(functional.elu(x)).split(self._parts, 1)
        return _Opened(deterministic=deterministic, posterior=posterior, prior=DiagonalGaussian.from_map(prior))

    def _close(
        self,
        x: Float[Tensor, "batch channels height width"],
        opened: _Opened,
        latent: Float[Tensor, "batch latent height width"],
    ) -> Float[Tensor, "batch channels rows columns"]:
        joined = cat([latent.to(opened.deterministic.dtype), opened.deterministic], 1)
        update = self.second(functional.elu(joined))
        return gated_residual(resize_nearest(x, update), update)

"""Inverse autoregressive flow: a posterior more flexible than a diagonal Gaussian, with a density that stays exact."""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from latentia.layers.masked_convolution import MaskedConvolution


@dataclass(frozen=True, kw_only=True)
class Transformed:
    """A transformed variable, and log |det ∂value/∂input| per example in nats."""

    value: Float[Tensor, "batch channels height width"]
    log_determinant: Float[Tensor, " batch"]


class MaskedConvolutionNetwork(nn.Module):
    """Shift m and log-scale s of a flow: three masked 3×3 convolutions, ELU between them, with a context added.

    Shapes: z (batch, latent_channels, height, width) and context (batch, context_channels, height, width) →
    two maps of z's shape; at each place they depend on what comes before it in z, and on all of the context.
    Source: Table A.1 ("context and number of CNN filters both of size 100").
    """

    def __init__(self, latent_channels: int, context_channels: int) -> None:
        super().__init__()
        ranks = latent_channels
        self.first = MaskedConvolution(latent_channels, context_channels, ranks=ranks, inclusive=False)
        self.second = MaskedConvolution(context_channels, context_channels, ranks=ranks, inclusive=True)
        self.shift = MaskedConvolution(context_channels, latent_channels, ranks=ranks, inclusive=True)
        self.log_scale = MaskedConvolution(context_channels, latent_channels, ranks=ranks, inclusive=True)

    def forward(
        self, z: Float[Tensor, "batch latent height width"], context: Float[Tensor, "batch context height width"]
    ) -> tuple[Float[Tensor, "batch latent height width"], Float[Tensor, "batch latent height width"]]:
        """Give m and s."""
        hidden = functional.elu(self.first(z) + context)
        hidden = functional.elu(self.second(hidden))
        return self.shift(hidden), self.log_scale(hidden)


class InverseAutoregressiveFlow(nn.Module):
    """One step z' = (z − 0.1·m) / exp(0.1·s), where m and s come from an autoregressive network of z and a context.

    The factor 0.1 keeps the step close to the identity at the start (Kingma et al. 2016; thesis A, 4.2.1).
    """

    STRENGTH = 0.1

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(
        self, z: Float[Tensor, "batch latent height width"], context: Float[Tensor, "batch context height width"]
    ) -> Transformed:
        """Transform z; its Jacobian is triangular, so that the determinant is that of the diagonal."""
        shift, log_scale = (self.STRENGTH * part.to(z.dtype) for part in self.network(z, context))
        value = (z - shift) * (-log_scale).exp()
        return Transformed(value=value, log_determinant=-log_scale.flatten(1).sum(1))

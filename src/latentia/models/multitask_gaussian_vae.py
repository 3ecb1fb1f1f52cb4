"""The Gaussian VAE of thesis B: with one decoder, with two, or with a single one that may know pixels."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

import torch
from jaxtyping import Float, Integer
from torch import Tensor, nn

from latentia.distributions import DiagonalGaussian
from latentia.errors import SettingError
from latentia.images import ImageFormat
from latentia.layers.condition import ConditionalDecoder, ConditionName, ConvolutionalMerge, FlatMerge
from latentia.layers.strided import channels_last, down, halving_strides, up
from latentia.models.base import Decoders, Inference, Latent, MultitaskModel


@dataclass(frozen=True, kw_only=True)
class MultitaskGaussianVAEConfig:
    """Size of a Gaussian VAE of thesis B 3.4.2: configuration 1 has 16 latent variables, configuration 2 has 64."""

    latent_size: int = 16
    widths: tuple[int, ...] = (32, 64, 128, 256)
    """Channels of the encoder's convolutions; the decoders mirror them."""
    decoders: Decoders = "plain"
    condition: ConditionName = "flat"

    def __post_init__(self) -> None:
        if not self.widths or min(self.widths) < 1:
            raise SettingError(f"widths must be one number or several, each 1 or more; it is {list(self.widths)}.")
        if self.latent_size < 1:
            raise SettingError(f"latent_size must be 1 or more; it is {self.latent_size}.")

    def build(self, image_format: ImageFormat) -> MultitaskGaussianVAE:
        """Make the model for images of a format, with fresh weights drawn from torch's random state."""
        return MultitaskGaussianVAE(self, image_format)


class MultitaskGaussianVAE(MultitaskModel):
    """q(z | x) and p(z) are diagonal Gaussians; a decoder gives the mean of a Gaussian with constant variance.

    Thesis B 2.1.2, 3.2.2, 3.3.2 and 3.4.2. Encoder: 3×3 convolution – batch norm – leaky ReLU for each width, with
    stride 2 while both sides of the map are even, and a linear layer to mean and log-variance. Decoder: a linear layer
    of z, or of z and the known pixels, – ReLU – batch norm, the mirrored transposed convolutions, a 3×3 convolution.
    """

    def __init__(self, config: MultitaskGaussianVAEConfig, image_format: ImageFormat) -> None:
        super().__init__()
        self.config = config
        self.image_format = image_format
        self.decoders = config.decoders
        self.error_weight = float(image_format.dimensions)
        self.codebook_size = None
        strides, size = halving_strides(image_format.height, image_format.width, len(config.widths))
        inputs = (image_format.channels, *config.widths[:-1])
        self.encoder = nn.Sequential(
            *(down(*sizes) for sizes in zip(inputs, config.widths, strides, strict=True)),
            nn.Flatten(),
            nn.Linear(config.widths[-1] * prod(size), 2 * config.latent_size),
        )
        self.decoder = None if config.decoders == "single" else _decoder(config, image_format, conditioned=False)
        self.conditioned_decoder = (
            None if config.decoders == "plain" else _decoder(config, image_format, conditioned=True)
        )

    @property
    def latent_shapes(self) -> tuple[tuple[int, ...], ...]:
        """One layer: (latent_size,)."""
        return ((self.config.latent_size,),)

    @property
    def has_prior(self) -> bool:
        """It is a standard normal distribution from the start."""
        return True

    def posterior(self, values: Float[Tensor, "batch channels height width"]) -> DiagonalGaussian:
        """Give q(z | x). Errors: SettingError in training for a single image."""
        if self.training and len(values) < 2:
            raise SettingError(
                f"A Gaussian VAE is trained on 2 or more images at a time, over which batch norm takes its means; "
                f"the batch, or a micro-batch of it, has {len(values)}."
            )
        return DiagonalGaussian.from_map(self.encoder(channels_last(values)))

    def encode(self, values: Float[Tensor, "batch channels height width"]) -> Latent:
        """Draw z from the posterior; the cost is its divergence from the prior, in nats."""
        posterior = self.posterior(values)
        return Latent(values=posterior.rsample(), cost=posterior.divergence(self._prior(len(values))))

    def infer(self, images: Integer[Tensor, "batch channels height width"]) -> Inference:
        """Draw z from the posterior, q(z | x). Errors: DataError for images of another format."""
        posterior, prior = self.posterior(self.shares(images)), self._prior(len(images))
        latent = posterior.rsample()
        return Inference(
            latents=(latent,),
            log_posterior=posterior.log_prob(latent)[:, None],
            log_prior=prior.log_prob(latent)[:, None],
            divergence=posterior.divergence(prior)[:, None],
            likelihood=self.distribution(self.decode(latent)),
        )

    def draw_latent(
        self,
        count: int,
        temperature: float = 1.0,
        condition: Float[Tensor, "count conditions height width"] | None = None,
    ) -> Float[Tensor, " count *latent"]:
        """Draw z from the prior, at `temperature` times its standard deviation; it does not go by known pixels."""
        return self._prior(count).at(temperature).rsample()

    def _prior(self, count: int) -> DiagonalGaussian:
        weights = next(self.parameters())
        zeros = torch.zeros(
            count,
            self.config.latent_size,
            dtype=torch.promote_types(weights.dtype, torch.float32),
            device=weights.device,
        )
        return DiagonalGaussian(zeros, zeros)


def _decoder(config: MultitaskGaussianVAEConfig, image_format: ImageFormat, *, conditioned: bool) -> ConditionalDecoder:
    widths = config.widths
    strides, size = halving_strides(image_format.height, image_format.width, len(widths))
    map_shape, known = (widths[-1], *size), (image_format.channels + 1, image_format.height, image_format.width)
    flat = conditioned and config.condition == "flat"
    after = nn.Sequential(nn.ReLU(), nn.BatchNorm1d(prod(map_shape)))
    enter: nn.Module = FlatMerge((config.latent_size,), known if flat else None, map_shape, after)
    if conditioned and not flat:
        enter = ConvolutionalMerge(enter, known, map_shape)
    sizes = zip(widths[::-1], (*widths[-2::-1], widths[0]), strides[::-1], strict=True)
    body = nn.Sequential(*(up(*one) for one in sizes), nn.Conv2d(widths[0], image_format.channels, 3, padding=1))
    return ConditionalDecoder(enter, body)

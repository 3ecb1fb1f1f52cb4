"""A VAE without hierarchy: one vector of Gaussian latent variables between a convolutional encoder and decoder."""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Float, Integer
from torch import Tensor, nn

from latentia.distributions import DiagonalGaussian, ImageDistribution
from latentia.errors import SettingError
from latentia.images import ImageFormat, to_unit_range
from latentia.layers.strided import channels_last, down, halving_strides, up
from latentia.models.base import GaussianLatentModel
from latentia.models.observations import ObservationName, choose_observation


@dataclass(frozen=True, kw_only=True)
class GaussianVAEConfig:
    """Size of a Gaussian VAE. The widths are thesis B's."""

    widths: tuple[int, ...] = (32, 64, 128, 256)
    """Channels of the encoder's convolutions; the decoder mirrors them."""
    latent_size: int = 64
    observation: ObservationName = "logistic_mixture"
    components: int = 5
    """Components of the mixture of logistics."""

    def __post_init__(self) -> None:
        if not self.widths or min(self.widths) < 1:
            raise SettingError(f"widths must be one number or several, each 1 or more; it is {list(self.widths)}.")
        for name in ("latent_size", "components"):
            if getattr(self, name) < 1:
                raise SettingError(f"{name} must be 1 or more; it is {getattr(self, name)}.")

    def build(self, image_format: ImageFormat) -> GaussianVAE:
        """Make the model for images of a format, with fresh weights drawn from torch's random state."""
        return GaussianVAE(self, image_format)


class GaussianVAE(GaussianLatentModel):
    """q(z | x) and p(z) are diagonal Gaussians, the divergence between them is in closed form.

    Encoder: 3×3 convolution – batch norm – leaky ReLU for each width, with stride 2 while both sides of the map are
    even. Decoder: linear – ReLU – batch norm, the mirrored transposed convolutions, and a convolution to the parameters
    of the observation model (thesis B; for images of 28×28 the strides are 2, 2, 1, 1).
    """

    def __init__(self, config: GaussianVAEConfig, image_format: ImageFormat) -> None:
        super().__init__()
        self.config = config
        self.image_format = image_format
        self.observation = choose_observation(config.observation, image_format, config.components)
        strides, size = halving_strides(image_format.height, image_format.width, len(config.widths))
        self._map = (config.widths[-1], *size)
        features = self._map[0] * size[0] * size[1]
        inputs = (image_format.channels, *config.widths[:-1])
        self.encoder = nn.Sequential(
            *(down(*sizes) for sizes in zip(inputs, config.widths, strides, strict=True)),
            nn.Flatten(),
            nn.Linear(features, 2 * config.latent_size),
        )
        outputs = (*config.widths[-2::-1], config.widths[0])
        self.expand = nn.Sequential(nn.Linear(config.latent_size, features), nn.ReLU(), nn.BatchNorm1d(features))
        self.decoder = nn.Sequential(
            *(up(*sizes) for sizes in zip(config.widths[::-1], outputs, strides[::-1], strict=True)),
            nn.Conv2d(config.widths[0], self.observation.channels, 3, padding=1),
        )

    @property
    def latent_size(self) -> int:
        """Dimensions of z."""
        return self.config.latent_size

    def posterior(self, images: Integer[Tensor, "batch channels height width"]) -> DiagonalGaussian:
        """Give q(z | x).

        Errors: DataError for images of another format; SettingError in training for a single image.
        """
        self.check(images)
        if self.training and len(images) < 2:
            raise SettingError(
                f"A Gaussian VAE is trained on 2 or more images at a time, over which batch norm takes its means; "
                f"the batch, or a micro-batch of it, has {len(images)}."
            )
        scaled = to_unit_range(images, self.image_format.levels).to(next(self.parameters()).dtype)
        return DiagonalGaussian.from_map(self.encoder(channels_last(scaled)))

    def likelihood(self, latent: Float[Tensor, "batch latent"]) -> ImageDistribution:
        """Give p(x | z)."""
        return self.observation(self.decoder(channels_last(self.expand(latent).unflatten(1, self._map))))

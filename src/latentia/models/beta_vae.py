"""The β-VAE of thesis A, 4.3.2, with a convolutional decoder (Table A.5) or one with a spatial dependency layer (A.6).

β is a matter of training (`DensityTraining.beta`): the model is a plain VAE whose few latent dimensions may each come
to stand for one factor of variation.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float, Integer
from torch import Tensor, nn

from latentia.distributions import DiagonalGaussian, ImageDistribution, LogisticPixels
from latentia.errors import SettingError
from latentia.images import ImageFormat, to_unit_range
from latentia.layers.spatial_dependency import AlternatingDirections, SpatialDependency
from latentia.layers.strided import channels_last, double
from latentia.models.base import GaussianLatentModel

SIDE = 64
"""The tables' four strides lead from 64×64 to 4×4, and no other size."""
HIDDEN = 256
"""Units of the dense layers, and channels of the map that the decoder begins with."""
MAP = (HIDDEN, 4, 4)
DecoderName = Literal["convolutions", "sdn"]


@dataclass(frozen=True, kw_only=True)
class BetaVAEConfig:
    """Which decoder a β-VAE has. Everything else is the thesis' (Tables A.4–A.6), but where the scale starts."""

    decoder: DecoderName = "convolutions"
    latent_size: int = 10
    sdn_features: int = 200
    """Channels of the spatial dependency layer's corrections, where the decoder has one."""
    sdn_directions: int = 1
    first_log_scale: float = 0.0
    """Where the one log-scale of the likelihood starts, on the range −1 … 1. It learns by about the learning rate per
    step, so that a short training wants a start near its end."""

    def __post_init__(self) -> None:
        for name in ("latent_size", "sdn_features"):
            if getattr(self, name) < 1:
                raise SettingError(f"{name} must be 1 or more; it is {getattr(self, name)}.")
        AlternatingDirections().take(self.sdn_directions)  # which checks their number

    def build(self, image_format: ImageFormat) -> BetaVAE:
        """Make the model for images of a format, with fresh weights drawn from torch's random state.

        Errors: SettingError where images are not 64×64.
        """
        return BetaVAE(self, image_format)


class BetaVAE(GaussianLatentModel):
    """q(z | x) and p(z) are diagonal Gaussians; each value has a discretized logistic, and all share one log-scale.

    The encoder is of four 4×4 convolutions of stride 2 and two dense layers. The decoder mirrors it; with `sdn`, the
    step from 16×16 to 32×32 is one spatial dependency layer without a residual path in place of the convolution.

    Errors: SettingError where images are not 64×64.
    """

    def __init__(self, config: BetaVAEConfig, image_format: ImageFormat) -> None:
        super().__init__()
        if (image_format.height, image_format.width) != (SIDE, SIDE):
            raise SettingError(f"A β-VAE is for images of {SIDE}×{SIDE}; these are of {image_format}.")
        self.config = config
        self.image_format = image_format
        self.observation = LogisticPixels(image_channels=image_format.channels, levels=image_format.levels)
        self.log_scale = nn.Parameter(torch.tensor(float(config.first_log_scale)))
        self.encoder = nn.Sequential(
            *(_halve(*channels) for channels in ((image_format.channels, 32), (32, 32), (32, 64), (64, 64))),
            nn.Flatten(),
            nn.Linear(64 * 4 * 4, HIDDEN),
            nn.ReLU(),
            nn.Linear(HIDDEN, 2 * config.latent_size),
        )
        self.expand = nn.Sequential(
            nn.Linear(config.latent_size, HIDDEN),
            nn.ReLU(),
            nn.Linear(HIDDEN, MAP[0] * MAP[1] * MAP[2]),
            nn.ReLU(),
            nn.Unflatten(1, MAP),
        )
        self.decoder = nn.Sequential(
            *(double(HIDDEN, 64), nn.ReLU(), double(64, 32), nn.ReLU()),
            *_to_scale_32(config),
            double(32, image_format.channels),
        )

    @property
    def latent_size(self) -> int:
        """Dimensions of z."""
        return self.config.latent_size

    def posterior(self, images: Integer[Tensor, "batch channels height width"]) -> DiagonalGaussian:
        """Give q(z | x). Errors: DataError for images of another format."""
        self.check(images)
        scaled = to_unit_range(images, self.image_format.levels).to(self.log_scale.dtype)
        return DiagonalGaussian.from_map(self.encoder(channels_last(scaled)))

    def likelihood(self, latent: Float[Tensor, "batch latent"]) -> ImageDistribution:
        """Give p(x | z)."""
        loc = self.decoder(channels_last(self.expand(latent)))
        return self.observation(torch.cat([loc, self.log_scale.to(loc.dtype).expand_as(loc)], 1))


def _halve(inputs: int, outputs: int) -> nn.Module:
    return nn.Sequential(nn.Conv2d(inputs, outputs, 4, stride=2, padding=1), nn.ReLU())


def _to_scale_32(config: BetaVAEConfig) -> list[nn.Module]:
    """Make the layers from 16×16 to 32×32, the only ones in which the decoders differ."""
    if config.decoder == "convolutions":
        return [double(32, 32), nn.ReLU()]
    directions = AlternatingDirections().take(config.sdn_directions)
    return [SpatialDependency(32, 32, features=config.sdn_features, directions=directions, upsample=True)]

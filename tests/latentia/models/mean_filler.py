"""A multitask model whose every answer is known: the latent variable is an image's mean, with noise."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from latentia.distributions import ImageDistribution
from latentia.images import ImageFormat
from latentia.models.base import Decoders, Inference, Latent, MultitaskModel

NOISE = 0.01


class MeanFiller(MultitaskModel):
    """Alone, z gives an even image; with known pixels, these and z elsewhere. The prior of z is N(½, ¼²)."""

    def __init__(self, image_format: ImageFormat, decoders: Decoders = "multi", dtype: torch.dtype = torch.float32):
        super().__init__()
        self.image_format = image_format
        self.decoders = decoders
        self.error_weight = 1.0
        self.codebook_size = None
        self.shift = nn.Parameter(torch.zeros((), dtype=dtype))
        self.decoder = None
        self.conditioned_decoder = None
        self.conditions: list[Tensor] = []
        """What draws from the prior were given."""

    @property
    def latent_shapes(self) -> tuple[tuple[int, ...], ...]:
        return ((1,),)

    @property
    def has_prior(self) -> bool:
        return True

    def infer(self, images: Tensor) -> Inference:
        raise NotImplementedError

    def distribution(self, values: Tensor) -> ImageDistribution:
        raise NotImplementedError

    def encode(self, values: Tensor) -> Latent:
        mean = values.flatten(1).mean(1, keepdim=True)
        return Latent(values=mean + NOISE * torch.randn_like(mean), cost=torch.zeros_like(mean[:, 0]))

    def draw_latent(self, count: int, temperature: float = 1.0, condition: Tensor | None = None) -> Tensor:
        assert condition is not None and len(condition) == count
        self.conditions.append(condition)
        return 0.5 + temperature * 0.25 * torch.randn(count, 1, dtype=self.shift.dtype)

    def decode(self, latent: Tensor) -> Tensor:
        return latent[:, :, None, None].expand(-1, *self.image_format.shape) + self.shift

    def decode_given(self, latent: Tensor, condition: Tensor) -> Tensor:
        return torch.where(condition[:, -1:] > 0, condition[:, :-1], self.decode(latent))

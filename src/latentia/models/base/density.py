"""What every latent-variable model of images answers.

Latent variables come in layers, top first: z_L, …, z_1 in thesis A's eq. 4.3. A model without a hierarchy has one
layer. The distribution of a layer depends on what was drawn above it, so a model answers with draws and with what
these draws are worth under posterior and prior, rather than with a list of distributions (decision 8).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Integer
from torch import Tensor, nn

from latentia.distributions import ImageDistribution
from latentia.errors import DataError, SettingError
from latentia.images import ImageFormat


@dataclass(frozen=True, kw_only=True)
class Terms:
    """The two sides of the evidence lower bound, in nats and without weights; objectives combine them."""

    log_likelihood: Float[Tensor, " batch"]
    divergence: Float[Tensor, "batch layers"]
    """KL from posterior to prior per layer, top first: in closed form where there is one, else of one draw."""


@dataclass(frozen=True, kw_only=True)
class Inference:
    """One draw of all latent variables from the posterior, and what it is worth. Nats; layers top first."""

    latents: tuple[Tensor, ...]
    """One tensor per layer, each (batch, …)."""
    log_posterior: Float[Tensor, "batch layers"]
    log_prior: Float[Tensor, "batch layers"]
    divergence: Float[Tensor, "batch layers"]
    likelihood: ImageDistribution
    """Over whole images, given the drawn latents."""


@dataclass(frozen=True, kw_only=True)
class Generation:
    """Latent variables, some given and the others drawn from the prior, and the images' distribution given them."""

    latents: tuple[Tensor, ...]
    likelihood: ImageDistribution


class LatentVariableModel(nn.Module, ABC):
    """A density of images with latent variables.

    Images are whole numbers 0 … levels − 1, (batch, channels, height, width), of the model's `image_format`.
    """

    image_format: ImageFormat

    @property
    @abstractmethod
    def latent_shapes(self) -> tuple[tuple[int, ...], ...]:
        """Shape of each layer's latent variable, without the batch, top first."""

    @abstractmethod
    def infer(self, images: Integer[Tensor, "batch channels height width"]) -> Inference:
        """Draw the latent variables from the posterior, q(z | x)."""

    @abstractmethod
    def generate(self, count: int, given: Sequence[Tensor] = (), temperature: float = 1.0) -> Generation:
        """Draw from the prior, at a temperature that scales its standard deviations.

        `given` fixes the topmost layers, each (count, …); the layers below them are drawn. Errors: SettingError where
        `given` does not fit, as `check_given` says.
        """

    def forward(self, images: Integer[Tensor, "batch channels height width"]) -> Terms:
        """Give the terms of the bound for each image; the module's call, so that wrappers for training see it."""
        inference = self.infer(images)
        return Terms(log_likelihood=inference.likelihood.log_prob(images), divergence=inference.divergence)

    def log_weights(self, images: Integer[Tensor, "batch channels height width"]) -> Float[Tensor, " batch"]:
        """log p(x, z) − log q(z | x) of one draw z from the posterior: the logarithm of an importance weight."""
        inference = self.infer(images)
        ratio = (inference.log_prior - inference.log_posterior).sum(-1)
        return inference.likelihood.log_prob(images) + ratio

    def check(self, images: Tensor) -> None:
        """Errors: DataError where images are not of this model's format."""
        wanted = self.image_format
        if images.is_floating_point() or images.is_complex() or images.dtype is torch.bool:
            raise DataError(f"The model wants images of whole numbers, not of {images.dtype}.")
        if images.ndim != 4 or tuple(images.shape[1:]) != wanted.shape:
            got = "×".join(map(str, images.shape[1:]))
            raise DataError(f"The model wants images of {wanted}; it got {got}.")
        if images.dtype is torch.uint8 and wanted.bits == 8:
            return  # nothing else fits into a byte
        if images.numel() and not 0 <= int(images.min()) <= int(images.max()) < wanted.levels:
            raise DataError(
                f"The model wants values 0 to {wanted.levels - 1}; it got {int(images.min())} to {int(images.max())}."
            )

    def check_given(self, count: int, given: Sequence[Tensor]) -> None:
        """Errors: SettingError where more layers are given than there are, or not of shapes (count, *latent_shapes)."""
        wanted = [(count, *shape) for shape in self.latent_shapes]
        got = [tuple(one.shape) for one in given]
        if got != wanted[: len(got)]:
            raise SettingError(
                f"The given latent variables must be, top first, of shapes {wanted} or the first of them; they are of "
                f"{got}."
            )

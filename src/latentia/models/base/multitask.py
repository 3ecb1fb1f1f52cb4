"""What a model answers that reconstructs from its latent variables alone, and from these with known pixels (thesis B).

Such a model works on real values, (batch, channels, height, width): images as shares of white, 0 … 1, or any field on a
grid, scaled to that range. As a `LatentVariableModel` it also answers for images of whole numbers, of which it takes
the shares; there every pixel is of the unconditioned decoder.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Bool, Float, Int64, Integer, Shaped
from torch import Tensor

from latentia.distributions import ImageDistribution, SquaredErrorPixels
from latentia.errors import DataError, SettingError
from latentia.layers.condition import ConditionalDecoder
from latentia.masks import apply_mask
from latentia.models.base.density import Generation, LatentVariableModel

Decoders = Literal["plain", "multi", "single"]
"""Of a model: one decoder that knows nothing but the latent variables; that one and a second one that knows pixels too
(thesis B 3.2); or a single one that knows a varying number of pixels, none among them (thesis B 3.3)."""

UNCONDITIONED, CONDITIONED = "unconditioned", "conditioned"
"""Names of the two tasks: to reconstruct from the latent variables alone, and with known pixels."""


@dataclass(frozen=True, kw_only=True)
class Latent:
    """Latent variables of a batch as the decoders take them, and what the encoder pays for them."""

    values: Float[Tensor, " batch *latent"]
    cost: Float[Tensor, " batch"]
    """The divergence in nats, or the mean squared distances to the codebook, with their weights."""
    codes: Int64[Tensor, " batch *places"] | None = None
    """Which vectors of a codebook the values are, where there is one."""


@dataclass(frozen=True, kw_only=True)
class TaskTerms:
    """The terms of a multitask objective, unweighted."""

    errors: Float[Tensor, "batch tasks"]
    """Mean over an image's numbers of the squared error, for each task of the model in their order."""
    latent: Latent


class MultitaskModel(LatentVariableModel):
    """A latent-variable model whose decoders may know some pixels."""

    decoders: Decoders
    decoder: ConditionalDecoder | None
    """Knows the latent variables alone; None where there is a single decoder."""
    conditioned_decoder: ConditionalDecoder | None
    error_weight: float
    """Of the errors beside the latent variables' cost: the numbers of an image where the errors are summed over them,
    as for a likelihood, or 1 where they are averaged."""
    codebook_size: int | None
    """Vectors in the codebook, where there is one."""

    @property
    @abstractmethod
    def has_prior(self) -> bool:
        """Whether latent variables can be drawn without an image yet."""

    @property
    def tasks(self) -> tuple[str, ...]:
        """Names of the tasks that the model is trained on."""
        named: dict[Decoders, tuple[str, ...]] = {
            "plain": (UNCONDITIONED,),
            "multi": (UNCONDITIONED, CONDITIONED),
            "single": (CONDITIONED,),
        }
        return named[self.decoders]

    @abstractmethod
    def encode(self, values: Float[Tensor, "batch channels height width"]) -> Latent:
        """Draw latent variables given values, or find their codes."""

    @abstractmethod
    def draw_latent(
        self,
        count: int,
        temperature: float = 1.0,
        condition: Float[Tensor, "count conditions height width"] | None = None,
    ) -> Float[Tensor, " count *latent"]:
        """Draw latent variables from the prior, which may itself go by known pixels.

        Errors: SettingError where a prior is yet to be learned.
        """

    def decode(self, latent: Float[Tensor, " batch *latent"]) -> Float[Tensor, "batch channels height width"]:
        """Give the expected values from the latent variables alone: a single decoder is told that nothing is known."""
        if self.decoder is None:
            return self.decode_given(latent, self.nothing_known(len(latent)))
        values: Tensor = self.decoder(latent)
        return values

    def decode_given(
        self, latent: Float[Tensor, " batch *latent"], condition: Float[Tensor, "batch conditions height width"]
    ) -> Float[Tensor, "batch channels height width"]:
        """Give the expected values from the latent variables and from known pixels, [values·mask, mask].

        Errors: SettingError where no decoder takes known pixels.
        """
        if self.conditioned_decoder is None:
            raise SettingError(
                "This model has one decoder, which takes no known pixels; one with decoders 'multi' or 'single' does."
            )
        values: Tensor = self.conditioned_decoder(latent, condition)
        return values

    def terms(
        self,
        values: Float[Tensor, "batch channels height width"],
        mask: Bool[Tensor, "batch 1 height width"] | None = None,
    ) -> TaskTerms:
        """Encode values once and reconstruct them for each task.

        Without a mask nothing is known: a single decoder gets an empty mask, a second decoder is left out.
        Errors: SettingError where there is a mask and no decoder that takes it.
        """
        latent = self.encode(values)
        if mask is None:
            reconstructions = [self.decode(latent.values)]
        else:
            given = self.decode_given(latent.values, apply_mask(values, mask))
            reconstructions = [self.decode(latent.values), given] if self.decoders == "multi" else [given]
        errors = [(one - values).square().flatten(1).mean(1) for one in reconstructions]
        return TaskTerms(errors=torch.stack(errors, 1), latent=latent)

    def nothing_known(self, count: int) -> Float[Tensor, "count conditions height width"]:
        """Give the conditioning information of an empty mask."""
        channels, *size = self.image_format.shape
        return next(self.parameters()).new_zeros(count, channels + 1, *size)

    def shares(self, images: Integer[Tensor, "batch channels height width"]) -> Float[Tensor, "batch c height width"]:
        """Map whole numbers 0 … levels − 1 to 0 … 1. Errors: DataError for images of another format."""
        self.check(images)
        return images.to(next(self.parameters()).dtype) / (self.image_format.levels - 1)

    def as_values(self, images: Shaped[Tensor, "batch c height width"]) -> Float[Tensor, "batch c height width"]:
        """Take the shares of images of whole numbers, and real values as they are, in the model's precision.

        Errors: DataError where they are not of the model's size.
        """
        if not images.is_floating_point():
            return self.shares(images)
        if tuple(images.shape[1:]) != self.image_format.shape:
            got, wanted = ("×".join(map(str, shape)) for shape in (images.shape[1:], self.image_format.shape))
            raise DataError(f"The model wants values of {wanted} (channels, height, width); it got {got}.")
        return images.to(next(self.parameters()).dtype)

    def generate(self, count: int, given: Sequence[Tensor] = (), temperature: float = 1.0) -> Generation:
        """Take the latent variables as they are given, or draw them from the prior; no pixel is known.

        Errors: SettingError where more is given, or of another shape; where a prior is yet to be learned.
        """
        self.check_given(count, given)
        latent = given[0] if given else self.draw_latent(count, temperature)
        return Generation(latents=(latent,), likelihood=self.distribution(self.decode(latent)))

    def distribution(self, values: Float[Tensor, "batch channels height width"]) -> ImageDistribution:
        """Give the distribution of whole-number images of which these are the expected shares."""
        channels, levels = self.image_format.channels, self.image_format.levels
        return SquaredErrorPixels(image_channels=channels, levels=levels)(values)

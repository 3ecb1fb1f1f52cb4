"""Reconstruction: images encoded and decoded again, with all layers from the posterior (Figure 4.1b)."""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Float, UInt8
from torch import Tensor

from latentia.models.base import LatentVariableModel
from latentia.uses.latents import Images, decode, encode


@dataclass(frozen=True, kw_only=True)
class Reconstruction:
    """Images, and what the model makes of them."""

    originals: Images
    images: UInt8[Tensor, "images channels height width"]

    @property
    def squared_error(self) -> Float[Tensor, " images"]:
        """Mean over an image's numbers of the squared difference of levels."""
        return (self.images.double() - self.originals.double()).square().flatten(1).mean(1)


def reconstruct(model: LatentVariableModel, images: Images, *, batch: int = 64, seed: int = 0) -> Reconstruction:
    """Draw all layers from the posterior and show what they stand for.

    Errors: DataError where there are no images or they are not of the model's format.
    """
    latents = encode(model, images, batch=batch, seed=seed)
    return Reconstruction(originals=images, images=decode(model, len(images), latents, batch=batch, seed=seed))

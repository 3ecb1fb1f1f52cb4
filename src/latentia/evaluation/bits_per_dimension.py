"""Bits per dimension, the unit of reports, with all that such a figure depends on.

Inside the library everything is in nats per image; this is the edge. A figure without the data, the split, the bit
depth and the number of importance samples behind it means nothing, and two figures that differ in one of these say
nothing about two models. So the figures carry them, and refuse to be compared where they differ.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from latentia.data import ImageSet
from latentia.errors import DataError, SettingError
from latentia.images import ImageFormat

Weights = Literal["average", "last"]
NOT_COMPARED = ("weights", "seed")


@dataclass(frozen=True, kw_only=True)
class Provenance:
    """What a figure was measured on and how. Figures compare where all but `weights` and `seed` agree."""

    data_set: str
    split: str
    sha256: str
    """Of the images that were measured."""
    image_format: ImageFormat
    images: int
    importance_samples: int
    """Per image; 1 is the evidence lower bound."""
    dequantisation: str = "none: discrete likelihood"
    weights: Weights = "average"
    """The moving average of the weights, or those of the last step."""
    seed: int = 0
    """Of the draws from the posterior."""

    @classmethod
    def of(
        cls, measured: ImageSet, *, importance_samples: int, weights: Weights = "average", seed: int = 0
    ) -> Provenance:
        """Say what is measured on a set of images: all of them, and nothing added to their whole numbers."""
        return cls(
            data_set=measured.name,
            split=str(measured.split),
            sha256=measured.sha256,
            image_format=measured.format,
            images=len(measured),
            importance_samples=importance_samples,
            weights=weights,
            seed=seed,
        )


@dataclass(frozen=True, kw_only=True)
class Bits:
    """A negative log-likelihood, or a bound on it, in bits per dimension; lower is better."""

    per_image: Float[Tensor, " images"]
    provenance: Provenance

    @property
    def value(self) -> float:
        """Mean over the images."""
        return float(self.per_image.mean())

    @property
    def standard_error(self) -> float:
        """Of the mean, as the images vary; NaN for a single image."""
        return _standard_error(self.per_image)

    def as_record(self) -> dict[str, Any]:
        """Give value, error bar and provenance in a form that JSON can say."""
        error = self.standard_error
        return {
            "bits_per_dimension": self.value,
            "standard_error": None if math.isnan(error) else error,
            "provenance": asdict(self.provenance),
        }


@dataclass(frozen=True, kw_only=True)
class Difference:
    """First minus second, in bits per dimension, image by image; below zero the first is better."""

    value: float
    standard_error: float


def nats_to_bits(nats: float, dimensions: int) -> float:
    """Give −log p(x) in bits per dimension for log p(x) in nats: −nats / (dimensions · ln 2)."""
    return -nats / (dimensions * math.log(2))


def bits_per_dimension(log_likelihood: Float[Tensor, " images"], provenance: Provenance) -> Bits:
    """Turn log-likelihoods, or bounds, in nats per image into a figure (Tables 4.1 and 4.2, "BPD").

    Errors: DataError where a log-likelihood is not a number; SettingError where there are not as many as the
    provenance says.
    """
    if len(log_likelihood) != provenance.images:
        raise SettingError(f"The figure is said to be of {provenance.images} images, not of {len(log_likelihood)}.")
    wrong = torch.nonzero(log_likelihood.isnan()).flatten()
    if len(wrong):
        raise DataError(f"The log-likelihood of {len(wrong)} images is not a number, first of image {int(wrong[0])}.")
    nats = log_likelihood.detach().cpu().double()
    return Bits(per_image=-nats / (provenance.image_format.dimensions * math.log(2)), provenance=provenance)


def require_comparable(first: Provenance, second: Provenance) -> None:
    """Errors: SettingError where two figures were not measured on the same things in the same way."""
    one, other = asdict(first), asdict(second)
    for name, value in one.items():
        if name not in NOT_COMPARED and value != other[name]:
            raise SettingError(
                f"The figures cannot be compared: {name.replace('_', ' ')} is {_words(value)} for one "
                f"and {_words(other[name])} for the other."
            )


def difference(first: Bits, second: Bits) -> Difference:
    """Compare two models on the same images; pairing the images makes the error bar as small as it can be.

    Errors: SettingError where the figures cannot be compared.
    """
    require_comparable(first.provenance, second.provenance)
    per_image = first.per_image - second.per_image
    return Difference(value=float(per_image.mean()), standard_error=_standard_error(per_image))


def _standard_error(values: Float[Tensor, " images"]) -> float:
    return float(np.std(values.numpy(), ddof=1) / math.sqrt(len(values))) if len(values) > 1 else math.nan


def _words(value: Any) -> str:
    return str(ImageFormat(**value)) if isinstance(value, dict) else str(value)

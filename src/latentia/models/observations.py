"""Observation models by the names that configurations use."""

from __future__ import annotations

from typing import Literal

from latentia.distributions import (
    BernoulliPixels,
    CategoricalPixels,
    LogisticMixturePixels,
    LogisticPixels,
    Observation,
)
from latentia.errors import SettingError
from latentia.images import ImageFormat

ObservationName = Literal["logistic_mixture", "logistic", "categorical", "bernoulli"]


def choose_observation(name: ObservationName, image_format: ImageFormat, components: int) -> Observation:
    """Make the observation model of a name for images of a format; only the mixture has components.

    Errors: SettingError where the two do not go together, or the name is unknown.
    """
    channels, levels = image_format.channels, image_format.levels
    if name == "logistic_mixture":
        return LogisticMixturePixels(image_channels=channels, levels=levels, components=components)
    if name == "logistic":
        return LogisticPixels(image_channels=channels, levels=levels)
    if name == "categorical":
        return CategoricalPixels(image_channels=channels, levels=levels)
    if name == "bernoulli":
        if levels != 2:
            raise SettingError(f"Bernoulli pixels are of 1 bit; these images have {image_format.bits}.")
        return BernoulliPixels(image_channels=channels)
    raise SettingError(f"There is no observation model '{name}'.")

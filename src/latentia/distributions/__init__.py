"""Distributions over images of whole numbers, the observation models that make them, and divergences. Nats."""

from latentia.distributions.categorical import CategoricalLevels
from latentia.distributions.discretized import Discretized
from latentia.distributions.divergences import gaussian_divergence
from latentia.distributions.gaussian import DiagonalGaussian
from latentia.distributions.improper import ImproperDiscretizedLogistic
from latentia.distributions.logistic import Logistic
from latentia.distributions.logistic_mixture import LogisticMixture
from latentia.distributions.normal import Normal
from latentia.distributions.observation import (
    BernoulliPixels,
    CategoricalPixels,
    LogisticMixturePixels,
    LogisticPixels,
    Observation,
    SquaredErrorPixels,
)
from latentia.distributions.pixels import ImageDistribution, IndependentPixels, PixelDistribution

__all__ = [
    "BernoulliPixels",
    "CategoricalLevels",
    "CategoricalPixels",
    "DiagonalGaussian",
    "Discretized",
    "ImageDistribution",
    "ImproperDiscretizedLogistic",
    "IndependentPixels",
    "Logistic",
    "LogisticMixture",
    "LogisticMixturePixels",
    "LogisticPixels",
    "Normal",
    "Observation",
    "PixelDistribution",
    "SquaredErrorPixels",
    "gaussian_divergence",
]

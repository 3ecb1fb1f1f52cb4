"""Observation models: how many channels a network must put out, and the distribution over images that they stand for.

Their distributions do not check what they are given: parameters that are NaN must reach the loss, where the training
loop counts and skips them, and `LatentVariableModel.check` checks the images.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass, field

import torch
from jaxtyping import Float
from torch import Tensor

from latentia.distributions.categorical import CategoricalLevels
from latentia.distributions.discretized import Discretized
from latentia.distributions.logistic import Logistic
from latentia.distributions.logistic_mixture import LogisticMixture, coupled_pairs
from latentia.distributions.normal import Normal
from latentia.distributions.pixels import MAX_LEVELS, ImageDistribution, IndependentPixels, at_least_float32
from latentia.errors import SettingError

MIN_LOG_SCALE = -7.0
"""Such a logistic can put 97 % of its mass into one of 256 bins; sharper ones gain little (thesis A's code)."""
MAX_LOG_SCALE = 30.0
"""Far beyond any use: it only keeps squares of the inverse within float32."""


@dataclass(frozen=True, kw_only=True)
class Observation(ABC):
    """Turns the last map of a network into a distribution over images, in at least float32 whatever the map's type.

    Errors: SettingError where a number makes no sense, or a map has other than `channels` channels.
    """

    image_channels: int
    levels: int

    def __post_init__(self) -> None:
        if self.image_channels < 1:
            raise SettingError(f"An image has at least one channel, not {self.image_channels}.")
        if not 2 <= self.levels <= MAX_LEVELS:
            raise SettingError(f"Images have 2 to {MAX_LEVELS} levels, not {self.levels}.")

    @property
    @abstractmethod
    def channels(self) -> int:
        """How many channels of parameters are needed."""

    def __call__(self, parameters: Float[Tensor, "batch parameters height width"]) -> ImageDistribution:
        """Give the distribution over images of the map's height and width."""
        if parameters.shape[1] != self.channels:
            raise SettingError(
                f"{type(self).__name__} of {self.image_channels}-channel images wants {self.channels} channels of "
                f"parameters; it got {parameters.shape[1]}."
            )
        return self._distribution(at_least_float32(parameters))

    @abstractmethod
    def _distribution(self, parameters: Float[Tensor, "batch parameters height width"]) -> ImageDistribution:
        """Give the distribution for as many channels as are needed."""


@dataclass(frozen=True, kw_only=True)
class LogisticMixturePixels(Observation):
    """A discretized mixture of logistics per pixel (Table A.1, "DML"): 10 channels per component for RGB, 3 for grey.

    Channels of the map: the components' logits; then for each component the means, then log-scales, of all colours,
    and the coefficients, which tanh keeps in −1 … 1. Log-scales are at least −7.
    """

    image_channels: int = 3
    levels: int = 256
    components: int = 5

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.components < 1:
            raise SettingError(f"A mixture has at least one component, not {self.components}.")

    @property
    def channels(self) -> int:
        """Components × (1 logit + colours × (mean, log-scale) + coefficients)."""
        return sum(self._parts)

    @property
    def _parts(self) -> list[int]:
        colours = self.image_channels
        return [self.components * number for number in (1, colours, colours, coupled_pairs(colours))]

    def _distribution(self, parameters: Float[Tensor, "batch parameters height width"]) -> LogisticMixture:
        logits, *others = torch.split(parameters, self._parts, 1)
        loc, log_scale, coefficients = (torch.unflatten(one, 1, (self.components, -1)) for one in others)
        return LogisticMixture(
            logits,
            loc,
            log_scale.clamp(MIN_LOG_SCALE, MAX_LOG_SCALE),
            torch.tanh(coefficients),
            self.levels,
            validate_args=False,
        )


@dataclass(frozen=True, kw_only=True)
class LogisticPixels(Observation):
    """An independent discretized logistic for each value (Kingma et al. 2016): all colours' means, then log-scales."""

    image_channels: int = 3
    levels: int = 256

    @property
    def channels(self) -> int:
        """A mean and a log-scale for each colour."""
        return 2 * self.image_channels

    def _distribution(self, parameters: Float[Tensor, "batch parameters height width"]) -> IndependentPixels:
        loc, log_scale = parameters.chunk(2, 1)
        scale = log_scale.clamp(MIN_LOG_SCALE, MAX_LOG_SCALE).exp()
        base = Logistic(loc, scale, validate_args=False)
        return IndependentPixels(Discretized(base, self.levels, validate_args=False), validate_args=False)


@dataclass(frozen=True, kw_only=True)
class SquaredErrorPixels(Observation):
    """A normal distribution of variance ½ around each value, cut at the levels; the map holds expected shares, 0 … 1.

    With that variance −log of the density is the squared error of the shares, up to a constant, which is what thesis B
    trains on (2.1.2). A density is no probability of a level, so this one is cut into bins, as the others are.

    Equation: B 2.2
    """

    image_channels: int = 1
    levels: int = 256

    @property
    def channels(self) -> int:
        """A mean for each colour."""
        return self.image_channels

    def _distribution(self, parameters: Float[Tensor, "batch parameters height width"]) -> IndependentPixels:
        # The bins lie in −1 … 1, where everything is twice as wide.
        base = Normal(2 * parameters - 1, torch.full_like(parameters, 2 * math.sqrt(0.5)), validate_args=False)
        return IndependentPixels(Discretized(base, self.levels, validate_args=False), validate_args=False)


@dataclass(frozen=True, kw_only=True)
class BernoulliPixels(Observation):
    """An independent coin for each value of a 1-bit image; the map holds the logits of the value 1."""

    image_channels: int = 1
    levels: int = field(default=2, init=False)

    @property
    def channels(self) -> int:
        """A logit for each colour."""
        return self.image_channels

    def _distribution(self, parameters: Float[Tensor, "batch parameters height width"]) -> IndependentPixels:
        # A logistic of scale 1 cut at 0 is a coin: P(1) = σ(loc).
        base = Logistic(parameters, torch.ones_like(parameters), validate_args=False)
        return IndependentPixels(Discretized(base, self.levels, validate_args=False), validate_args=False)


@dataclass(frozen=True, kw_only=True)
class CategoricalPixels(Observation):
    """An independent free distribution for each value: the logits of all levels of the first colour, then the next."""

    image_channels: int = 3
    levels: int = 256

    @property
    def channels(self) -> int:
        """A logit for each colour and level."""
        return self.image_channels * self.levels

    def _distribution(self, parameters: Float[Tensor, "batch parameters height width"]) -> IndependentPixels:
        logits = torch.unflatten(parameters, 1, (self.image_channels, self.levels)).movedim(2, -1)
        return IndependentPixels(CategoricalLevels(logits, validate_args=False), validate_args=False)

"""The two ends of a recurrent model: what a step is for it, and what it says of the next one."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from math import prod

import torch
from jaxtyping import Float, Int64, Integer, Shaped, UInt8
from torch import Tensor, nn

from latentia.distributions import ImageDistribution, Observation
from latentia.distributions.pixels import at_least_float32, draw_index
from latentia.images import ImageFormat, to_unit_range
from latentia.layers.chosen_log_prob import chosen_log_prob
from latentia.layers.strided import halving_strides


class Steps(nn.Module, ABC):
    """Steps of a sequence as a recurrent network takes and predicts them: (places, …) and vectors (places, size)."""

    @abstractmethod
    def embed(self, values: Shaped[Tensor, " places *item"]) -> Float[Tensor, "places features"]:
        """Give the vectors of some values."""

    @abstractmethod
    def begin_at(self, values: Shaped[Tensor, " places *item"]) -> None:
        """Set first weights by some values of the training data."""

    @abstractmethod
    def log_prob(
        self, states: Float[Tensor, "places hidden"], values: Shaped[Tensor, " places *item"]
    ) -> Float[Tensor, " places"]:
        """Logarithm of the probability of values after states, in nats."""

    @abstractmethod
    def likeliest(self, states: Float[Tensor, "places hidden"]) -> Shaped[Tensor, " places *item"]:
        """Give what is predicted, without noise."""

    @abstractmethod
    def draw(self, states: Float[Tensor, "places hidden"], temperature: float) -> Shaped[Tensor, " places *item"]:
        """Draw values, from torch's random state."""


class Words(Steps):
    """Words of a vocabulary: a learned vector for each, and a linear layer to their logits."""

    def __init__(self, words: int, *, features: int, hidden: int) -> None:
        super().__init__()
        self.vectors = nn.Embedding(words, features)
        self.head = nn.Linear(hidden, words)

    def embed(self, values: Int64[Tensor, " places"]) -> Float[Tensor, "places features"]:
        """Look the words up."""
        vectors: Tensor = self.vectors(values)
        return vectors

    def begin_at(self, values: Int64[Tensor, " places"]) -> None:
        """Leave the weights as they are: how often words come is learned in few steps."""

    def log_prob(
        self, states: Float[Tensor, "places hidden"], values: Int64[Tensor, " places"]
    ) -> Float[Tensor, " places"]:
        """Logarithm of each word's probability, in nats."""
        return chosen_log_prob(at_least_float32(self.head(states)), values)

    def scores(self, states: Float[Tensor, "places hidden"]) -> Float[Tensor, "places words"]:
        """Logarithms of all words' probabilities."""
        scores: Tensor = at_least_float32(self.head(states)).log_softmax(-1)
        return scores

    def likeliest(self, states: Float[Tensor, "places hidden"]) -> Int64[Tensor, " places"]:
        """The most probable word."""
        found: Tensor = self.head(states).argmax(-1)
        return found

    def draw(self, states: Float[Tensor, "places hidden"], temperature: float) -> Int64[Tensor, " places"]:
        """Draw words; the temperature divides the logits, and 0 takes the most probable."""
        if temperature == 0:
            return self.likeliest(states)
        return draw_index(at_least_float32(self.head(states)) / temperature, -1)


class Frames(Steps):
    """Frames of a video: convolutions of stride 2 to a vector, and their mirror to the parameters of an observation.

    Thesis A, 3.5.2, has four convolutional layers in place of word embeddings and does not describe them; these are of
    3×3 with ReLU, and stride 2 while both sides of the map are even. Their weights begin as large as keeps the scale of
    values from layer to layer (He et al. 2015): with torch's own, which shrink them, a decoder of a small white ball on
    black was still at the mean of all frames after 300 steps; with these it had left it before 100.
    """

    def __init__(
        self,
        frame: ImageFormat,
        observation: Observation,
        *,
        features: int,
        hidden: int,
        widths: tuple[int, ...] = (32, 64, 64, 64),
    ) -> None:
        super().__init__()
        self.levels, self.observation = frame.levels, observation
        strides, size = halving_strides(frame.height, frame.width, len(widths))
        self.map_shape = (widths[-1], *size)
        pairs = zip((frame.channels, *widths[:-1]), widths, strides, strict=True)
        self.inwards = nn.Sequential(
            *(
                layer
                for inputs, outputs, stride in pairs
                for layer in (nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1), nn.ReLU())
            ),
            nn.Flatten(),
            nn.Linear(prod(self.map_shape), features),
        )
        self.expand = nn.Sequential(nn.Linear(hidden, prod(self.map_shape)), nn.ReLU())
        outwards = zip(widths[::-1], (*widths[-2::-1], observation.channels), strides[::-1], strict=True)
        layers = [
            layer
            for inputs, outputs, stride in outwards
            for layer in (
                nn.ConvTranspose2d(inputs, outputs, 3, stride=stride, padding=1, output_padding=stride - 1),
                nn.ReLU(),
            )
        ]
        self.outwards = nn.Sequential(*layers[:-1])
        # The last layer is left as it is, so that a first prediction is not far from an even one.
        for layer in [*self.inwards, *self.expand, *list(self.outwards)[:-1]]:
            _keep_scale(layer)

    def begin_at(self, values: Integer[Tensor, "places channels height width"]) -> None:
        """Let predictions begin at the likeliest distribution that is the same for all pixels of some frames.

        Only the last layer's bias is set, by L-BFGS. Where it is far off, as for a small ball on black, all that the
        network first learns is this constant; the encoder's states saturate at it, and clips look alike from then on.
        """
        last = self.outwards[-1]
        assert isinstance(last, nn.ConvTranspose2d) and last.bias is not None
        bias = last.bias.detach().clone().requires_grad_()
        optimizer = torch.optim.LBFGS([bias], max_iter=100, line_search_fn="strong_wolfe")

        def loss() -> Tensor:
            optimizer.zero_grad()
            parameters = bias[:, None, None].expand(len(values), -1, *values.shape[2:])
            nats = -self.observation(parameters).log_prob(values).mean() / values[0].numel()
            nats.backward()  # type: ignore[no-untyped-call]
            return nats

        with torch.enable_grad():
            optimizer.step(loss)  # type: ignore[no-untyped-call]
        if bool(bias.isfinite().all()):  # frames of one colour alone have no likeliest distribution
            last.bias.data.copy_(bias.data)

    def distribution(self, states: Float[Tensor, "places hidden"]) -> ImageDistribution:
        """Give the distribution of the frames after states."""
        return self.observation(self.outwards(self.expand(states).unflatten(1, self.map_shape)))

    def embed(self, values: Integer[Tensor, "places channels height width"]) -> Float[Tensor, "places features"]:
        """Look at the frames."""
        dtype = next(self.parameters()).dtype
        vectors: Tensor = self.inwards(to_unit_range(values, self.levels).to(dtype))
        return vectors

    def log_prob(
        self, states: Float[Tensor, "places hidden"], values: Integer[Tensor, "places channels height width"]
    ) -> Float[Tensor, " places"]:
        """Logarithm of each frame's probability, in nats."""
        return self.distribution(states).log_prob(values)

    def likeliest(self, states: Float[Tensor, "places hidden"]) -> UInt8[Tensor, "places channels height width"]:
        """The frames that stand for their distributions."""
        return self.distribution(states).representative

    def draw(
        self, states: Float[Tensor, "places hidden"], temperature: float
    ) -> UInt8[Tensor, "places channels height width"]:
        """Draw frames; at temperature 0 those that stand for their distributions, else with all their noise."""
        return self.likeliest(states) if temperature == 0 else self.distribution(states).sample()


def _keep_scale(layer: nn.Module) -> None:
    """Draw weights anew so that behind a ReLU the variance stays as it is; layers without weights are left alone."""
    if isinstance(layer, nn.Linear | nn.Conv2d):
        inputs = float(layer.weight[0].numel())
    elif isinstance(layer, nn.ConvTranspose2d):
        # Of a window's numbers one in stride² reaches each place of the larger map.
        inputs = layer.weight[:, 0].numel() / prod(layer.stride)
    else:
        return
    nn.init.normal_(layer.weight, 0.0, math.sqrt(2 / inputs))
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)

"""Gates on what a decoder is fed: which steps, or which of their features, are kept.

A gate is 1 − D in thesis A's notation: D = 1 drops. D is drawn with a fixed probability, or with one that a small
network infers at each step from what it sees (3.4). Random numbers come from torch's own state.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import logsigmoid

from latentia.distributions.logistic import logistic_noise
from latentia.errors import SettingError

ContextName = Literal["input", "state", "latent"]
"""What the probability of dropping may go by: x_i, h_{i−1}, z in thesis A's Figure 3.3d."""


@dataclass(frozen=True, kw_only=True)
class Gate:
    """Decisions at some places, which are all steps at once or the sequences of a batch at one step."""

    keep: Float[Tensor, "*places gates"]
    """1 − D: 0 or 1 where it was drawn, with the straight-through gradient where it was inferred. One gate for all
    features of a step, or one for each."""
    drop: Float[Tensor, "*places gates"]
    """Y, the probability of dropping."""
    divergence: Float[Tensor, " *places"]
    """KL(Bern(y) ‖ Bern(p_d)) in nats, summed over the gates of a step (eq. 3.8); 0 where the probability is fixed."""


class Gates(nn.Module, ABC):
    """How gates are made: what can be computed for all steps at once, and the rest at each step.

    In evaluation every step is kept whole, and single features by their probability, as dropout does. A module of
    gates alone can be set to train for figures of the model with drops.
    """

    width: int
    """Gates of a step: 1, or as many as features."""
    looks_at_state: bool
    """Whether decisions wait for the decoder's state, so that steps come one after the other."""

    @abstractmethod
    def prepare(
        self, inputs: Float[Tensor, "batch steps features"], latent: Float[Tensor, "batch latent"]
    ) -> Float[Tensor, "batch steps prepared"]:
        """Compute what needs no state, for all steps."""

    @abstractmethod
    def forward(
        self, prepared: Float[Tensor, "*places prepared"], from_state: Float[Tensor, "*places prepared"] | None = None
    ) -> Gate:
        """Decide. `from_state` is the decoder's state times `state_weight`, where that is looked at."""

    @property
    def state_weight(self) -> Float[Tensor, "prepared state"] | None:
        """What the decoder's state is multiplied by, for the decoder to do together with its own product."""
        return None


class FixedGates(Gates):
    """D ~ Bern(p_d) at every place (3.4.1). With p_d = 1 nothing is ever kept, in evaluation neither.

    `scaled` divides what is kept by 1 − p_d in training, as dropout does (Srivastava et al. 2014). Errors: SettingError
    where p_d is not 0 to 1, or is 1 and what is kept is to be divided by 0.
    """

    looks_at_state = False

    def __init__(self, rate: float, *, width: int = 1, scaled: bool = False) -> None:
        super().__init__()
        if not 0 <= rate <= 1 or (scaled and rate == 1):
            raise SettingError(f"The rate of dropping is 0 to 1, of features below 1; it is {rate}.")
        self.rate, self.width, self.scaled = rate, width, scaled

    def prepare(
        self, inputs: Float[Tensor, "batch steps features"], latent: Float[Tensor, "batch latent"]
    ) -> Float[Tensor, "batch steps prepared"]:
        """Make room for the decisions."""
        return inputs.new_zeros(*inputs.shape[:-1], self.width)

    def forward(
        self, prepared: Float[Tensor, "*places prepared"], from_state: Float[Tensor, "*places prepared"] | None = None
    ) -> Gate:
        """Draw each gate by itself."""
        keep = torch.full_like(prepared, float(self.rate < 1))
        if self.training and 0 < self.rate < 1:
            keep = torch.empty_like(prepared).bernoulli_(1 - self.rate)
            keep = keep / (1 - self.rate) if self.scaled else keep
        drop = torch.full_like(prepared, self.rate)
        return Gate(keep=keep, drop=drop, divergence=prepared.new_zeros(prepared.shape[:-1]))


@dataclass(frozen=True, kw_only=True)
class GateContext:
    """What infers the probabilities of dropping goes by, g in thesis A's 3.4.1, and the sizes of it.

    Errors: SettingError where a setting is out of its range.
    """

    features: int
    """Size of a step of the input, x_i."""
    state: int
    """Size of the decoder's state, h_{i−1}."""
    latent: int
    """Size of z."""
    names: tuple[ContextName, ...] = ("input", "state", "latent")
    """Which of the three are looked at."""
    hidden: int = 64
    """Size of the first of two dense layers; 0 for a single layer."""
    temperature: float = 1.0
    """Of the Gumbel-softmax, in whose gradient it is."""

    def __post_init__(self) -> None:
        if not self.names or len(set(self.names)) < len(self.names):
            raise SettingError(f"The context is one or several of input, state and latent; it is {list(self.names)}.")
        if not 0 < self.temperature < math.inf:
            raise SettingError(f"The temperature of the gates is a number above 0, not {self.temperature}.")
        if self.hidden < 0:
            raise SettingError(f"hidden must be 0 or more; it is {self.hidden}.")


class InferredGates(Gates):
    """Dynamic dropout: Y = g(x_i, h_{i−1}, z), and D from it by the straight-through Gumbel-softmax (3.4.1).

    g has one or two dense layers and a sigmoid. It begins at the prior p_d, so that the penalty begins at 0 and the
    decoder with plain dropout. The Gumbel-softmax of two classes is a sigmoid with logistic noise: D = 1 where
    logit(y) + noise > 0, with the gradient of sigmoid((logit(y) + noise) / temperature).

    Errors: SettingError where the prior is not between 0 and 1.
    """

    def __init__(self, prior: float, context: GateContext, *, width: int = 1) -> None:
        super().__init__()
        if not 0 < prior < 1:
            raise SettingError(f"The prior probability of dropping is between 0 and 1; it is {prior}.")
        self.prior, self.width, self.temperature = prior, width, context.temperature
        self.looks_at_state = "state" in context.names
        first = context.hidden or width
        self.of_input, self.of_state, self.of_latent = (
            nn.Linear(size, first, bias=False) if name in context.names else None
            for name, size in (("input", context.features), ("state", context.state), ("latent", context.latent))
        )
        self.bias = nn.Parameter(torch.zeros(first))
        self.second = nn.Linear(context.hidden, width) if context.hidden else None
        self._begin_at_the_prior()

    def _begin_at_the_prior(self) -> None:
        prior_logit = math.log(self.prior / (1 - self.prior))
        last = (self.of_input, self.of_state, self.of_latent) if self.second is None else (self.second,)
        for linear in last:
            if linear is not None:
                nn.init.zeros_(linear.weight)
        nn.init.constant_(self.bias if self.second is None else self.second.bias, prior_logit)

    @property
    def state_weight(self) -> Float[Tensor, "prepared state"] | None:
        """Weight of h_{i−1} in the first layer."""
        return None if self.of_state is None else self.of_state.weight

    def prepare(
        self, inputs: Float[Tensor, "batch steps features"], latent: Float[Tensor, "batch latent"]
    ) -> Float[Tensor, "batch steps prepared"]:
        """Compute the first layer but for the state's part."""
        batch, steps, _ = inputs.shape
        prepared = self.bias.expand(batch, steps, -1)
        if self.of_input is not None:
            prepared = prepared + self.of_input(inputs)
        if self.of_latent is not None:
            prepared = prepared + self.of_latent(latent)[:, None]
        return prepared

    def forward(
        self, prepared: Float[Tensor, "*places prepared"], from_state: Float[Tensor, "*places prepared"] | None = None
    ) -> Gate:
        """Infer the probabilities, and draw."""
        logits = prepared if from_state is None else prepared + from_state
        if self.second is not None:
            logits = self.second(logits.relu())
        drop = logits.sigmoid()
        keep = 1 - straight_through(logits, self.temperature) if self.training else self._expected(drop)
        return Gate(keep=keep, drop=drop, divergence=bernoulli_divergence(logits, self.prior).sum(-1))

    def _expected(self, drop: Float[Tensor, "*places gates"]) -> Float[Tensor, "*places gates"]:
        return torch.ones_like(drop) if self.width == 1 else 1 - drop


def straight_through(logits: Float[Tensor, "*shape"], temperature: float) -> Float[Tensor, "*shape"]:
    """Draw 0 or 1 with probability sigmoid(logits) of a 1, with the gradient of the Gumbel-softmax.

    Source: thesis A, 3.4.1 (Jang et al. 2017; Maddison et al. 2017).
    """
    noisy = logits + logistic_noise(logits.shape, logits)
    soft = (noisy / temperature).sigmoid()
    return (noisy > 0).to(soft) + (soft - soft.detach())  # in brackets it adds exactly nothing


def bernoulli_divergence(logits: Float[Tensor, "*shape"], prior: float) -> Float[Tensor, "*shape"]:
    """KL(Bern(y) ‖ Bern(p_d)) in nats, of y = sigmoid(logits).

    Equation: A 3.8
    """
    drop = logits.sigmoid()
    return drop * (logsigmoid(logits) - math.log(prior)) + (1 - drop) * (logsigmoid(-logits) - math.log1p(-prior))

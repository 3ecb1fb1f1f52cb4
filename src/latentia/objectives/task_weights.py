"""Weights of the terms of an objective that has several, fixed or adapted to how the terms develop.

Unlike the other objectives these are small modules with a state. All of it lies in buffers, so that a checkpoint of the
module continues to the bit, and a step that is taken back is taken back whole.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Literal, get_args

import torch
from jaxtyping import Float
from torch import Tensor, nn

from latentia.errors import SettingError

SoftAdaptVariant = Literal["original", "normalised", "loss_weighted"]

_MAX_ORDER = 8


class TaskWeights(nn.Module, ABC):
    """One weight for each task, in float64; in float32 on devices that have no more."""

    weights: Tensor

    def _apply(self, fn: Callable[..., Tensor], recurse: bool = True) -> TaskWeights:
        try:
            super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        except TypeError:  # MPS has no float64
            super()._apply(  # type: ignore[no-untyped-call]
                lambda tensor: fn(tensor.float() if tensor.is_floating_point() else tensor), recurse
            )
        return self

    @abstractmethod
    def forward(self) -> Float[Tensor, " tasks"]:
        """Give the weights as they are now."""

    @abstractmethod
    def observe(self, losses: Float[Tensor, " tasks"]) -> None:
        """Take note of the losses of one step. With several processes, all pass the same: their mean."""


class FixedWeights(TaskWeights):
    """Weights that stay. Errors: SettingError where there are none, or one is negative or not finite."""

    def __init__(self, weights: Sequence[float]) -> None:
        super().__init__()
        self.register_buffer("weights", _start_weights(weights))

    def forward(self) -> Float[Tensor, " tasks"]:
        """Give the weights."""
        return self.weights.clone()

    def observe(self, losses: Float[Tensor, " tasks"]) -> None:
        """Do nothing."""


class SoftAdapt(TaskWeights):
    """More weight for the losses that fall least (Heydari, Thompson & Mehmood 2019, "SoftAdapt").

    The rate s_k at which loss f_k changes per step is the backward finite difference of accuracy `order` (1 to 8) over
    the last order + 1 losses. Of the rates, `variant` makes weights that add up to 1:

    - original: w_k = exp(β s_k) / Σ_l exp(β s_l);
    - normalised: the same with s_k / Σ_l |s_l| for s_k;
    - loss_weighted: w_k = f_k exp(β s_k) / Σ_l f_l exp(β s_l) with the last losses, where a negative one counts as 0.

    Weights start at `initial`, by default 1 for each task, and are renewed at every `every`-th observation. Losses of
    which any is not finite are not counted. β > 0 favours what gets worse, β < 0 what gets better; high orders make
    more of the noise between batches.

    Thesis B (4.1.1, 4.1.2) uses loss_weighted with β = 1e-4 for Gaussian and 5e-3 for vector-quantised models, renewed
    every 101 steps. The paper's own code takes forward differences at the first of the stored losses, and their mean
    for f_k. Errors: SettingError where a setting is out of its range.
    """

    recent: Tensor
    observed: Tensor
    coefficients: Tensor

    def __init__(
        self,
        tasks: int,
        *,
        beta: float,
        variant: SoftAdaptVariant,
        every: int = 101,
        order: int = 1,
        initial: Sequence[float] | None = None,
    ) -> None:
        super().__init__()
        _check(tasks, beta, variant, every, order)
        if initial is not None and len(initial) != tasks:
            raise SettingError(f"SoftAdapt of {tasks} tasks starts with as many weights, not {len(initial)}.")
        self.beta, self.variant, self.every = beta, variant, every
        coefficients = torch.tensor([float(one) for one in backward_difference(order)], dtype=torch.float64)
        self.register_buffer("coefficients", coefficients, persistent=False)
        self.register_buffer("weights", _start_weights([1.0] * tasks if initial is None else initial))
        self.register_buffer("recent", torch.zeros(order + 1, tasks, dtype=torch.float64))
        self.register_buffer("observed", torch.zeros((), dtype=torch.int64))

    def forward(self) -> Float[Tensor, " tasks"]:
        """Give the weights as they are now."""
        # A copy: the buffer may change between a loss and its backward pass.
        return self.weights.clone()

    @torch.no_grad()
    def observe(self, losses: Float[Tensor, " tasks"]) -> None:
        """Record the losses of one step, and renew the weights where it is time."""
        if not losses.isfinite().all():
            return
        self.recent.copy_(torch.cat([self.recent[1:], losses.to(self.recent)[None]]))
        self.observed += 1
        if self.observed % self.every == 0:
            self.weights.copy_(self._renewed())

    def _renewed(self) -> Float[Tensor, " tasks"]:
        smallest = torch.finfo(self.recent.dtype).tiny
        rates = self.coefficients @ self.recent
        if self.variant == "normalised":
            rates = rates / rates.abs().sum().clamp(min=smallest)
        scaled = self.beta * rates
        powers = (scaled - scaled.max()).exp()
        if self.variant == "loss_weighted":
            # Where all losses are 0 the rates alone decide.
            powers = powers * self.recent[-1].clamp(min=smallest)
        return powers / powers.sum()


def backward_difference(order: int) -> tuple[Fraction, ...]:
    """Coefficients of the first derivative at the last of order + 1 points at unit distance, the oldest point first.

    Exact for polynomials up to that degree. With backward differences ∇ the derivative is Σ_{k=1}^{order} ∇^k / k, so
    that the point j steps back gets (−1)^j · C(order, j) / j, and the last one what makes the sum 0.
    """
    earlier = [Fraction((-1) ** back * math.comb(order, back), back) for back in range(order, 0, -1)]
    return (*earlier, -sum(earlier, start=Fraction(0)))


def _start_weights(weights: Sequence[float]) -> Float[Tensor, " tasks"]:
    if not weights or not all(0 <= weight < math.inf for weight in weights):
        raise SettingError(f"Tasks have weights from 0 on, one for each and at least one, not {list(weights)}.")
    return torch.tensor(weights, dtype=torch.float64)


def _check(tasks: int, beta: float, variant: str, every: int, order: int) -> None:
    if tasks < 1:
        raise SettingError(f"SoftAdapt weighs at least one task, not {tasks}.")
    if not math.isfinite(beta):
        raise SettingError(f"SoftAdapt's beta is a finite number, not {beta}.")
    if variant not in get_args(SoftAdaptVariant):
        raise SettingError(f"SoftAdapt's variant is one of {', '.join(get_args(SoftAdaptVariant))}, not '{variant}'.")
    if not 1 <= order <= _MAX_ORDER:
        raise SettingError(f"SoftAdapt's order is 1 to {_MAX_ORDER}, not {order}.")
    if every <= order:
        raise SettingError(
            f"SoftAdapt of order {order} renews its weights after {order + 1} steps or more, not {every}."
        )

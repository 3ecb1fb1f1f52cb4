"""Exponential moving average of the weights: what is evaluated and kept, less noisy than the weights themselves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from latentia.errors import CheckpointError


class WeightAverage:
    """Average of a module's parameters over its steps ("Exponential Moving Average", Table A.1), on their device.

    After update t (1, 2, …) it is d·average + (1 − d)·parameters with d = min(decay, (1 + t)/(10 + t)). It begins as
    a copy of the parameters; the smaller d of the first steps lets go of that random start, of which a plain 0.999
    would still hold 5 % after 3,000 steps. From t = 9/(1 − decay) − 10 on (8,990 for 0.999), d is `decay`.

    Half-precision parameters are averaged in float32, where small changes do not get lost. Buffers are not averaged:
    `latentia.training.batch_norm` renews those that depend on the weights.
    """

    def __init__(self, module: nn.Module, decay: float) -> None:
        self.decay = decay
        self.updates = 0
        self._parameters = dict(module.named_parameters())
        self._averages = {
            name: parameter.detach().to(torch.promote_types(parameter.dtype, torch.float32), copy=True)
            for name, parameter in self._parameters.items()
        }

    @torch.no_grad()
    def update(self) -> None:
        """Take in the parameters as they are after a step."""
        self.updates += 1
        decay = min(self.decay, (1 + self.updates) / (10 + self.updates))
        averages = list(self._averages.values())
        now = [
            parameter.detach().to(average.dtype)
            for parameter, average in zip(self._parameters.values(), averages, strict=True)
        ]
        torch._foreach_lerp_(averages, now, 1 - decay)

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Within the block the module has the averages as its parameters; afterwards its own, to the bit."""
        with torch.no_grad():
            own = {name: parameter.detach().clone() for name, parameter in self._parameters.items()}
            self._put(self._averages)
        try:
            yield
        finally:
            with torch.no_grad():
                self._put(own)

    def state(self) -> dict[str, Tensor]:
        """The averages by parameter name, as they are now and later: not copies."""
        return dict(self._averages)

    def restore(self, averages: Mapping[str, Tensor], updates: int) -> None:
        """Go on from saved averages. Errors: CheckpointError where they are not of this module."""
        if averages.keys() != self._averages.keys():
            raise CheckpointError(
                f"The checkpoint holds averages of {len(averages)} parameters; this module has {len(self._averages)}."
            )
        for name, average in self._averages.items():
            average.copy_(averages[name])
        self.updates = updates

    def _put(self, values: Mapping[str, Tensor]) -> None:
        for name, parameter in self._parameters.items():
            parameter.copy_(values[name])

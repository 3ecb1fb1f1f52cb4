"""What every objective's settings have in common: how long, in which steps, by which optimizer."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch

from latentia.errors import SettingError
from latentia.training.task import Accelerator, LoopSettings, Precision

OptimizerName = Literal["adamax", "adam", "adamw"]
OPTIMIZERS: dict[OptimizerName, type[torch.optim.Optimizer]] = {
    "adamax": torch.optim.Adamax,
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
}


@dataclass(frozen=True, kw_only=True)
class TrainingSettings:
    """How something is trained, whatever the objective; the length is what is left to say.

    Errors: SettingError where a number makes no sense, or not exactly one of `steps` and `passes` is given.
    """

    steps: int | None = None
    passes: int | None = None
    batch: int = 32
    micro_batches: int = 1
    """Equal parts of a batch, one after the other or shared out among processes."""
    optimizer: OptimizerName = "adam"
    learning_rate: float = 0.001
    learning_rate_decay: float = 1.0
    """Factor on the learning rate per pass over the training images, from step to step."""
    clip_norm: float | None = None
    average_decay: float | None = None
    """Of the moving average of the weights, which is evaluated and kept; null does without."""
    evaluate_steps: int | None = None
    """Steps between evaluations on the validation images; null evaluates after every pass."""
    patience: int | None = None
    """Stop after so many evaluations without a better one; null trains to the end."""
    checkpoint_steps: int = 500
    bad_steps: int = 20
    """Stop after so many steps in a row whose loss or gradient was not finite."""
    precision: Precision = "32-true"
    accelerator: Accelerator = "auto"

    def __post_init__(self) -> None:
        self.loop(seed=0)  # which checks the numbers that are its own
        for name in ("learning_rate", "learning_rate_decay"):
            if not 0 < getattr(self, name) <= 1:
                raise SettingError(f"{name} must be above 0 and at most 1; it is {getattr(self, name)}.")
        if self.batch < 1:
            raise SettingError(f"batch must be 1 or more; it is {self.batch}.")
        if self.batch % self.micro_batches:
            raise SettingError(
                f"batch must be a multiple of micro_batches; they are {self.batch} and {self.micro_batches}."
            )

    def loop(self, seed: int) -> LoopSettings:
        """Give the settings of the loop."""
        return LoopSettings(
            seed=seed,
            steps=self.steps,
            passes=self.passes,
            evaluate_steps=self.evaluate_steps,
            patience=self.patience,
            checkpoint_steps=self.checkpoint_steps,
            micro_batches=self.micro_batches,
            average_decay=self.average_decay,
            clip_norm=self.clip_norm,
            bad_steps=self.bad_steps,
            precision=self.precision,
            accelerator=self.accelerator,
        )

    def make_optimizer(self, module: torch.nn.Module) -> torch.optim.Optimizer:
        """Make the optimizer of a module's parameters."""
        make: Callable[..., torch.optim.Optimizer] = OPTIMIZERS[self.optimizer]
        # Fused: with tens of millions of weights, in many passes over them a step takes as long as its gradients.
        fused = {} if self.optimizer == "adamax" else {"fused": True}
        return make(module.parameters(), lr=self.learning_rate, **fused)

    def rate(self, batches: int) -> Callable[[int], float]:
        """Give the factor on the learning rate at each step, for so many batches in a pass."""
        return lambda step: math.pow(self.learning_rate_decay, step / batches)

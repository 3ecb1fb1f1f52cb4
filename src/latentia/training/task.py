"""What a caller hands to the training loop and what comes back: task, settings, progress, outcome."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Generic, Literal, Protocol, TypeVar, runtime_checkable

from jaxtyping import Float
from torch import Generator, Tensor, nn
from torch.optim import Optimizer

from latentia.errors import SettingError

Batch = TypeVar("Batch")
BatchOut = TypeVar("BatchOut", covariant=True)
Precision = Literal["32-true", "bf16-mixed", "16-mixed"]
Accelerator = Literal["auto", "cpu", "cuda", "mps"]


@runtime_checkable
class Batches(Protocol[BatchOut]):
    """Batches in an order that depends on the number of the pass and nothing else.

    To be cut into micro-batches, a batch is a tensor, or a tuple, list or mapping of such, with examples on axis 0.
    """

    def __len__(self) -> int:
        """Batches in one pass."""

    def of_pass(self, number: int, first: int) -> Iterator[BatchOut]:
        """Yield the batches of pass `number` (0, 1, …), from place `first` on."""


@dataclass(frozen=True, kw_only=True)
class StepContext:
    """What a loss may depend on besides module and batch."""

    step: int
    """Steps taken before this one, over the whole run: what a warm-up goes by."""
    generator: Generator
    """For random numbers that are drawn on the CPU; torch's own state is seeded as well."""


@dataclass(frozen=True, kw_only=True)
class Loss:
    """A loss to minimise, the mean over the examples, and figures to show: scalars that are means as well."""

    value: Float[Tensor, ""]
    figures: Mapping[str, Tensor | float] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """Result on held-out data; a lower `score` is better. `figures` are shown and kept, by name."""

    score: float
    figures: Mapping[str, float]


def constant_rate(step: int) -> float:
    """Leave the learning rate as it is."""
    return 1.0


def look_at_nothing(figures: Mapping[str, float]) -> None:
    """Learn nothing from the figures of a step."""


@dataclass(frozen=True, kw_only=True)
class Task(Generic[Batch]):
    """What is trained, on what, towards what.

    `loss` and `evaluate` get the module itself, on its device, whether there is one process or several, and may call
    any of its methods. Both run under autocast where the precision is mixed.
    """

    module: nn.Module
    optimizer: Optimizer
    batches: Batches[Batch]
    loss: Callable[[nn.Module, Batch, StepContext], Tensor | Loss]
    evaluate: Callable[[nn.Module], Evaluation]
    """Draws the same random numbers each time it is called, so that scores differ by the weights alone."""
    rate: Callable[[int], float] = constant_rate
    """Factor on the optimizer's learning rates at a step (0, 1, …); without a state, so that resuming is exact."""
    after_step: Callable[[Mapping[str, float]], None] = look_at_nothing
    """Gets the figures of each step that was not skipped: means over its micro-batches, the same in every process. What
    it keeps of them belongs into buffers of the module, which checkpoints hold."""


@dataclass(frozen=True, kw_only=True)
class LoopSettings:
    """How long to train, how a step is taken, and what to do when it goes wrong.

    Errors: SettingError where the length is not given as either steps or passes, or a number makes no sense.
    """

    seed: int
    passes: int | None = None
    steps: int | None = None
    evaluate_steps: int | None = None
    """Steps between evaluations; None evaluates after every pass. The end of the run is always evaluated."""
    patience: int | None = None
    """Stop after this many evaluations without a better score; None goes on to the end."""
    checkpoint_steps: int = 500
    """Steps between checkpoints; there is one more after every evaluation."""
    micro_batches: int = 1
    """Equal parts that a batch is cut into. They are taken one after the other, or shared out among processes."""
    average_decay: float | None = None
    """Of the moving average of the weights (`WeightAverage`); None evaluates and keeps the weights themselves."""
    clip_norm: float | None = None
    """Longer gradients are shortened to this norm; the theses clip none."""
    bad_steps: int = 20
    """Stop after this many steps in a row whose loss or gradient was not finite. One or two happen under mixed
    precision; a run whose weights are beyond repair has nothing else."""
    precision: Precision = "32-true"
    accelerator: Accelerator = "auto"
    idle_parameters: bool = False
    """Whether a step may leave parameters without a gradient. Several processes must know, and look which."""

    def __post_init__(self) -> None:
        if (self.passes is None) == (self.steps is None):
            raise SettingError(
                f"A training lasts either a number of steps or of passes; steps is {self.steps}, passes {self.passes}."
            )
        counts = ("passes", "steps", "evaluate_steps", "patience", "checkpoint_steps", "micro_batches", "bad_steps")
        for name in counts:
            count = getattr(self, name)
            if count is not None and count < 1:
                raise SettingError(f"{name} must be 1 or more; it is {count}.")
        if self.average_decay is not None and not 0 <= self.average_decay < 1:
            raise SettingError(f"average_decay must be at least 0 and below 1; it is {self.average_decay}.")
        if self.clip_norm is not None and not self.clip_norm > 0:
            raise SettingError(f"clip_norm must be above 0; it is {self.clip_norm}.")


@dataclass(frozen=True, kw_only=True)
class Progress:
    """Where a run is, after a step, or after an evaluation.

    After a step, `loss` and `figures` are the step's: NaN and nothing where it was skipped. After an evaluation,
    `loss` is the mean since the evaluation before, and `evaluation` and `history` (of all evaluations) are there.
    """

    pass_number: int
    passes: int
    step: int
    """Steps done in this pass, out of `steps`."""
    steps: int
    run_step: int
    """Steps done in the whole run, out of `run_steps` unless patience ends it."""
    run_steps: int
    seconds: float
    """Spent on steps so far (data, forward, backward, update), also before interruptions; not on evaluations."""
    loss: float
    skipped: int
    figures: Mapping[str, float] = field(default_factory=dict)
    evaluation: Evaluation | None = None
    history: tuple[Mapping[str, float], ...] = ()

    @property
    def is_best(self) -> bool:
        """Whether the evaluation is the best so far: of equal scores the first is, and any number beats NaN."""
        if not self.history:
            return False
        *earlier, last = [row["score"] for row in self.history]
        return not earlier or not (math.isnan(last) or any(score <= last for score in earlier))


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """A finished run. The module holds the (averaged) weights of the best evaluation."""

    best: int
    """Which row of the history has the lowest score."""
    history: tuple[Mapping[str, float], ...]
    """Of every evaluation: pass, step, seconds, mean training loss since the one before, and the figures."""
    skipped: int
    steps: int
    seconds: float = field(compare=False)
    """Spent on steps, over all interruptions."""

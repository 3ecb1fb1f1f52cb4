"""The training loop: explicit, on one device, and resumable to the bit at any step.

A step draws its random numbers (dropout, reparameterised samples) from a seed made of the run's seed and the step's
number, and batches come in an order that depends on the seed and the pass alone. So there is no generator state to
carry over: weights, moments and counters are the whole state of a run.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Generic, Literal, Protocol, TypeVar, runtime_checkable

import numpy as np
import torch
from lightning_fabric import Fabric
from torch import Generator, Tensor, nn
from torch.optim import Optimizer

from latentia.errors import TrainingError
from latentia.training.checkpoint import Extras, load_checkpoint, save_checkpoint

Batch = TypeVar("Batch")
BatchOut = TypeVar("BatchOut", covariant=True)
Precision = Literal["32-true", "bf16-mixed", "16-mixed"]


@runtime_checkable
class Batches(Protocol[BatchOut]):
    """Batches in an order that depends on the number of the pass and nothing else."""

    def __len__(self) -> int:
        """Batches in one pass."""

    def of_pass(self, number: int, first: int) -> Iterator[BatchOut]:
        """Yield the batches of pass `number` (0, 1, …), from place `first` on."""


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """Result on held-out data; a lower `score` is better. `figures` are shown and kept, by name."""

    score: float
    figures: Mapping[str, float]


@dataclass(frozen=True, kw_only=True)
class Task(Generic[Batch]):
    """What is trained, on what, towards what.

    `loss` gives a scalar to minimise; random numbers that do not go to a device come from its generator.
    """

    module: nn.Module
    optimizer: Optimizer
    batches: Batches[Batch]
    loss: Callable[[nn.Module, Batch, Generator], Tensor]
    evaluate: Callable[[nn.Module], Evaluation]


@dataclass(frozen=True, kw_only=True)
class LoopSettings:
    """How long to train, and what to do when it goes wrong."""

    seed: int
    passes: int
    patience: int
    """Stop after this many passes without a better score."""
    checkpoint_steps: int = 500
    """Steps between checkpoints; there is one more after every pass."""
    bad_steps: int = 20
    """Stop after this many steps in a row whose loss or gradient was not finite. One or two happen under mixed
    precision; a run whose weights are beyond repair has nothing else."""
    precision: Precision = "32-true"
    accelerator: str = "auto"


@dataclass(frozen=True, kw_only=True)
class Progress:
    """Where a run is, after a step, or after the evaluation that ends a pass.

    `evaluation` and `history`, the figures of every pass so far, come with the end of a pass only.
    """

    pass_number: int
    passes: int
    step: int
    steps: int
    loss: float
    skipped: int
    evaluation: Evaluation | None = None
    history: tuple[Mapping[str, float], ...] = ()


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """A finished run. The module holds the weights of `best_pass` (counted from 0)."""

    best_pass: int
    history: tuple[Mapping[str, float], ...]
    skipped: int


@dataclass(kw_only=True)
class _State:
    """All counters of a run; with weights and moments, all there is to resume from."""

    pass_number: int = 0
    place: int = 0
    step: int = 0
    skipped: int = 0
    bad_in_row: int = 0
    loss_sum: float = 0.0
    loss_steps: int = 0
    best_score: float | None = None
    best_pass: int = 0
    finished: bool = False
    history: list[dict[str, float]] = field(default_factory=list)

    @property
    def mean_loss(self) -> float:
        return self.loss_sum / self.loss_steps if self.loss_steps else math.nan


def fit(
    task: Task[Batch],
    settings: LoopSettings,
    *,
    checkpoint: Path,
    resume: bool = False,
    on_progress: Callable[[Progress], None] = lambda progress: None,
) -> Outcome:
    """Train until the score stops getting better or the passes are used up, and leave the best weights in the module.

    With `resume`, go on from `checkpoint` if it is there; the result equals an uninterrupted run's to the bit on the
    same machine with the same number of threads. Errors: TrainingError after too many non-finite steps in a row;
    CheckpointError where the checkpoint is not this task's; OSError where it cannot be written.
    """
    run = _Run(task, settings, checkpoint, on_progress)
    if resume and checkpoint.exists():
        run.restore()
    while not run.state.finished:
        run.train_pass()
        run.end_pass()
    task.module.load_state_dict(run.best)
    return Outcome(best_pass=run.state.best_pass, history=tuple(run.state.history), skipped=run.state.skipped)


class _Run(Generic[Batch]):
    def __init__(
        self, task: Task[Batch], settings: LoopSettings, checkpoint: Path, on_progress: Callable[[Progress], None]
    ) -> None:
        self.task = task
        self.settings = settings
        self.checkpoint = checkpoint
        self.on_progress = on_progress
        self.fabric = Fabric(accelerator=settings.accelerator, devices=1, precision=settings.precision)
        self.module, self.optimizer = self.fabric.setup(task.module, task.optimizer)
        self.state = _State()
        self.best = _copy(task.module.state_dict())

    def restore(self) -> None:
        extras = load_checkpoint(self.checkpoint, module=self.task.module, optimizer=self.task.optimizer)
        self.state = _State(**extras.facts)
        self.best = dict(extras.tensors)

    def save(self) -> None:
        if self.state.bad_in_row == 0:  # the last good state stays on disk while steps go wrong
            extras = Extras(tensors=self.best, facts=asdict(self.state))
            save_checkpoint(self.checkpoint, module=self.task.module, optimizer=self.task.optimizer, extras=extras)

    def train_pass(self) -> None:
        state = self.state
        self.module.train()
        for batch in self.task.batches.of_pass(state.pass_number, state.place):
            loss = self.train_step(self.fabric.to_device(batch))
            state.place += 1
            state.step += 1
            self.count(loss)
            self.on_progress(self.progress(loss))
            if state.step % self.settings.checkpoint_steps == 0 and state.place < len(self.task.batches):
                self.save()

    def train_step(self, batch: Batch) -> float:
        """Take one step; give its loss, or NaN where it was skipped."""
        with _seeded(self.settings.seed, self.state.step, self.fabric.device) as generator:
            self.optimizer.zero_grad()
            with self.fabric.autocast():
                loss = self.task.loss(self.module, batch, generator)
            self.fabric.backward(loss)
        if not bool(torch.isfinite(loss) & torch.isfinite(_gradient_norm(self.task.module))):
            return math.nan
        self.optimizer.step()
        return float(loss.detach())

    def count(self, loss: float) -> None:
        state = self.state
        if math.isnan(loss):
            state.skipped += 1
            state.bad_in_row += 1
        else:
            state.bad_in_row = 0
            state.loss_sum += loss
            state.loss_steps += 1
        if state.bad_in_row >= self.settings.bad_steps:
            where = (
                f"the last good checkpoint is {self.checkpoint}"
                if self.checkpoint.exists()
                else "no checkpoint was made"
            )
            raise TrainingError(
                f"{state.bad_in_row} steps in a row, up to step {state.step}, had a loss or a gradient that is not "
                f"finite; {where}."
            )

    def end_pass(self) -> None:
        """Evaluate, keep the best weights, decide whether to go on."""
        state = self.state
        self.module.eval()
        with torch.inference_mode(), self.fabric.autocast():
            evaluation = self.task.evaluate(self.module)
        if math.isfinite(evaluation.score) and (state.best_score is None or evaluation.score < state.best_score):
            state.best_score, state.best_pass = evaluation.score, state.pass_number
            self.best = _copy(self.task.module.state_dict())
        state.history.append({"pass": state.pass_number, "loss": state.mean_loss, **evaluation.figures})
        self.on_progress(self.progress(state.mean_loss, evaluation))
        stale = state.pass_number - state.best_pass
        state.pass_number += 1
        state.place, state.loss_sum, state.loss_steps = 0, 0.0, 0
        state.finished = stale >= self.settings.patience or state.pass_number >= self.settings.passes
        self.save()

    def progress(self, loss: float, evaluation: Evaluation | None = None) -> Progress:
        return Progress(
            pass_number=self.state.pass_number,
            passes=self.settings.passes,
            step=self.state.place,
            steps=len(self.task.batches),
            loss=loss,
            skipped=self.state.skipped,
            evaluation=evaluation,
            history=tuple(self.state.history) if evaluation else (),
        )


@contextmanager
def _seeded(seed: int, step: int, device: torch.device) -> Iterator[Generator]:
    """Seed torch for one step, and give a CPU generator of its own; the caller's random state is put back after."""
    number = int(np.random.SeedSequence([seed, step]).generate_state(1, np.uint64)[0])
    cuda = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices=cuda):
        torch.manual_seed(number)
        yield Generator().manual_seed(number ^ 1)


def _gradient_norm(module: nn.Module) -> Tensor:
    norms = [parameter.grad.norm() for parameter in module.parameters() if parameter.grad is not None]
    total: Tensor = torch.stack(norms).norm()
    return total


def _copy(weights: Mapping[str, Any]) -> dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in weights.items()}

"""The training loop: explicit, in one process or several, and resumable to the bit at any step.

A step draws its random numbers (dropout, reparameterised samples) from a seed made of the run's seed and the step's
number, and batches come in an order that depends on the seed and the pass alone. So there is no generator state to
carry over: weights, their average, moments and counters are the whole state of a run.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass, field
from functools import partial
from itertools import islice
from pathlib import Path
from time import perf_counter
from typing import Any, Generic

import torch
from torch import Tensor, nn

from latentia.errors import CheckpointError, SettingError, TrainingError
from latentia.randomness import seeded
from latentia.training.batch_norm import BATCHES, keeps_statistics, renew_statistics
from latentia.training.checkpoint import Extras, load_checkpoint, save_checkpoint
from latentia.training.processes import launch, of_first
from latentia.training.steps import Stepper, StepResult
from latentia.training.task import Batch, Evaluation, LoopSettings, Outcome, Progress, Task
from latentia.training.weight_average import WeightAverage


def fit(
    task: Task[Batch],
    settings: LoopSettings,
    *,
    checkpoint: Path,
    resume: bool = False,
    on_progress: Callable[[Progress], None] = lambda progress: None,
    on_evaluation: Callable[[nn.Module, Progress], None] = lambda module, progress: None,
) -> Outcome:
    """Train to the set length or until the score stops getting better, and leave the best weights in the module.

    With `resume`, go on from `checkpoint` if it is there; the result equals an uninterrupted run's to the bit on the
    same machine with the same number of threads. `on_evaluation` gets the module as it was evaluated, for pictures.
    Of several processes (`torchrun`), the first alone writes and reports; all leave the same weights.

    Errors: TrainingError after too many non-finite steps in a row; CheckpointError where the checkpoint is not this
    task's; SettingError where batches are missing or cannot be cut as set; OSError where the file cannot be written.
    """
    run = _Run(task, settings, checkpoint, on_progress, on_evaluation)
    if resume:
        run.restore()
    while not run.finished:
        run.train_pass()
    task.module.load_state_dict(run.best)
    state = run.state
    return Outcome(
        best=state.best, history=tuple(state.history), skipped=state.skipped, steps=state.step, seconds=state.seconds
    )


@dataclass(kw_only=True)
class _State:
    """All counters of a run; with weights, averages and moments, all there is to resume from."""

    pass_number: int = 0
    place: int = 0
    step: int = 0
    seconds: float = 0.0
    skipped: int = 0
    bad_in_row: int = 0
    loss_sum: float = 0.0
    loss_steps: int = 0
    updates: int = 0
    best: int = 0
    best_score: float = math.nan
    history: list[dict[str, float]] = field(default_factory=list)
    scaler: dict[str, float] = field(default_factory=dict)

    @property
    def mean_loss(self) -> float:
        return self.loss_sum / self.loss_steps if self.loss_steps else math.nan


class _Run(Generic[Batch]):
    def __init__(
        self,
        task: Task[Batch],
        settings: LoopSettings,
        checkpoint: Path,
        on_progress: Callable[[Progress], None],
        on_evaluation: Callable[[nn.Module, Progress], None],
    ) -> None:
        if not len(task.batches):
            raise SettingError("Training needs at least one batch in a pass; there is none.")
        self.task = task
        self.settings = settings
        self.checkpoint = checkpoint
        self.has_checkpoint = False
        self.on_progress = on_progress
        self.on_evaluation = on_evaluation
        self.fabric = launch(settings)
        self.stepper = Stepper(task, settings, self.fabric)
        decay = settings.average_decay
        self.average = None if decay is None else WeightAverage(task.module, decay)
        self.state = _State()
        self.best = _copy(task.module.state_dict())
        self.run_steps = settings.steps or (settings.passes or 0) * len(task.batches)

    @property
    def finished(self) -> bool:
        patience, state = self.settings.patience, self.state
        stale = len(state.history) - 1 - state.best
        return state.step >= self.run_steps or (patience is not None and stale >= patience)

    def train_pass(self) -> None:
        """Take the steps that are left of a pass, or of the run where it ends before."""
        started = perf_counter()
        for batch in self.task.batches.of_pass(self.state.pass_number, self.state.place):
            self.task.module.train()
            result = self.stepper.take(batch, self.state.step)
            if self.average is not None and not result.skipped:
                self.average.update()
            self.state.seconds += perf_counter() - started
            self.after_step(result)
            if self.finished or not self.state.place:
                return
            started = perf_counter()
        raise TrainingError(
            f"Pass {self.state.pass_number + 1} ended after {self.state.place} of {len(self.task.batches)} batches."
        )

    def after_step(self, result: StepResult) -> None:
        """Count, report, and where it is time evaluate and save."""
        state, every = self.state, self.settings.evaluate_steps
        state.place += 1
        state.step += 1
        self.count(result)
        self.report(self.progress(loss=result.loss, figures=result.figures))
        pass_ended = state.place == len(self.task.batches)
        evaluate = (state.step % every == 0 if every else pass_ended) or state.step == self.run_steps
        if evaluate:
            self.evaluate()
        if pass_ended:
            state.pass_number += 1
            state.place = 0
        if evaluate or state.step % self.settings.checkpoint_steps == 0:
            self.save()

    def count(self, result: StepResult) -> None:
        state = self.state
        if result.skipped:
            state.skipped += 1
            state.bad_in_row += 1
        else:
            state.bad_in_row = 0
            state.loss_sum += result.loss
            state.loss_steps += 1
        if state.bad_in_row >= self.settings.bad_steps:
            where = (
                f"the last good checkpoint is {self.checkpoint}" if self.has_checkpoint else "no checkpoint was made"
            )
            raise TrainingError(
                f"{state.bad_in_row} steps in a row, up to step {state.step}, had a loss or a gradient that is not "
                f"finite; {where}."
            )

    def evaluate(self) -> None:
        """Evaluate the averaged weights, and keep them where they are the best so far."""
        state, module = self.state, self.task.module.eval()
        with self.average.in_place() if self.average else nullcontext():
            if keeps_statistics(module):
                batches = islice(self.task.batches.of_pass(0, 0), BATCHES)
                renew_statistics(module, (partial(self.stepper.look, *item) for item in enumerate(batches)))
            # The same draws each time (and in each process): scores then differ by the weights alone.
            with self.inference(), seeded(self.settings.seed, device=self.fabric.device):
                evaluation = self.task.evaluate(module)
            score = of_first(self.fabric, evaluation.score)
            if not state.history or _better(score, state.best_score):
                state.best, state.best_score = len(state.history), score
                self.best = _copy(module.state_dict())
            row = {"pass": state.pass_number, "step": state.step, "seconds": state.seconds, "loss": state.mean_loss}
            state.history.append({**row, "score": score, **evaluation.figures})
            progress = self.progress(loss=state.mean_loss, evaluation=evaluation)
            if self.fabric.is_global_zero:
                with self.inference():
                    self.on_evaluation(module, progress)
        self.report(progress)
        state.loss_sum, state.loss_steps = 0.0, 0

    @contextmanager
    def inference(self) -> Iterator[None]:
        with torch.inference_mode(), self.fabric.autocast():
            yield

    def report(self, progress: Progress) -> None:
        if self.fabric.is_global_zero:
            self.on_progress(progress)

    def progress(
        self, *, loss: float, figures: Mapping[str, float] | None = None, evaluation: Evaluation | None = None
    ) -> Progress:
        state, places = self.state, len(self.task.batches)
        return Progress(
            pass_number=state.pass_number,
            passes=-(-self.run_steps // places),
            step=state.place,
            steps=places,
            run_step=state.step,
            run_steps=self.run_steps,
            seconds=state.seconds,
            loss=loss,
            skipped=state.skipped,
            figures=figures or {},
            evaluation=evaluation,
            history=tuple(state.history) if evaluation else (),
        )

    def save(self) -> None:
        """Write a checkpoint, unless things go wrong: then the last good state stays on disk."""
        if self.state.bad_in_row or not _finite(self.task.module):
            return
        self.has_checkpoint = True
        if not self.fabric.is_global_zero:
            return
        tensors = {f"best.{name}": value for name, value in self.best.items()}
        if self.average is not None:
            tensors |= {f"average.{name}": value for name, value in self.average.state().items()}
            self.state.updates = self.average.updates
        if self.stepper.scaler is not None:
            self.state.scaler = self.stepper.scaler.state_dict()
        extras = Extras(tensors=tensors, facts=asdict(self.state))
        save_checkpoint(self.checkpoint, module=self.task.module, optimizer=self.task.optimizer, extras=extras)

    def restore(self) -> None:
        """Go on from the checkpoint, if the first process sees one."""
        if not of_first(self.fabric, float(self.checkpoint.exists())):
            return
        extras = load_checkpoint(self.checkpoint, module=self.task.module, optimizer=self.task.optimizer)
        self.has_checkpoint = True
        self.state = _State(**extras.facts)
        self.best = _under("best.", extras.tensors)
        averages = _under("average.", extras.tensors)
        if (self.average is None) != (not averages):
            kind = "without" if self.average else "with"
            raise CheckpointError(f"The checkpoint {self.checkpoint} is of a training {kind} averaged weights.")
        if self.average is not None:
            self.average.restore(averages, self.state.updates)
        if self.stepper.scaler is not None and self.state.scaler:
            self.stepper.scaler.load_state_dict(self.state.scaler)


def _better(score: float, best: float) -> bool:
    return score < best or (math.isnan(best) and not math.isnan(score))


def _under(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}


def _finite(module: nn.Module) -> bool:
    # A last finite step may have been so long that it left weights that are not.
    return all(bool(torch.isfinite(parameter).all()) for parameter in module.parameters())


def _copy(weights: Mapping[str, Any]) -> dict[str, Tensor]:
    return {name: value.detach().to("cpu", copy=True) for name, value in weights.items()}

"""One step of a training: micro-batches, gradients, the guard against what is not finite, the update."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Generic

import torch
from lightning_fabric import Fabric
from torch import Generator, Tensor, nn

from latentia.randomness import seeded, stream
from latentia.training.processes import part_of, total
from latentia.training.task import Batch, LoopSettings, Loss, StepContext, Task

GENERATOR, LOOK = 1, 2
"""Set apart the streams of a part's CPU generator and of looking at it from that of torch's own state."""


@dataclass(frozen=True, kw_only=True)
class StepResult:
    """Loss and figures of a step, means over its micro-batches; NaN and nothing where it was skipped."""

    loss: float
    figures: Mapping[str, float] = field(default_factory=dict)

    @property
    def skipped(self) -> bool:
        """Whether the step changed nothing, because its loss or gradient was not finite."""
        return math.isnan(self.loss)


class _Entrance(nn.Module):
    """What several processes wrap: gradients are averaged for whatever is computed inside its call.

    So a loss gets the module itself and may call more than its `forward`.
    """

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, compute: Callable[[], tuple[Tensor, Tensor]]) -> tuple[Tensor, Tensor]:
        return compute()


class Stepper(Generic[Batch]):
    """Takes the steps of a task.

    Micro-batch m of a step draws its random numbers from (seed, step, m), so that a step depends neither on the
    steps before nor, but for the order of sums, on the number of processes.
    """

    def __init__(self, task: Task[Batch], settings: LoopSettings, fabric: Fabric) -> None:
        self.task = task
        self.settings = settings
        self.fabric = fabric
        self.entrance, self.optimizer = fabric.setup(_Entrance(task.module), task.optimizer)
        self.rates = [group["lr"] for group in task.optimizer.param_groups]
        self.figure_names: tuple[str, ...] = ()
        # Only fp16 has one; gradients are its multiples of the true ones until they are unscaled.
        self.scaler: torch.amp.GradScaler | None = getattr(fabric.strategy.precision, "scaler", None)

    def take(self, batch: Batch, step: int) -> StepResult:
        """Take step number `step`, or skip it: then weights, moments and buffers stay what they were."""
        for group, rate in zip(self.task.optimizer.param_groups, self.rates, strict=True):
            group["lr"] = rate * self.task.rate(step)
        buffers = [buffer.clone() for buffer in self.task.module.buffers()]
        self.optimizer.zero_grad()
        parts = range(self.fabric.global_rank, self.settings.micro_batches, self.fabric.world_size)
        sums = torch.stack([self._accumulate(batch, step, part, last=part == parts[-1]) for part in parts]).sum(0)
        norm = self._gradient_norm()
        bad = (~torch.isfinite(norm)).to(sums)
        *means, bad_anywhere = total(self.fabric, torch.cat([sums / self.settings.micro_batches, bad[None]])).tolist()
        if math.isfinite(means[0]) and not bad_anywhere:
            self.optimizer.step()
            figures = dict(zip(self.figure_names, means[1:], strict=True))
            self.task.after_step(figures)
            return StepResult(loss=means[0], figures=figures)
        self._undo(buffers)
        return StepResult(loss=math.nan)

    def look(self, place: int, batch: Batch) -> None:
        """Compute the loss of all micro-batches of batch number `place`, and learn nothing from it."""
        settings, device = self.settings, self.fabric.device
        for part in range(settings.micro_batches):
            own = self.fabric.to_device(part_of(batch, part, settings.micro_batches))
            generator = Generator().manual_seed(stream(settings.seed, place, part, LOOK))
            with seeded(settings.seed, place, part, LOOK, device=device), self.fabric.autocast():
                self.task.loss(self.task.module, own, StepContext(step=place, generator=generator))

    def _accumulate(self, batch: Batch, step: int, part: int, *, last: bool) -> Tensor:
        """Add one micro-batch's gradient, and give its loss and figures."""
        settings, device = self.settings, self.fabric.device
        own = self.fabric.to_device(part_of(batch, part, settings.micro_batches))
        generator = Generator().manual_seed(stream(settings.seed, step, part, GENERATOR))
        context = StepContext(step=step, generator=generator)
        with (
            seeded(settings.seed, step, part, device=device),
            self.fabric.no_backward_sync(self.entrance, enabled=not last),
        ):
            outputs: tuple[Tensor, Tensor] = self.entrance(lambda: self._compute(own, context))
            loss, numbers = outputs
            # Processes average their gradients, so each one's sum is over its own share of the parts.
            self.fabric.backward(loss * (self.fabric.world_size / settings.micro_batches))
        return numbers

    def _compute(self, batch: Batch, context: StepContext) -> tuple[Tensor, Tensor]:
        loss = self.task.loss(self.task.module, batch, context)
        if isinstance(loss, Tensor):
            loss = Loss(value=loss)
        self.figure_names = tuple(loss.figures)
        value = loss.value.detach().to(torch.promote_types(loss.value.dtype, torch.float32))
        figures = [torch.as_tensor(figure).detach().to(value) for figure in loss.figures.values()]
        return loss.value, torch.stack([value, *figures])

    def _gradient_norm(self) -> Tensor:
        if self.scaler is not None:
            self.scaler.unscale_(self.task.optimizer)
        clip = math.inf if self.settings.clip_norm is None else self.settings.clip_norm
        norm: Tensor = torch.nn.utils.clip_grad_norm_(self.task.module.parameters(), clip)
        return norm

    def _undo(self, buffers: list[Tensor]) -> None:
        """Put back what the forward pass changed (batch norm's statistics), and lower the scale of fp16.

        A scale that stayed would overflow again at the next step, and at every one after it.
        """
        for buffer, before in zip(self.task.module.buffers(), buffers, strict=True):
            buffer.copy_(before)
        if self.scaler is not None:
            self.scaler.update()

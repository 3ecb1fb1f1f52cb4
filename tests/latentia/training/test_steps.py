from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import pytest
import torch
from lightning_fabric import Fabric
from lightning_fabric.plugins.precision import MixedPrecision
from torch import Generator, Tensor, nn

from latentia.training import Evaluation, LoopSettings, Loss, StepContext, Task
from latentia.training.steps import Stepper


@dataclass(frozen=True)
class NoBatches:
    def __len__(self) -> int:
        return 1

    def of_pass(self, number: int, first: int) -> Iterator[Tensor]:
        yield from ()


def squares(module: nn.Module, batch: Tensor, context: StepContext) -> Tensor:
    return module(batch).to(batch.dtype).square().mean()


def stepper(
    module: nn.Module,
    *,
    loss: Callable[[nn.Module, Any, StepContext], Tensor | Loss] = squares,
    rate: Callable[[int], float] = lambda step: 1.0,
    fabric: Fabric | None = None,
    fused: bool | None = None,
    **changes: Any,
) -> Stepper[Tensor]:
    task = Task(
        module=module,
        optimizer=torch.optim.Adam(module.parameters(), lr=0.1, fused=fused),
        batches=NoBatches(),
        loss=loss,
        evaluate=lambda module: Evaluation(score=0.0, figures={}),
        rate=rate,
    )
    return Stepper(task, LoopSettings(seed=0, steps=1, **changes), fabric or Fabric(accelerator="cpu", devices=1))


def linear(dtype: torch.dtype = torch.float64) -> nn.Linear:
    module = nn.Linear(3, 1, dtype=dtype)
    with torch.no_grad():
        module.weight.copy_(torch.tensor([[1.0, -2.0, 0.5]]))
        module.bias.fill_(0.25)
    return module


def points(count: int = 8, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.randn(count, 3, generator=Generator().manual_seed(1), dtype=dtype)


@pytest.mark.parametrize("parts", [1, 2, 4, 8])
def test_micro_batches_together_have_the_gradient_of_the_whole_batch(parts: int) -> None:
    whole, cut = linear(), linear()
    first = stepper(whole).take(points(), 0)
    second = stepper(cut, micro_batches=parts).take(points(), 0)
    assert second.loss == pytest.approx(first.loss, rel=1e-12)
    torch.testing.assert_close(cut.weight.grad, whole.weight.grad, rtol=1e-12, atol=0)
    torch.testing.assert_close(cut.weight, whole.weight, rtol=1e-12, atol=0)


def test_every_step_and_part_draws_numbers_of_its_own_and_the_same_again() -> None:
    def run() -> list[tuple[float, float]]:
        seen = []

        def draw(module: nn.Module, batch: Tensor, context: StepContext) -> Tensor:
            seen.append((float(torch.rand(())), float(torch.rand((), generator=context.generator))))
            return module(batch).mean()

        steps = stepper(linear(), loss=draw, micro_batches=2)
        for step in range(3):
            steps.take(points(), step)
        return seen

    numbers = run()
    assert numbers == run()
    assert len({number for pair in numbers for number in pair}) == 12


def test_the_loss_is_told_the_number_of_the_step() -> None:
    told = []

    def loss(module: nn.Module, batch: Tensor, context: StepContext) -> Tensor:
        told.append(context.step)
        return module(batch).mean()

    steps = stepper(linear(), loss=loss, micro_batches=2)
    steps.take(points(), 4)
    steps.take(points(), 5)
    assert told == [4, 4, 5, 5]


def test_figures_are_means_over_the_parts_and_may_be_tensors_or_numbers() -> None:
    def loss(module: nn.Module, batch: Tensor, context: StepContext) -> Loss:
        value = module(batch).mean()
        return Loss(value=value, figures={"first": batch[0, 0], "count": len(batch), "value": 2 * value})

    result = stepper(linear(), loss=loss, micro_batches=2).take(points(), 0)
    assert result.figures["first"] == pytest.approx(float(points()[[0, 4], 0].mean()))
    assert result.figures["count"] == 4
    assert result.figures["value"] == pytest.approx(2 * result.loss)


def test_after_a_step_the_task_gets_the_figures_of_all_its_parts_once_and_none_of_a_skipped_step() -> None:
    told: list[Mapping[str, float]] = []

    def loss(module: nn.Module, batch: Tensor, context: StepContext) -> Loss:
        return Loss(value=module(batch).mean(), figures={"first": batch[0, 0]})

    steps = stepper(linear(), loss=loss, micro_batches=2)
    steps.task = replace(steps.task, after_step=told.append)
    result = steps.take(points(), 0)
    steps.take(points() * torch.nan, 1)
    steps.look(0, points())
    assert told == [result.figures]


def test_the_rate_of_a_step_multiplies_the_learning_rate() -> None:
    module = linear()
    before = module.weight.detach().clone()
    steps = stepper(module, rate=lambda step: 0.5**step)
    for step in (3, 1):  # in any order: there is no state
        steps.take(points(), step)
        assert steps.task.optimizer.param_groups[0]["lr"] == pytest.approx(0.1 * 0.5**step)
    still = module.weight.detach().clone()
    stepper(module, rate=lambda step: 0.0).take(points(), 0)
    assert not torch.equal(before, still)
    assert torch.equal(module.weight, still)


def test_a_gradient_longer_than_the_limit_is_shortened_to_it_and_a_shorter_one_is_left_alone() -> None:
    free, short, loose = linear(), linear(), linear()
    stepper(free).take(points(), 0)
    stepper(short, clip_norm=0.01).take(points(), 0)
    stepper(loose, clip_norm=1e6).take(points(), 0)
    lengths = [torch.cat([p.grad.flatten() for p in module.parameters()]).norm() for module in (free, short)]
    assert lengths[0] > 1
    assert float(lengths[1]) == pytest.approx(0.01, rel=1e-4)
    assert torch.equal(loose.weight.grad, free.weight.grad)


@pytest.mark.parametrize("parts", [1, 2])
@pytest.mark.parametrize("clip_norm", [None, 1.0])
def test_a_step_that_is_not_finite_in_one_part_changes_nothing_not_even_buffers(
    parts: int, clip_norm: float | None
) -> None:
    module = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 1)).double()
    steps = stepper(module, micro_batches=parts, clip_norm=clip_norm)
    steps.take(points(), 0)
    before = {name: value.clone() for name, value in module.state_dict().items()}
    spoiled = points()
    spoiled[-1, 0] = math.inf
    result = steps.take(spoiled, 1)
    assert result.skipped
    assert not result.figures
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())
    assert not steps.take(points(), 2).skipped


def test_an_infinite_gradient_of_a_finite_loss_is_noticed() -> None:
    def root(module: nn.Module, batch: Tensor, context: StepContext) -> Tensor:
        return (module(batch) * 0).abs().sqrt().sum()

    assert stepper(linear(), loss=root).take(points(), 0).skipped


def half_precision() -> Fabric:
    # Fabric refuses fp16 on processors by name; its plug-in works there, slowly.
    return Fabric(accelerator="cpu", devices=1, plugins=[MixedPrecision("16-mixed", device="cpu")])


@pytest.mark.parametrize("fused", [False, True])
def test_overflow_in_half_precision_lowers_the_scale_until_training_goes_on(fused: bool) -> None:
    module = linear(torch.float32)
    steps = stepper(module, fabric=half_precision(), fused=fused, micro_batches=2)
    assert steps.scaler is not None
    large = 3 * points(dtype=torch.float32)  # its gradient times the first scale, 65,536, is beyond 65,504
    skipped = [steps.take(large, step).skipped for step in range(12)]
    assert skipped[0]
    assert not skipped[-1]
    assert skipped == sorted(skipped, reverse=True)
    assert steps.scaler.get_scale() < 65536
    assert torch.isfinite(module.weight).all()


def test_gradients_in_half_precision_are_unscaled_before_they_are_clipped() -> None:
    module = linear(torch.float32)
    steps = stepper(module, fabric=half_precision(), clip_norm=0.01)
    assert not steps.take(0.01 * points(dtype=torch.float32), 0).skipped
    length = torch.cat([parameter.grad.flatten() for parameter in module.parameters()]).norm()
    assert float(length) == pytest.approx(0.01, rel=1e-2)


def test_bad_data_in_half_precision_does_not_freeze_training() -> None:
    steps = stepper(linear(torch.float32), fabric=half_precision())
    bad = torch.full((4, 3), math.nan)
    assert all(steps.take(bad, step).skipped for step in range(5))
    assert not steps.take(0.1 * points(dtype=torch.float32), 5).skipped

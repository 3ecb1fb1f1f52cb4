from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from lightning_fabric import Fabric
from lightning_fabric.plugins.precision import MixedPrecision
from torch import Generator, Tensor, nn

from latentia.errors import CheckpointError, SettingError, TrainingError
from latentia.training import Evaluation, LoopSettings, Outcome, Progress, StepContext, Task, fit

BATCHES = 5


@dataclass(frozen=True)
class RandomBatches:
    """Points of a line with noise; `spoiled` batches (pass, place) hold a NaN."""

    spoiled: frozenset[tuple[int, int]] = frozenset()

    def __len__(self) -> int:
        return BATCHES

    def of_pass(self, number: int, first: int) -> Iterator[tuple[Tensor, Tensor]]:
        for place in range(first, BATCHES):
            x = np.random.default_rng([number, place]).normal(size=(8, 3)).astype(np.float32)
            y = x.sum(axis=1, keepdims=True)
            if (number, place) in self.spoiled:
                x[0, 0] = np.nan
            yield torch.from_numpy(x), torch.from_numpy(y)


class Kill(BaseException):
    """Stands in for a signal: nothing in the library catches it."""


def network() -> nn.Module:
    # Dropout, so that a run whose random numbers were not repeated would differ.
    module = nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Dropout(0.3), nn.Linear(8, 1))
    generator = Generator().manual_seed(5)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.normal_(0, 0.3, generator=generator)
    return module


def squares(module: nn.Module, batch: tuple[Tensor, Tensor], context: StepContext) -> Tensor:
    x, y = batch
    jitter = 0.01 * torch.randn(x.shape, generator=context.generator)
    return (module(x + jitter) - y).square().mean()


def held_out(module: nn.Module) -> Evaluation:
    x = torch.linspace(-1, 1, 12).reshape(4, 3)
    error = float((module(x) - x.sum(dim=1, keepdim=True)).square().mean())
    return Evaluation(score=error, figures={"error": error})


def task(
    module: nn.Module,
    *,
    spoiled: frozenset[tuple[int, int]] = frozenset(),
    evaluate: Callable[[nn.Module], Evaluation] = held_out,
) -> Task[tuple[Tensor, Tensor]]:
    optimizer = torch.optim.Adam(module.parameters(), lr=0.05, fused=True)
    return Task(module=module, optimizer=optimizer, batches=RandomBatches(spoiled), loss=squares, evaluate=evaluate)


def short(**changes: Any) -> LoopSettings:
    return LoopSettings(**{"seed": 1, "passes": 4, "patience": 4, "checkpoint_steps": 3, **changes})


EVERYTHING = {"average_decay": 0.8, "micro_batches": 4, "clip_norm": 0.5, "evaluate_steps": 4}


def run(
    folder: Path,
    *,
    resume: bool = False,
    kill_at: int | None = None,
    spoiled: frozenset[tuple[int, int]] = frozenset(),
    **changes: Any,
) -> tuple[dict[str, Tensor], Outcome]:
    module = network()
    steps = 0

    def watch(progress: Progress) -> None:
        nonlocal steps
        steps += 1
        if steps == kill_at:
            raise Kill

    outcome = fit(
        task(module, spoiled=spoiled),
        short(**changes),
        checkpoint=folder / "c.safetensors",
        resume=resume,
        on_progress=watch,
    )
    return module.state_dict(), outcome


def equal(first: dict[str, Tensor], second: dict[str, Tensor]) -> bool:
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


def same(first: Outcome, second: Outcome) -> bool:
    """Equal but for the time they took."""
    rows = [[{**row, "seconds": 0} for row in outcome.history] for outcome in (first, second)]
    return rows[0] == rows[1] and replace(first, history=()) == replace(second, history=())


@settings(max_examples=10)
@given(kills=st.lists(st.integers(1, 4 * (BATCHES + 1)), max_size=4), changes=st.sampled_from([{}, EVERYTHING]))
def test_a_run_that_is_killed_and_resumed_gives_the_weights_of_an_uninterrupted_one(
    kills: list[int], changes: dict[str, Any]
) -> None:
    spoiled = frozenset({(0, 4), (2, 1)})
    with TemporaryDirectory() as one, TemporaryDirectory() as other:
        weights, outcome = run(Path(one), spoiled=spoiled, **changes)
        for kill_at in kills:
            try:
                run(Path(other), resume=True, kill_at=kill_at, spoiled=spoiled, **changes)
            except Kill:
                continue
        again, outcome_again = run(Path(other), resume=True, spoiled=spoiled, **changes)
    assert equal(weights, again)
    assert same(outcome, outcome_again)


def test_the_scale_of_half_precision_is_gone_on_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # The loop refuses fp16 on processors; its plug-in works there, slowly.
    monkeypatch.setattr(
        "latentia.training.loop.launch",
        lambda settings: Fabric(accelerator="cpu", devices=1, plugins=[MixedPrecision("16-mixed", device="cpu")]),
    )
    (tmp_path / "one").mkdir()
    (tmp_path / "other").mkdir()
    weights, outcome = run(tmp_path / "one", bad_steps=15)
    assert outcome.skipped > 1  # the first scale is too large here, so that a run that began with it again would differ
    with pytest.raises(Kill):
        run(tmp_path / "other", kill_at=BATCHES + 6, bad_steps=15)
    again, outcome_again = run(tmp_path / "other", resume=True, bad_steps=15)
    assert same(outcome, outcome_again)
    assert equal(weights, again)


def test_a_resumed_run_does_not_begin_again(tmp_path: Path) -> None:
    with pytest.raises(Kill):
        run(tmp_path, kill_at=BATCHES + 1 + 4)
    seen: list[Progress] = []
    fit(task(network()), short(), checkpoint=tmp_path / "c.safetensors", resume=True, on_progress=seen.append)
    assert (seen[0].pass_number, seen[0].step) == (1, 2)  # the checkpoint of step 6 is the first of the second pass


def test_without_resume_an_old_checkpoint_is_not_looked_at(tmp_path: Path) -> None:
    first, _ = run(tmp_path)
    second, _ = run(tmp_path)
    assert equal(first, second)


def test_a_finished_run_resumes_to_its_result_without_another_step(tmp_path: Path) -> None:
    weights, outcome = run(tmp_path)
    module = network()
    seen: list[Progress] = []
    again = fit(task(module), short(), checkpoint=tmp_path / "c.safetensors", resume=True, on_progress=seen.append)
    assert not seen
    assert same(again, outcome)
    assert equal(weights, dict(module.state_dict()))


def test_training_leaves_the_callers_random_numbers_alone(tmp_path: Path) -> None:
    module = network()
    state = torch.get_rng_state()
    fit(task(module), short(), checkpoint=tmp_path / "c.safetensors")
    assert torch.equal(state, torch.get_rng_state())


def test_another_seed_gives_other_weights(tmp_path: Path) -> None:
    first, second = network(), network()
    fit(task(first), short(seed=1), checkpoint=tmp_path / "one.safetensors")
    fit(task(second), short(seed=2), checkpoint=tmp_path / "two.safetensors")
    assert not equal(dict(first.state_dict()), dict(second.state_dict()))


def test_training_makes_the_held_out_error_small(tmp_path: Path) -> None:
    module = network()
    outcome = fit(task(module), short(passes=20, patience=20), checkpoint=tmp_path / "c.safetensors")
    errors = [row["error"] for row in outcome.history]
    assert min(errors) < 0.1 * errors[0]
    with torch.inference_mode():
        assert held_out(module.eval()).score == min(errors)


def test_steps_that_are_not_finite_are_skipped_and_counted(tmp_path: Path) -> None:
    seen: list[Progress] = []
    module = network()
    outcome = fit(
        task(module, spoiled=frozenset({(0, 0), (0, 1), (2, 3)})),
        short(),
        checkpoint=tmp_path / "c.safetensors",
        on_progress=seen.append,
    )
    assert outcome.skipped == 3
    assert [progress.skipped for progress in seen[:4]] == [1, 2, 2, 2]
    assert np.isnan([seen[0].loss, seen[1].loss]).all()
    assert all(torch.isfinite(value).all() for value in module.state_dict().values())
    assert np.isfinite([row["loss"] for row in outcome.history]).all()


def test_a_skipped_step_leaves_weights_and_moments_untouched(tmp_path: Path) -> None:
    module = network()
    weights: list[dict[str, Tensor]] = []

    def watch(progress: Progress) -> None:
        weights.append({name: value.clone() for name, value in module.state_dict().items()})

    fit(
        task(module, spoiled=frozenset({(0, 2)})),
        short(passes=1),
        checkpoint=tmp_path / "c.safetensors",
        on_progress=watch,
    )
    assert equal(weights[1], weights[2])
    assert not equal(weights[2], weights[3])


def test_too_many_bad_steps_in_a_row_stop_the_run_and_keep_the_last_good_checkpoint(tmp_path: Path) -> None:
    checkpoint = tmp_path / "c.safetensors"
    bad = frozenset({(1, 1), (1, 2), (1, 3), (1, 4)})
    with pytest.raises(TrainingError, match=r"4 steps in a row.*last good checkpoint is .*c\.safetensors"):
        fit(task(network(), spoiled=bad), short(bad_steps=4, checkpoint_steps=1), checkpoint=checkpoint)

    seen: list[Progress] = []
    fit(task(network()), short(bad_steps=4), checkpoint=checkpoint, resume=True, on_progress=seen.append)
    assert (seen[0].pass_number, seen[0].step, seen[0].skipped) == (1, 2, 0)


def test_a_run_bad_from_the_start_says_that_it_has_no_checkpoint(tmp_path: Path) -> None:
    bad = frozenset((0, place) for place in range(BATCHES))
    with pytest.raises(TrainingError, match="no checkpoint was made"):
        fit(task(network(), spoiled=bad), short(bad_steps=3, checkpoint_steps=1), checkpoint=tmp_path / "c.safetensors")


def test_weights_that_one_long_step_made_infinite_are_not_saved(tmp_path: Path) -> None:
    module = network()
    leap = replace(task(module), rate=lambda step: 1e40 if step == 7 else 1.0)
    with pytest.raises(TrainingError, match="last good checkpoint"):
        fit(leap, short(bad_steps=3, checkpoint_steps=1), checkpoint=tmp_path / "c.safetensors")
    seen: list[Progress] = []
    fit(task(module), short(), checkpoint=tmp_path / "c.safetensors", resume=True, on_progress=seen.append)
    assert (seen[0].run_step, seen[0].skipped) == (8, 0)


def test_a_checkpoint_of_an_earlier_training_is_not_called_the_last_good_one(tmp_path: Path) -> None:
    run(tmp_path)
    bad = frozenset((0, place) for place in range(BATCHES))
    with pytest.raises(TrainingError, match="no checkpoint was made"):
        fit(task(network(), spoiled=bad), short(bad_steps=3), checkpoint=tmp_path / "c.safetensors")


def scripted(scores: list[float], kept: list[dict[str, Tensor]]) -> Callable[[nn.Module], Evaluation]:
    left = iter(scores)

    def evaluate(module: nn.Module) -> Evaluation:
        kept.append({name: value.clone() for name, value in module.state_dict().items()})
        score = next(left)
        return Evaluation(score=score, figures={"score": score})

    return evaluate


@pytest.mark.parametrize(
    ("scores", "passes_run", "best"),
    [
        ([3, 2, 2.5, 2.1, 1], 4, 1),  # patience 2 is used up before the better pass
        ([3, 2, 2.5, 1, 1.5, 1.5], 6, 3),
        ([3, 2, 1, 0.5, 0.4, 0.3], 6, 5),  # the passes are used up
        ([float("nan"), 2, 3, 3, 0], 4, 1),
    ],
)
def test_early_stopping_keeps_the_weights_of_the_best_pass(
    scores: list[float], passes_run: int, best: int, tmp_path: Path
) -> None:
    module = network()
    kept: list[dict[str, Tensor]] = []
    outcome = fit(
        task(module, evaluate=scripted(scores, kept)),
        short(passes=6, patience=2),
        checkpoint=tmp_path / "c.safetensors",
    )
    assert len(outcome.history) == passes_run
    assert outcome.best == best
    names = kept[best].keys()
    assert equal(kept[best], {name: value for name, value in module.state_dict().items() if name in names})


def test_progress_counts_every_step_and_brings_the_history_at_the_end_of_a_pass(tmp_path: Path) -> None:
    seen: list[Progress] = []
    fit(task(network()), short(passes=2), checkpoint=tmp_path / "c.safetensors", on_progress=seen.append)
    steps = [progress.step for progress in seen if progress.evaluation is None]
    assert steps == [*range(1, BATCHES + 1)] * 2
    ends = [progress for progress in seen if progress.evaluation is not None]
    assert [len(progress.history) for progress in ends] == [1, 2]
    assert all(progress.steps == BATCHES and progress.passes == 2 for progress in seen)


def test_a_training_may_last_a_number_of_steps_and_be_evaluated_in_the_middle_of_a_pass(tmp_path: Path) -> None:
    seen: list[Progress] = []
    outcome = fit(
        task(network()),
        LoopSettings(seed=1, steps=2 * BATCHES + 3, evaluate_steps=4),
        checkpoint=tmp_path / "c.safetensors",
        on_progress=seen.append,
    )
    assert outcome.steps == 13
    assert [row["step"] for row in outcome.history] == [4, 8, 12, 13]  # the end is evaluated too
    assert [row["pass"] for row in outcome.history] == [0, 1, 2, 2]
    steps = [progress for progress in seen if progress.evaluation is None]
    assert [progress.run_step for progress in steps] == list(range(1, 14))
    assert all(progress.run_steps == 13 and progress.passes == 3 for progress in seen)


def test_the_loss_in_the_history_is_the_mean_since_the_evaluation_before(tmp_path: Path) -> None:
    seen: list[Progress] = []
    outcome = fit(
        task(network()),
        LoopSettings(seed=1, steps=8, evaluate_steps=4),
        checkpoint=tmp_path / "c.safetensors",
        on_progress=seen.append,
    )
    losses = [progress.loss for progress in seen if progress.evaluation is None]
    assert [row["loss"] for row in outcome.history] == pytest.approx([np.mean(losses[:4]), np.mean(losses[4:])])


def test_a_finished_run_goes_on_when_it_is_given_more_steps(tmp_path: Path) -> None:
    checkpoint = tmp_path / "c.safetensors"
    long = LoopSettings(seed=1, steps=10)
    fit(task(network()), LoopSettings(seed=1, steps=5), checkpoint=checkpoint)
    module, whole = network(), network()
    outcome = fit(task(module), long, checkpoint=checkpoint, resume=True)
    assert same(outcome, fit(task(whole), long, checkpoint=tmp_path / "other.safetensors"))
    assert equal(dict(module.state_dict()), dict(whole.state_dict()))


def test_time_adds_up_over_interruptions(tmp_path: Path) -> None:
    checkpoint = tmp_path / "c.safetensors"
    first = fit(task(network()), LoopSettings(seed=1, steps=5), checkpoint=checkpoint)
    seen: list[Progress] = []
    second = fit(
        task(network()), LoopSettings(seed=1, steps=6), checkpoint=checkpoint, resume=True, on_progress=seen.append
    )
    assert 0 < first.seconds < seen[0].seconds <= second.seconds
    assert [row["seconds"] for row in second.history] == [first.seconds, second.seconds]


def test_averaged_weights_are_evaluated_shown_and_kept_while_training_goes_on_with_its_own(tmp_path: Path) -> None:
    evaluated: list[dict[str, Tensor]] = []
    shown: list[dict[str, Tensor]] = []
    trained: list[dict[str, Tensor]] = []
    module = network()

    def copy() -> dict[str, Tensor]:
        return {name: value.clone() for name, value in module.state_dict().items()}

    def evaluate(module: nn.Module) -> Evaluation:
        evaluated.append(copy())
        return held_out(module)

    outcome = fit(
        task(module, evaluate=evaluate),
        short(average_decay=0.9),
        checkpoint=tmp_path / "c.safetensors",
        on_progress=lambda progress: trained.append(copy()),
        on_evaluation=lambda module, progress: shown.append(copy()),
    )
    assert all(equal(one, other) for one, other in zip(evaluated, shown, strict=True))
    last, after_evaluation = trained[BATCHES - 1 : BATCHES + 1]
    assert equal(last, after_evaluation)
    assert not equal(last, evaluated[0])
    assert equal(evaluated[outcome.best], copy())


def test_an_average_that_forgets_at_once_is_the_weights_themselves(tmp_path: Path) -> None:
    (plain, _), (averaged, _) = run(tmp_path), run(tmp_path, average_decay=0.0)
    assert equal(plain, averaged)


def test_every_evaluation_draws_the_same_numbers_and_pictures_are_drawn_once_for_each(tmp_path: Path) -> None:
    draws: list[float] = []
    told: list[int] = []

    def evaluate(module: nn.Module) -> Evaluation:
        assert not module.training
        assert torch.is_inference_mode_enabled()
        draws.append(float(torch.rand(())))
        return held_out(module)

    def show(module: nn.Module, progress: Progress) -> None:
        assert not module.training
        assert progress.evaluation is not None
        told.append(progress.run_step)

    fit(task(network(), evaluate=evaluate), short(), checkpoint=tmp_path / "c.safetensors", on_evaluation=show)
    assert len(set(draws)) == 1
    assert told == [5, 10, 15, 20]


def test_a_checkpoint_with_averages_and_a_run_without_do_not_go_together(tmp_path: Path) -> None:
    run(tmp_path, average_decay=0.9)
    with pytest.raises(CheckpointError, match="is of a training with averaged weights"):
        run(tmp_path, resume=True)
    run(tmp_path)
    with pytest.raises(CheckpointError, match="is of a training without averaged weights"):
        run(tmp_path, resume=True, average_decay=0.9)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"steps": 3}, "lasts either a number of steps or of passes; steps is 3, passes 4"),
        ({"passes": None}, "steps is None, passes None"),
        ({"passes": 0}, "passes must be 1 or more; it is 0"),
        ({"micro_batches": 0}, "micro_batches must be 1 or more"),
        ({"average_decay": 1.0}, "average_decay must be at least 0 and below 1; it is 1.0"),
        ({"clip_norm": 0.0}, "clip_norm must be above 0"),
    ],
)
def test_settings_that_make_no_sense_are_refused(changes: dict[str, Any], told: str) -> None:
    with pytest.raises(SettingError, match=told):
        short(**changes)


class ShortPass(RandomBatches):
    def of_pass(self, number: int, first: int) -> Iterator[tuple[Tensor, Tensor]]:
        yield from list(super().of_pass(number, first))[:-1]


def test_a_pass_that_ends_early_stops_the_run_instead_of_going_round_forever(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="Pass 1 ended after 4 of 5 batches"):
        fit(replace(task(network()), batches=ShortPass()), short(), checkpoint=tmp_path / "c.safetensors")


@pytest.mark.parametrize(
    "scores", [(3.0, 2.0, 2.0, 4.0), (np.nan, 5.0, 6.0), (1.0, np.nan, 1.0), (np.nan, np.nan), (4.0, np.nan, 3.0)]
)
def test_the_last_evaluation_that_was_told_as_the_best_is_that_of_the_weights_that_are_left(
    scores: tuple[float, ...], tmp_path: Path
) -> None:
    module, left, kept = network(), iter(scores), {}

    def keep(evaluated: nn.Module, progress: Progress) -> None:
        if progress.is_best:
            kept.update({name: weight.clone() for name, weight in evaluated.state_dict().items()})

    fit(
        task(module, evaluate=lambda _: Evaluation(score=next(left), figures={})),
        short(passes=len(scores), patience=None),
        checkpoint=tmp_path / "c.safetensors",
        on_evaluation=keep,
    )
    assert all(torch.equal(kept[name], weight) for name, weight in module.state_dict().items())

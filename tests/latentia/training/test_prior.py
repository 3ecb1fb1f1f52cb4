from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Generator, Tensor

from latentia.data.code_maps import CodeMaps, ShuffledCodeMaps
from latentia.errors import SettingError
from latentia.models.pixel_cnn import PixelCNN, PixelCNNConfig
from latentia.training import Loss, Outcome, Progress, StepContext, Task, fit
from latentia.training.prior import PriorTraining, prior_task

CODES, SIZE, IMAGE = 6, (3, 4), (1, 6, 8)


def maps_of(count: int, seed: int, *, labels: bool = False, images: bool = False) -> CodeMaps:
    """Maps of stripes, one code per row, of which those of class 1 go up and those of class 0 down by 1 code a row."""
    generator = torch.Generator().manual_seed(seed)
    first = torch.randint(CODES, (count, 1, 1), generator=generator)
    classes = torch.randint(2, (count,), generator=generator)
    step = torch.arange(SIZE[0])[None, :, None] * (2 * classes[:, None, None] - 1)
    codes = ((first + step) % CODES).expand(-1, -1, SIZE[1])
    pictures = codes[:, None].repeat_interleave(2, 2).repeat_interleave(2, 3).to(torch.uint8)
    return CodeMaps(codes=codes, labels=classes if labels else None, images=pictures if images else None)


def make(*, labels: bool = False, conditioned: bool = False, dropout: float = 0.0) -> PixelCNN:
    torch.manual_seed(0)
    config = PixelCNNConfig(
        layers=2, channels=8, first_kernel_size=3, classes=2 * labels, conditioned=conditioned, dropout=dropout
    )
    return config.build(codes=CODES, height=SIZE[0], width=SIZE[1], condition_channels=2)


def known_pixels(images: Tensor, generator: Generator) -> Tensor:
    """Some pixels, drawn, and which they are."""
    mask = (torch.rand(images.shape, generator=generator) < 0.3).float()
    return torch.cat([images / CODES * mask, mask], 1)


def make_task(model: PixelCNN, *, labels: bool = False, drawn: bool = False, **settings: Any) -> Task[Any]:
    batches = ShuffledCodeMaps(maps=maps_of(64, 0, labels=labels, images=drawn), batch=8, seed=0)
    training = PriorTraining(passes=2, batch=8, **settings)
    held_out = maps_of(20, 1, labels=labels, images=drawn)
    return prior_task(model, batches, held_out, training, condition=known_pixels if drawn else None)


def context(seed: int = 0) -> StepContext:
    return StepContext(step=0, generator=torch.Generator().manual_seed(seed))


@torch.no_grad()
def test_loss_and_score_are_the_mean_of_minus_log_p_per_code() -> None:
    model = make(labels=True)
    task = make_task(model, labels=True)
    maps, held_out = maps_of(5, 2, labels=True), maps_of(20, 1, labels=True)
    loss, evaluation = task.loss(model, maps.at(slice(None)), context()), task.evaluate(model)
    assert isinstance(loss, Loss)
    for of, value, figures in ((maps, loss.value, loss.figures), (held_out, evaluation.score, evaluation.figures)):
        nats = -model.log_prob(of.codes, of.labels).mean().item() / 12
        assert float(value) == pytest.approx(nats, rel=1e-5)
        assert float(figures["nats_per_code"]) == pytest.approx(nats, rel=1e-5)
        assert float(figures["bits_per_code"]) == pytest.approx(nats / math.log(2), rel=1e-5)


def test_training_finds_what_there_is_to_know(tmp_path: Path) -> None:
    model = make()
    task = make_task(model, learning_rate=0.01)
    settings = replace(PriorTraining(passes=25, batch=8, average_decay=0.9), evaluate_steps=50).loop(seed=0)
    outcome = fit(task, settings, checkpoint=tmp_path / "c.safetensors")
    least = (math.log(CODES) + math.log(2)) / 12  # of the first code and the direction; all else follows
    figures = [row["nats_per_code"] for row in outcome.history]
    assert figures[0] > 3 * least
    assert least < min(figures) < 1.3 * least


def test_what_is_known_of_the_image_makes_its_codes_more_probable(tmp_path: Path) -> None:
    model = make(conditioned=True)
    task = make_task(model, drawn=True, learning_rate=0.01)
    settings = PriorTraining(passes=25, batch=8, average_decay=0.9).loop(seed=0)
    outcome = fit(task, settings, checkpoint=tmp_path / "c.safetensors")
    assert min(row["nats_per_code"] for row in outcome.history) < (math.log(CODES) + math.log(2)) / 12


@torch.no_grad()
def test_conditions_are_drawn_anew_in_training_and_alike_at_every_evaluation() -> None:
    model = make(conditioned=True)
    task = make_task(model, drawn=True)
    batch = next(iter(task.batches.of_pass(0, 0)))

    def loss(seed: int) -> float:
        result = task.loss(model, batch, context(seed))
        assert isinstance(result, Loss)
        return result.value.item()

    assert loss(1) == loss(1) != loss(2)
    assert task.evaluate(model).score == task.evaluate(model).score


@torch.no_grad()
def test_conditions_that_come_with_the_maps_are_used() -> None:
    model = make(conditioned=True)
    maps = replace(maps_of(4, 0), condition=torch.rand(4, 2, 6, 8))
    task = prior_task(
        model, ShuffledCodeMaps(maps=maps, batch=2, seed=0), maps, PriorTraining(passes=1, batch=2, average_decay=None)
    )
    expected = -model.log_prob(maps.codes, condition=maps.condition).mean().item() / 12
    assert task.evaluate(model).score == pytest.approx(expected, rel=1e-5)


class KilledError(Exception):
    """Ends a run as a crash would."""


def run(folder: Path, *, resume: bool = False, kill_at: int | None = None) -> tuple[dict[str, Tensor], Outcome]:
    model = make(labels=True, conditioned=True, dropout=0.3)
    training = PriorTraining(passes=2, batch=8, micro_batches=2, evaluate_steps=5, checkpoint_steps=3)
    task = make_task(model, labels=True, drawn=True)
    steps = 0

    def watch(progress: Progress) -> None:
        nonlocal steps
        steps += 1
        if steps == kill_at:
            raise KilledError

    outcome = fit(task, training.loop(seed=0), checkpoint=folder / "c.safetensors", resume=resume, on_progress=watch)
    return dict(model.state_dict()), outcome


@pytest.mark.parametrize("kill_at", [3, 8, 13])
def test_a_run_that_is_killed_and_resumed_gives_the_weights_of_an_uninterrupted_one(
    tmp_path: Path, kill_at: int
) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "other").mkdir()
    weights, outcome = run(tmp_path / "one")
    with pytest.raises(KilledError):
        run(tmp_path / "other", kill_at=kill_at)
    again, outcome_again = run(tmp_path / "other", resume=True)
    assert all(torch.equal(weights[name], again[name]) for name in weights)
    rows = [[{**row, "seconds": 0} for row in one.history] for one in (outcome, outcome_again)]
    assert rows[0] == rows[1]


def test_what_does_not_fit_is_refused_before_the_first_step() -> None:
    with pytest.raises(SettingError, match="wants labels of its 2 classes; there are none"):
        make_task(make(labels=True))
    with pytest.raises(SettingError, match="Conditions are drawn from images; the maps of codes come without"):
        maps = maps_of(8, 0)
        batches = ShuffledCodeMaps(maps=maps, batch=4, seed=0)
        prior_task(make(conditioned=True), batches, maps, PriorTraining(passes=1), condition=known_pixels)


@pytest.mark.parametrize(
    "settings", [{"learning_rate": 0.0}, {"batch": 0}, {"micro_batches": 3}, {"passes": 1}, {"average_decay": 1.0}]
)
def test_settings_that_make_no_sense_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(SettingError):
        PriorTraining(steps=1, **settings)

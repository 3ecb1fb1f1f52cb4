from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from latentia.data import ImageSet, ShuffledImages, Split
from latentia.errors import SettingError
from latentia.images import ImageFormat
from latentia.models.gaussian_vae import GaussianVAEConfig
from latentia.models.ladder_vae import LadderVAE, LadderVAEConfig
from latentia.objectives import free_bits
from latentia.randomness import seeded
from latentia.training import LoopSettings, StepContext, fit
from latentia.training.density import DensityTraining, density_task

FORM = ImageFormat(channels=1, height=4, width=4, bits=2)


def image_set(count: int) -> ImageSet:
    # Two patterns, so that there is something to learn.
    rows = np.random.default_rng(0).integers(2, size=count)
    patterns = np.stack([np.tile(np.uint8([[0, 3]]), (4, 2)), np.tile(np.uint8([[3], [0]]), (2, 4))])[:, None]
    return ImageSet(images=patterns[rows], format=FORM, name="stripes", split=Split.TRAIN)


def make(**settings: Any):  # type: ignore[no-untyped-def]
    torch.manual_seed(0)
    model = LadderVAEConfig(layers=(1, 1), channels=6, latent_channels=1, flow_channels=0, components=1).build(FORM)
    batches = ShuffledImages(image_set=image_set(32), batch=8, seed=0)
    return model, density_task(
        model, batches, image_set(8).tensor(slice(None)), DensityTraining(steps=10, batch=8, **settings)
    )


def context(step: int) -> StepContext:
    return StepContext(step=step, generator=torch.Generator())


def test_the_loss_is_the_bound_with_free_bits_and_the_figure_the_bound_without() -> None:
    model, task = make(free_bits=2.5)
    images = image_set(8).tensor(slice(None))
    with seeded(3):
        terms = model(images)
    with seeded(3):
        loss = task.loss(model, images, context(0))
    nats = free_bits(terms.divergence, 2.5).sum() - terms.log_likelihood.mean()
    assert loss.value.item() == pytest.approx(nats.item() / 16, rel=1e-5)
    shown = (terms.divergence.sum(1) - terms.log_likelihood).mean()
    assert float(loss.figures["bits_per_dimension"]) == pytest.approx(shown.item() / (16 * math.log(2)), rel=1e-5)


def test_the_weight_of_the_divergence_rises_in_the_warm_up() -> None:
    model, task = make(free_bits=0, divergence_warm_up=10)
    images = image_set(8).tensor(slice(None))
    values = []
    for step in (0, 5, 10, 20):
        with seeded(3):
            values.append(task.loss(model, images, context(step)).value.item())
    assert values[1] - values[0] == pytest.approx(values[2] - values[1], rel=1e-4)
    assert values[2] == values[3] > values[0]


def test_beta_weighs_the_divergence_in_loss_and_score_and_not_in_the_figures() -> None:
    model, task = make(free_bits=0, beta=7.0, divergence_warm_up=10)
    images = image_set(8).tensor(slice(None))
    with seeded(3):
        terms = model(images)
    likelihood, divergence = terms.log_likelihood.mean().item(), terms.divergence.sum(1).mean().item()
    for step, weight in ((0, 0.0), (5, 3.5), (20, 7.0)):
        with seeded(3):
            loss = task.loss(model, images, context(step))
        assert loss.value.item() == pytest.approx((weight * divergence - likelihood) / 16, rel=1e-5)
        shown = float(loss.figures["bits_per_dimension"])
        assert shown == pytest.approx((divergence - likelihood) / (16 * math.log(2)), rel=1e-5)
    evaluation = task.evaluate(model)
    assert evaluation.score - evaluation.figures["bits_per_dimension"] == pytest.approx(
        6 * sum(evaluation.figures[f"divergence_{layer}"] for layer in (1, 2)) / (16 * math.log(2)), rel=1e-4
    )


def test_training_lowers_the_bound_of_held_out_images(tmp_path: Path) -> None:
    _, task = make(learning_rate=0.02)
    settings = LoopSettings(seed=0, steps=300, evaluate_steps=60, average_decay=0.9)
    outcome = fit(task, settings, checkpoint=tmp_path / "checkpoint.safetensors")
    figures = [row["bits_per_dimension"] for row in outcome.history]
    assert figures[-1] < 0.8 * figures[0]
    assert {"divergence_1", "divergence_2", "active_layers"} <= outcome.history[0].keys()


def test_a_model_without_hierarchy_is_trained_by_the_same_task(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = GaussianVAEConfig(widths=(4,), latent_size=2, components=1).build(FORM)
    batches = ShuffledImages(image_set=image_set(32), batch=8, seed=0)
    task = density_task(model, batches, image_set(8).tensor(slice(None)), DensityTraining(passes=2, batch=8))
    outcome = fit(task, LoopSettings(seed=0, passes=2), checkpoint=tmp_path / "checkpoint.safetensors")
    assert len(outcome.history) == 2


@pytest.mark.parametrize(
    "settings",
    [{"learning_rate": 0.0}, {"learning_rate_decay": 1.5}, {"free_bits": -1.0}, {"beta": -1.0}, {"micro_batches": 3}],
)
def test_objectives_that_make_no_sense_are_refused(settings: dict[str, object]) -> None:
    with pytest.raises(SettingError):
        DensityTraining(steps=1, **settings)  # type: ignore[arg-type]


def test_a_batch_of_no_images_is_refused_before_its_parts_are() -> None:
    with pytest.raises(SettingError, match=r"^batch must be 1 or more; it is 0\.$"):
        DensityTraining(steps=1, batch=0)


def test_the_rate_falls_by_a_factor_per_pass() -> None:
    _, task = make(learning_rate_decay=0.5)
    assert [task.rate(step) for step in (0, 4, 8)] == [1.0, 0.5, 0.25]
    assert isinstance(task.module, LadderVAE)

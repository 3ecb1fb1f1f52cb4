"""Train a model with sensors that are drawn anew for each field at each step, never within the solid."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from experiments.flow_from_sensors.baselines import Places, draw_sensors
from experiments.flow_from_sensors.protocol import Training
from experiments.flow_from_sensors.splits import Parts
from latentia.data import ShuffledImages
from latentia.evaluation_mode import evaluation_mode
from latentia.models.multitask_gaussian_vae import MultitaskGaussianVAE
from latentia.randomness import seeded
from latentia.training import Evaluation, LoopSettings, Loss, Outcome, StepContext, Task, fit

FEWEST, MOST = 4, 64


@dataclass(frozen=True, kw_only=True)
class SensorDraws:
    """Random sets of 4 to 64 sensors, as many of 4 to 8 as of 32 to 64: the number is uniform in its logarithm."""

    solid: Places
    none_known: float = 0.0
    """Share of the sets that are empty."""

    def draw(self, count: int, generator: np.random.Generator) -> Bool[Tensor, "count 1 height width"]:
        """Draw one set for each field."""
        masks = np.zeros((count, 1, *self.solid.shape), bool)
        for mask in masks:
            if generator.random() >= self.none_known:
                number = int(np.exp(generator.uniform(np.log(FEWEST), np.log(MOST + 1))))
                mask[0] = draw_sensors(number, self.solid, generator)
        return torch.from_numpy(masks)


def train_model(training: Training, parts: Parts, seed: int, checkpoint: Path) -> tuple[MultitaskGaussianVAE, Outcome]:
    """Train to the end or go on from the checkpoint, and give the weights that fit the validation snapshots best.

    Errors: TrainingError where the loss stays not finite; OSError.
    """
    with seeded(seed):
        model = training.network.build(parts.train)
    outcome = fit(
        flow_task(model, training, parts, seed),
        LoopSettings(seed=seed, steps=training.steps, evaluate_steps=training.evaluate_steps, accelerator="cpu"),
        checkpoint=checkpoint,
        resume=True,
    )
    return model, outcome


def flow_task(model: MultitaskGaussianVAE, training: Training, parts: Parts, seed: int) -> Task[Tensor]:
    """Make the task: error₁ + error₂, summed over the numbers of a field, + β·divergence (thesis B 3.2.2)."""
    sensors = SensorDraws(solid=parts.solid, none_known=training.none_known)
    validation = parts.validation.tensor(slice(None))
    validation_masks = sensors.draw(len(validation), np.random.default_rng([seed, 1]))
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=training.learning_rate, weight_decay=training.weight_decay, fused=True
    )

    def weighed(values: Float[Tensor, "batch channels height width"], masks: Tensor) -> Loss:
        terms = model.terms(values, masks)
        errors, cost = terms.errors.mean(0), terms.latent.cost.mean()
        figures = {f"{task}_error": error.detach() for task, error in zip(model.tasks, errors, strict=True)}
        value = model.error_weight * errors.sum() + training.latent_weight * cost
        return Loss(value=value, figures={**figures, "latent_cost": cost.detach()})

    def loss(module: nn.Module, values: Tensor, context: StepContext) -> Loss:
        number = int(torch.randint(2**62, (), generator=context.generator))
        return weighed(values, sensors.draw(len(values), np.random.default_rng(number)))

    def evaluate(module: nn.Module) -> Evaluation:
        with evaluation_mode(model), seeded(seed):
            measured = weighed(validation, validation_masks)
        figures = {name: float(figure) for name, figure in measured.figures.items()}
        return Evaluation(score=float(measured.value), figures=figures)

    return Task(
        module=model,
        optimizer=optimizer,
        batches=ShuffledImages(image_set=parts.train, batch=training.batch, seed=seed),
        loss=loss,
        evaluate=evaluate,
        # From one to nothing along half a cosine.
        rate=lambda step: 0.5 + 0.5 * float(np.cos(np.pi * step / training.steps)),
    )

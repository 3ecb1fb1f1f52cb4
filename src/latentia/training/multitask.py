"""Training of a multitask model: reconstruction from the latent variables alone and with known pixels (thesis B)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

import torch
from jaxtyping import Bool, Shaped
from torch import Tensor, nn

from latentia.errors import SettingError
from latentia.evaluation.tasks import TaskFigures, evaluate_tasks
from latentia.masks import Masking, mask_keys
from latentia.models.base import CONDITIONED, UNCONDITIONED, MultitaskModel
from latentia.objectives import FixedWeights, SoftAdapt, TaskWeights, linear_ramp
from latentia.training.settings import OptimizerName, TrainingSettings
from latentia.training.task import Batches, Evaluation, LoopSettings, Loss, StepContext, Task

COST = "latent_cost"
"""Name of a figure: what the latent variables cost, in nats or in squared distances to the codebook."""

Balance = Literal["fixed", "original", "normalised", "loss_weighted"]


@dataclass(frozen=True, kw_only=True)
class Balancing:
    """How the reconstructions' weights W₁ and W₂ go on from 1: fixed, or by a variant of SoftAdapt."""

    kind: Balance = "fixed"
    beta: float = 1e-4
    """Of SoftAdapt, for errors as they are in the loss: summed over an image for Gaussian models, of which the thesis'
    figures are with 1e-4; averaged for vector-quantized ones, with 5e-3."""
    every: int = 101
    """Steps between changes of the weights."""
    order: int = 1
    """Accuracy of the finite differences that say how fast a loss falls."""

    def __post_init__(self) -> None:
        self.make(2)  # which checks the numbers that are its own

    def make(self, tasks: int) -> TaskWeights:
        """Make the weights of so many tasks."""
        if self.kind == "fixed":
            return FixedWeights([1.0] * tasks)
        return SoftAdapt(tasks, beta=self.beta, variant=self.kind, every=self.every, order=self.order)


@dataclass(frozen=True, kw_only=True)
class MultitaskTraining(TrainingSettings):
    """How a multitask model is trained. The defaults are thesis B's, 3.4.3; the length is what is left to say.

    Errors: SettingError where a number makes no sense, or not exactly one of `steps` and `passes` is given.
    """

    batch: int = 128
    optimizer: OptimizerName = "adamw"
    masking: Masking | None = None
    """Which pixels are known, drawn anew at each step; models with a decoder for them need it."""
    unconditioned_weight: float = 1.0
    """W₁, of the reconstruction from the latent variables alone."""
    conditioned_weight: float = 1.0
    """W₂, of the reconstruction with known pixels."""
    latent_weight: float = 1.0
    """Of the divergence (β in thesis B 2.1.2), or of the codebook's and commitment losses."""
    latent_warm_up: int = 0
    """Steps over which that weight rises from 0; the thesis has none."""
    balancing: Balancing = Balancing()
    conditioned_steps: int | None = None
    """After so many steps the second decoder is trained no longer, and the model goes on as a plain one (thesis B 5.4);
    null never stops."""

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("unconditioned_weight", "conditioned_weight", "latent_weight", "latent_warm_up"):
            if not 0 <= getattr(self, name) < math.inf:
                raise SettingError(f"{name} must be a number from 0 up; it is {getattr(self, name)}.")
        if self.conditioned_steps is not None and self.conditioned_steps < 1:
            raise SettingError(f"conditioned_steps must be 1 or more; it is {self.conditioned_steps}.")

    def loop(self, seed: int) -> LoopSettings:
        """Give the settings of the loop."""
        return replace(super().loop(seed), idle_parameters=self.conditioned_steps is not None)


class Balanced(nn.Module):
    """A model and the weights of its tasks: what is trained, and what a checkpoint keeps."""

    def __init__(self, model: MultitaskModel, weights: TaskWeights) -> None:
        super().__init__()
        self.model = model
        self.weights = weights


def multitask_task(
    model: MultitaskModel,
    batches: Batches[Tensor],
    validation: Shaped[Tensor, "images channels height width"],
    training: MultitaskTraining,
) -> Task[Tensor]:
    """Make the task of training `model` on batches of images of whole numbers, or of real values.

    The loss is e·(w₁·W₁·error₁ + w₂·W₂·error₂) + β·cost, where an error is the mean over an image's numbers of the
    squared error, e is the model's `error_weight`, and w are the balancing's weights (thesis B 3.2.2 and 3.2.3). The
    score, by which the best weights are chosen, is the same without the balancing, on the validation images with masks
    that stay the same. With `conditioned_steps` it leaves out the second decoder from the beginning: once that is
    trained no longer, its error says nothing. The module that is trained is a `Balanced`.
    Errors: SettingError where masking and decoders do not go together; DataError where the validation images are not of
    the model's size.
    """
    _check(model, training)
    model.as_values(validation[:1])  # of the model's size?
    fixed = {UNCONDITIONED: training.unconditioned_weight, CONDITIONED: training.conditioned_weight}
    base = torch.tensor([fixed[name] for name in model.tasks], dtype=torch.float64)

    def loss(module: nn.Module, images: Tensor, context: StepContext) -> Loss:
        assert isinstance(module, Balanced)
        values = module.model.as_values(images)
        terms = module.model.terms(values, _mask(values, training, context))
        errors = terms.errors.mean(0)
        cost = terms.latent.cost.mean()
        weights = base.to(errors)[: len(errors)]
        if len(errors) == len(base):
            weights = weights * module.weights().to(errors)
        share = linear_ramp(context.step, training.latent_warm_up)
        value = module.model.error_weight * (weights * errors).sum() + training.latent_weight * share * cost
        figures = {error_name(name): error for name, error in zip(module.model.tasks, errors.detach(), strict=False)}
        return Loss(value=value, figures={**figures, COST: cost.detach()})

    def evaluate(module: nn.Module) -> Evaluation:
        assert isinstance(module, Balanced)
        size = training.batch // training.micro_batches
        measured = evaluate_tasks(module.model, validation, training.masking, batch=size)
        figures = figures_of(measured)
        scored = module.model.tasks if training.conditioned_steps is None else (UNCONDITIONED,)
        error = sum(fixed[name] * figures[error_name(name)] for name in scored)
        score = module.model.error_weight * error + training.latent_weight * figures[COST]
        return Evaluation(score=score, figures={**figures, **_weights(module)})

    def after_step(figures: Mapping[str, float]) -> None:
        errors = [figures[name] for name in map(error_name, model.tasks) if name in figures]
        if len(errors) == len(base):
            balanced.weights.observe(model.error_weight * torch.tensor(errors, dtype=torch.float64))

    balanced = Balanced(model, training.balancing.make(len(model.tasks)))
    return Task(
        module=balanced,
        optimizer=training.make_optimizer(model),
        batches=batches,
        loss=loss,
        evaluate=evaluate,
        rate=training.rate(len(batches)),
        after_step=after_step,
    )


def error_name(task: str) -> str:
    """Name of a figure: the mean squared error of a task, over all numbers of all images."""
    return f"{task}_error"


def figures_of(measured: TaskFigures) -> dict[str, float]:
    """Name the means over the images, as histories keep them."""
    figures = {error_name(UNCONDITIONED): float(measured.unconditioned.mean())}
    if measured.conditioned is not None:
        figures[error_name(CONDITIONED)] = float(measured.conditioned.mean())
    figures[COST] = float(measured.cost.mean())
    if measured.usage is not None:
        figures |= {"perplexity": measured.usage.perplexity, "used_codes": float(measured.usage.used)}
    return figures


def _weights(module: Balanced) -> dict[str, float]:
    """Weights of the tasks where they change."""
    if len(module.model.tasks) == 1 or isinstance(module.weights, FixedWeights):
        return {}
    return {f"{name}_weight": float(one) for name, one in zip(module.model.tasks, module.weights(), strict=True)}


def _mask(
    values: Tensor, training: MultitaskTraining, context: StepContext
) -> Bool[Tensor, "batch 1 height width"] | None:
    """Draw masks for a micro-batch, or none where nothing is to be known."""
    over = training.conditioned_steps is not None and context.step >= training.conditioned_steps
    if training.masking is None or over:
        return None
    number = int(torch.randint(2**62, (), generator=context.generator))
    mask = training.masking.draw(mask_keys(number, count=len(values)), *values.shape[2:])
    return mask.to(values.device)


def _check(model: MultitaskModel, training: MultitaskTraining) -> None:
    if model.decoders == "plain" and training.masking is not None:
        raise SettingError(
            "training.masking says which pixels are known, but model.decoders 'plain' has no use for them."
        )
    if model.decoders != "plain" and training.masking is None:
        raise SettingError(
            f"model.decoders '{model.decoders}' wants known pixels; training.masking must say which, e.g. "
            "{places: uniform, share: 0.05}."
        )
    if model.decoders != "multi" and training.conditioned_steps is not None:
        raise SettingError(
            f"training.conditioned_steps is for models with a second decoder, which model.decoders 'multi' has and "
            f"'{model.decoders}' has not."
        )

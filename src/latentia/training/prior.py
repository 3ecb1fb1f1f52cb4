"""Training of a prior over maps of codes, the second stage of a VQ-VAE: towards a higher probability of its codes."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

import torch
from jaxtyping import Float
from torch import Generator, Tensor, nn

from latentia.data.code_maps import CodeMaps
from latentia.errors import SettingError
from latentia.evaluation_mode import blocks, evaluation_mode
from latentia.models.base import AutoregressivePrior
from latentia.randomness import stream
from latentia.training.settings import TrainingSettings
from latentia.training.task import Batches, Evaluation, Loss, StepContext, Task

DrawCondition = Callable[[Tensor, Generator], Tensor]
"""Makes conditions from images, (batch, channels, rows, columns) both, with random numbers from a CPU generator."""

Number = TypeVar("Number", Tensor, float)

HELD_OUT = 0x4E1D
"""Seeds the conditions of the maps that are held out: the same at every evaluation."""


@dataclass(frozen=True, kw_only=True)
class PriorTraining(TrainingSettings):
    """How a prior is trained. Neither thesis B nor the paper of VQ-VAEs says.

    The learning rate is high: in short trainings on codes of MNIST, 0.003 came in half the steps to where 0.001 did.

    Errors: SettingError where a number makes no sense, or not exactly one of `steps` and `passes` is given.
    """

    batch: int = 64
    learning_rate: float = 3e-3
    average_decay: float | None = 0.999


def prior_task(
    prior: AutoregressivePrior,
    batches: Batches[Mapping[str, Tensor]],
    validation: CodeMaps,
    training: PriorTraining,
    *,
    condition: DrawCondition | None = None,
) -> Task[Mapping[str, Tensor]]:
    """Make the task of training `prior` on batches of maps of codes (`latentia.data.code_maps.ShuffledCodeMaps`).

    Loss and score are −log p(codes) in nats per code, and a figure gives it in bits. `condition` draws the conditions
    of a conditioned prior from the batches' images: of training anew at each step, of validation the same each time.
    Without it, conditions come with the maps.

    Errors: SettingError where the maps are not of the prior's size, where labels or conditions are missing or
    superfluous, or where conditions are to be drawn and there are no images.
    """
    if condition is not None and validation.images is None:
        raise SettingError("Conditions are drawn from images; the maps of codes come without.")

    def nats(module: nn.Module, batch: Mapping[str, Tensor], generator: Generator) -> Float[Tensor, " batch"]:
        assert isinstance(module, AutoregressivePrior)
        given = batch.get("condition") if condition is None else condition(batch["images"], generator)
        codes = batch["codes"]
        return -module.log_prob(codes, labels=batch.get("labels"), condition=given) / codes[0].numel()

    def loss(module: nn.Module, batch: Mapping[str, Tensor], context: StepContext) -> Loss:
        value = nats(module, batch, context.generator).mean()
        return Loss(value=value, figures=_figures(value.detach()))

    def evaluate(module: nn.Module) -> Evaluation:
        device = next(module.parameters()).device
        generator = Generator().manual_seed(stream(HELD_OUT))
        each = [
            nats(module, {name: tensor.to(device) for name, tensor in validation.at(block).items()}, generator)
            for block in blocks(len(validation), training.batch // training.micro_batches)
        ]
        score = float(torch.cat(each).cpu().double().mean())  # not every device has float64
        return Evaluation(score=score, figures=_figures(score))

    with evaluation_mode(prior) as device:  # so that what does not fit is refused before the first pass
        first = {name: tensor.to(device) for name, tensor in validation.at(slice(1)).items()}
        nats(prior, first, Generator().manual_seed(stream(HELD_OUT)))
    return Task(
        module=prior,
        optimizer=training.make_optimizer(prior),
        batches=batches,
        loss=loss,
        evaluate=evaluate,
        rate=training.rate(len(batches)),
    )


def _figures(nats: Number) -> dict[str, Number]:
    return {"nats_per_code": nats, "bits_per_code": nats / math.log(2)}

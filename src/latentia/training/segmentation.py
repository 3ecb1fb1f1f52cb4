"""Training of a segmentation: any model of masks, towards a lower Dice and cross-entropy loss (thesis A, 4.4.3)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from latentia.errors import DataError
from latentia.evaluation.segmentation import THRESHOLD, agreement, as_values
from latentia.evaluation_mode import blocks, evaluation_mode
from latentia.models.base import SegmentationModel
from latentia.objectives.segmentation import dice_and_cross_entropy
from latentia.training.settings import TrainingSettings
from latentia.training.task import Batches, Evaluation, Loss, StepContext, Task

Pair = tuple[Tensor, Tensor]


@dataclass(frozen=True, kw_only=True)
class SegmentationTraining(TrainingSettings):
    """How a segmentation is trained. The defaults are Table A.7's for nuclei; the length is what is left to say.

    The thesis' batches are of 20 images on each of 4 graphics cards. Errors: SettingError where a number makes no
    sense, or not exactly one of `steps` and `passes` is given.
    """

    batch: int = 20
    patience: int | None = 20
    """Stop after so many evaluations without a lower loss on the validation images; null trains to the end."""


def segmentation_task(
    model: SegmentationModel, batches: Batches[Pair], validation: Pair, training: SegmentationTraining
) -> Task[Pair]:
    """Make the task of training `model` on pairs of images, 0 … 1, and masks.

    The score, by which weights are chosen and training ends, is the loss on the validation images, whose Dice and
    Jaccard are shown beside it. Errors: DataError where there are none, or they have other channels than the model.
    """
    loss_of = dice_and_cross_entropy()
    images, masks = validation
    if images.shape[1] != model.channels:
        raise DataError(f"The model is for images with {model.channels} channels; these have {images.shape[1]}.")

    def loss(module: nn.Module, batch: Pair, context: StepContext) -> Loss:
        return Loss(value=loss_of(module(batch[0]), batch[1]))

    def evaluate(module: nn.Module) -> Evaluation:
        assert isinstance(module, SegmentationModel)
        total, found = 0.0, []
        with evaluation_mode(module) as device:
            for part in blocks(len(images), training.batch):
                outputs = module(as_values(images[part]).to(device))
                total += float(loss_of(outputs, masks[part].to(device))) * len(images[part])
                found.append(torch.stack([logits.float().sigmoid() for logits in outputs]).mean(0).cpu())
        both = agreement(torch.cat(found) > THRESHOLD, masks)
        score = total / len(images)
        dice, jaccard = float(both.dice.mean()), float(both.jaccard.mean())
        return Evaluation(score=score, figures={"loss": score, "dice": dice, "jaccard": jaccard})

    return Task(
        module=model,
        optimizer=training.make_optimizer(model),
        batches=batches,
        loss=loss,
        evaluate=evaluate,
        rate=training.rate(len(batches)),
    )

"""Training of a density: any latent-variable model of images, towards a higher evidence lower bound."""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Integer
from torch import Tensor, nn

from latentia.errors import SettingError
from latentia.evaluation import evaluate_bound, layer_usage, nats_to_bits, unit_usage
from latentia.models.base import LatentVariableModel
from latentia.objectives import elbo, free_bits, linear_ramp
from latentia.training.settings import OptimizerName, TrainingSettings
from latentia.training.task import Batches, Evaluation, Loss, StepContext, Task

USAGE_IMAGES, USAGE_DRAWS = 64, 8
"""How many validation images tell which units are active while a model is trained; `latentia evaluate` takes more."""


@dataclass(frozen=True, kw_only=True)
class DensityTraining(TrainingSettings):
    """How a density is trained. The defaults are Table A.1's for CIFAR-10; the length is what is left to say.

    The thesis anneals the learning rate exponentially and does not say how fast; its code leaves the rate as it is.
    Free bits are counted on a micro-batch, as on one graphics card's share in the thesis.
    Errors: SettingError where a number makes no sense, or not exactly one of `steps` and `passes` is given.
    """

    optimizer: OptimizerName = "adamax"
    learning_rate: float = 0.002
    average_decay: float | None = 0.999
    free_bits: float = 0.01
    """Nats per layer below which its divergence costs nothing."""
    divergence_warm_up: int = 0
    """Steps over which the divergence's weight rises from 0 to `beta`; the thesis has none but for β-VAEs."""
    beta: float = 1.0
    """Weight of the divergence; above 1 latent dimensions that say little are given up (thesis A, 4.3.2)."""

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("free_bits", "divergence_warm_up", "beta"):
            if getattr(self, name) < 0:
                raise SettingError(f"{name} must be 0 or more; it is {getattr(self, name)}.")


def density_task(
    model: LatentVariableModel,
    batches: Batches[Tensor],
    validation: Integer[Tensor, "images channels height width"],
    training: DensityTraining,
) -> Task[Tensor]:
    """Make the task of training `model` on batches of images.

    The loss is −(log-likelihood − β Σ max(divergence, free bits)) in nats per dimension; figures are −ELBO in bits per
    dimension, without β, free bits and warm-up, and the divergence of each layer in nats. The score is −(log-likelihood
    − β Σ divergence) of all validation images in bits per dimension, which for β = 1 is −ELBO; some of them tell each
    layer's share of active units. Errors: DataError where these are not of the model's format.
    """
    model.check(validation)
    dimensions = model.image_format.dimensions

    def loss(module: nn.Module, images: Tensor, context: StepContext) -> Loss:
        terms = module(images)
        weight = training.beta * linear_ramp(context.step, training.divergence_warm_up)
        bound = terms.log_likelihood.mean() - weight * free_bits(terms.divergence, training.free_bits).sum()
        bits = nats_to_bits(1.0, dimensions) * elbo(terms.log_likelihood, terms.divergence).mean().detach()
        layers = terms.divergence.detach().mean(0).unbind()
        figures = {divergence_name(number): nats for number, nats in enumerate(layers, start=1)}
        return Loss(value=-bound / dimensions, figures={"bits_per_dimension": bits, **figures})

    def evaluate(module: nn.Module) -> Evaluation:
        assert isinstance(module, LatentVariableModel)
        terms = evaluate_bound(module, validation, batch=training.batch // training.micro_batches)
        usage = layer_usage(terms.divergence, dimensions)
        bits = nats_to_bits(float(terms.elbo.mean()), dimensions)
        weighted = elbo(terms.log_likelihood, terms.divergence, training.beta)
        figures = {divergence_name(layer.number): layer.divergence_nats for layer in usage}
        active = float(sum(layer.active for layer in usage))
        some = validation[:USAGE_IMAGES]
        if len(some) > 1:  # one image does not vary
            units = unit_usage(module, some, draws=USAGE_DRAWS, batch=training.batch // training.micro_batches)
            figures |= {active_units_name(layer.number): float(layer.active.float().mean()) for layer in units}
        score = nats_to_bits(float(weighted.mean()), dimensions)
        return Evaluation(score=score, figures={"bits_per_dimension": bits, "active_layers": active, **figures})

    return Task(
        module=model,
        optimizer=training.make_optimizer(model),
        batches=batches,
        loss=loss,
        evaluate=evaluate,
        rate=training.rate(len(batches)),
    )


def divergence_name(number: int) -> str:
    """Name of a figure: the divergence of a layer in nats, 1 for the top."""
    return f"divergence_{number}"


def active_units_name(number: int) -> str:
    """Name of a figure: the share of a layer's units that follow the image, 1 for the top."""
    return f"active_units_{number}"

"""Training of a model of sequences: towards a higher evidence lower bound, with the remedies for unused variables."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from torch import Tensor, nn

from latentia.errors import SettingError
from latentia.evaluation.sequences import evaluate_sequences
from latentia.models.base import SequenceModel
from latentia.objectives import cyclical_ramp, elbo, free_bits, linear_ramp
from latentia.sequences import Sequences
from latentia.training.settings import TrainingSettings
from latentia.training.task import Batches, Evaluation, Loss, StepContext, Task

AnnealingName = Literal["linear", "cyclical", "none"]
ScoreName = Literal["reconstruction", "bound"]


@dataclass(frozen=True, kw_only=True)
class SequenceTraining(TrainingSettings):
    """How a model of sequences is trained; the defaults are thesis A's for text (3.5.1), the length is left to say.

    The thesis calls the decay of the learning rate "exponential, 0.9" and does not say of what; here it is of a pass.
    Errors: SettingError where a number makes no sense, or not exactly one of `steps` and `passes` is given.
    """

    batch: int = 128
    learning_rate: float = 0.003
    learning_rate_decay: float = 0.9
    annealing: AnnealingName = "linear"
    """How the weight of the divergence rises: once (Bowman et al. 2016), in cycles (Fu et al. 2019), or not at all."""
    annealing_steps: int = 9000
    """Steps until the weight is whole; of a cycle, in whose second half it is whole."""
    divergence_weight: float = 1.0
    """β of a β-VAE, what the weight of the divergence rises to."""
    free_bits: float = 0.0
    """Nats below which the divergence, a mean over the batch, costs nothing."""
    dropout_weight: float = 1.0
    """β of eq. 3.7, the weight of inferred dropout's divergence from its prior."""
    score: ScoreName = "reconstruction"
    """What is lowest at the best evaluation: the reconstruction term as in the thesis, or −ELBO. Either is with the
    divergence at its full price; but the best reconstruction often comes before the weight is whole."""

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("divergence_weight", "free_bits", "dropout_weight"):
            if getattr(self, name) < 0:
                raise SettingError(f"{name} must be 0 or more; it is {getattr(self, name)}.")
        if self.annealing_steps < 1:
            raise SettingError(f"annealing_steps must be 1 or more; it is {self.annealing_steps}.")

    def weight(self, step: int) -> float:
        """Give the weight of the divergence at a step."""
        if self.annealing == "none":
            return self.divergence_weight
        ramp = linear_ramp if self.annealing == "linear" else cyclical_ramp
        return self.divergence_weight * ramp(step, self.annealing_steps)


def sequence_task(
    model: SequenceModel,
    batches: Batches[dict[str, Tensor]],
    validation: Sequences,
    training: SequenceTraining,
) -> Task[dict[str, Tensor]]:
    """Make the task of training `model` on batches as `Sequences.tensors` gives them.

    The loss is eq. 3.5 to 3.7 with its sign turned, a mean over sequences in nats, with the weight that the divergence
    has at the step. Figures are in nats per sequence and without weights; in training the drop is the one that was
    trained with. Errors: DataError where sequences are not of the model's format.
    """
    model.check(validation)
    # Like lengths together: less padding.
    held_out = validation.at(validation.lengths.argsort(stable=True))

    def loss(module: nn.Module, batch: dict[str, Tensor], context: StepContext) -> Loss:
        terms = module(Sequences.of(batch))
        price = training.weight(context.step) * free_bits(terms.divergence, training.free_bits).sum()
        penalty = training.dropout_weight * terms.dropout_divergence.mean()
        bound = elbo(terms.log_likelihood, terms.divergence).mean().detach()
        figures = {
            "negative_elbo": -bound,
            "reconstruction": -terms.log_likelihood.detach().mean(),
            "divergence": terms.divergence.detach().sum(1).mean(),
            "dropout_divergence": terms.dropout_divergence.detach().mean(),
            "drop": terms.drop.nanmean(),
        }
        return Loss(value=price + penalty - terms.log_likelihood.mean(), figures=figures)

    def evaluate(module: nn.Module) -> Evaluation:
        assert isinstance(module, SequenceModel)
        terms = evaluate_sequences(module, held_out, batch=training.batch // training.micro_batches)
        figures = {
            "negative_elbo": terms.negative_elbo,
            "reconstruction": terms.reconstruction,
            "divergence": terms.mean_divergence,
            "dropout_divergence": float(terms.dropout_divergence.mean()),
            "drop": terms.mean_drop,
        }
        score = terms.reconstruction if training.score == "reconstruction" else terms.negative_elbo
        return Evaluation(score=score, figures=figures)

    return Task(
        module=model,
        optimizer=training.make_optimizer(model),
        batches=batches,
        loss=loss,
        evaluate=evaluate,
        rate=training.rate(len(batches)),
    )

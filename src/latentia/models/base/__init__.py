"""What models answer; training, evaluation and uses know models through this alone."""

from latentia.models.base.density import Generation, Inference, LatentVariableModel, Terms
from latentia.models.base.multitask import CONDITIONED, UNCONDITIONED, Decoders, Latent, MultitaskModel, TaskTerms
from latentia.models.base.prior import AutoregressivePrior, PriorOfClass

__all__ = [
    "CONDITIONED",
    "UNCONDITIONED",
    "AutoregressivePrior",
    "Decoders",
    "Generation",
    "Inference",
    "Latent",
    "LatentVariableModel",
    "MultitaskModel",
    "PriorOfClass",
    "TaskTerms",
    "Terms",
]

"""What models answer; training, evaluation and uses know models through this alone."""

from latentia.models.base.density import Generation, Inference, LatentVariableModel, Terms
from latentia.models.base.prior import AutoregressivePrior

__all__ = ["AutoregressivePrior", "Generation", "Inference", "LatentVariableModel", "Terms"]

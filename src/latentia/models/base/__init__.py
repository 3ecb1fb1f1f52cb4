"""What models answer; training, evaluation and uses know models through this alone."""

from latentia.models.base.density import Generation, Inference, LatentVariableModel, Terms
from latentia.models.base.free_running import beam_search, run_freely
from latentia.models.base.gaussian import GaussianLatentModel
from latentia.models.base.multitask import CONDITIONED, UNCONDITIONED, Decoders, Latent, MultitaskModel, TaskTerms
from latentia.models.base.prior import AutoregressivePrior, PriorOfClass
from latentia.models.base.segmentation import SegmentationModel
from latentia.models.base.sequence import SequenceModel, SequenceTerms

__all__ = [
    "CONDITIONED",
    "UNCONDITIONED",
    "AutoregressivePrior",
    "Decoders",
    "GaussianLatentModel",
    "Generation",
    "Inference",
    "Latent",
    "LatentVariableModel",
    "MultitaskModel",
    "PriorOfClass",
    "SegmentationModel",
    "SequenceModel",
    "SequenceTerms",
    "TaskTerms",
    "Terms",
    "beam_search",
    "run_freely",
]

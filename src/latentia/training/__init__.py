"""Training: an explicit loop, checkpoints that resume to the bit, and the record of a run."""

from latentia.training.checkpoint import Extras, load_checkpoint, save_checkpoint
from latentia.training.loop import Batches, Evaluation, LoopSettings, Outcome, Precision, Progress, Task, fit
from latentia.training.record import hardware, run_record, source_version, write_record

__all__ = [
    "Batches",
    "Evaluation",
    "Extras",
    "LoopSettings",
    "Outcome",
    "Precision",
    "Progress",
    "Task",
    "fit",
    "hardware",
    "load_checkpoint",
    "run_record",
    "save_checkpoint",
    "source_version",
    "write_record",
]

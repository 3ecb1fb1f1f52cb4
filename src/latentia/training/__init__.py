"""Training: an explicit loop, checkpoints that resume to the bit, and the record of a run."""

from latentia.training.checkpoint import Extras, load_checkpoint, save_checkpoint
from latentia.training.loop import fit
from latentia.training.processes import is_first_process, process_count
from latentia.training.record import continued, hardware, run_record, source_version, write_record
from latentia.training.task import (
    Accelerator,
    Batches,
    Evaluation,
    LoopSettings,
    Loss,
    Outcome,
    Precision,
    Progress,
    StepContext,
    Task,
)
from latentia.training.weight_average import WeightAverage

__all__ = [
    "Accelerator",
    "Batches",
    "Evaluation",
    "Extras",
    "LoopSettings",
    "Loss",
    "Outcome",
    "Precision",
    "Progress",
    "StepContext",
    "Task",
    "WeightAverage",
    "continued",
    "fit",
    "hardware",
    "is_first_process",
    "load_checkpoint",
    "process_count",
    "run_record",
    "save_checkpoint",
    "source_version",
    "write_record",
]

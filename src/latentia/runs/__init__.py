"""Runs: a configuration in, a folder with a trained model, its record and its history out."""

from latentia.runs.configuration import Configuration, Transforms, configuration_of, read_configuration
from latentia.runs.folder import RunFolder
from latentia.runs.model_file import load_model, save_model
from latentia.runs.sequence_file import SequenceModelFile, load_sequence_model, save_sequence_model
from latentia.runs.trained import Run, SequenceRun, load_run
from latentia.runs.training import train
from latentia.runs.yaml_text import write_yaml

__all__ = [
    "Configuration",
    "Run",
    "RunFolder",
    "SequenceModelFile",
    "SequenceRun",
    "Transforms",
    "configuration_of",
    "load_model",
    "load_run",
    "load_sequence_model",
    "read_configuration",
    "save_model",
    "save_sequence_model",
    "train",
    "write_yaml",
]

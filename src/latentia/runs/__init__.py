"""Runs: a configuration in, a folder with a trained model, its record and its history out."""

from latentia.runs.configuration import Configuration, Transforms, configuration_of, read_configuration, write_yaml
from latentia.runs.folder import Run, RunFolder, load_run
from latentia.runs.model_file import load_model, save_model
from latentia.runs.training import train

__all__ = [
    "Configuration",
    "Run",
    "RunFolder",
    "Transforms",
    "configuration_of",
    "load_model",
    "load_run",
    "read_configuration",
    "save_model",
    "train",
    "write_yaml",
]

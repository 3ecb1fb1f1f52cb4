"""Artifacts as what is improbable under a density of clean epochs (thesis A, 5.3.4)."""

from spindle.density.detector import DensityDetector, DensityModel
from spindle.density.model_file import load_density, save_density
from spindle.density.networks import SIZES
from spindle.density.threshold import Calibration
from spindle.density.training import DensityConfig, train_density, train_density_on_files
from spindle.density.use import with_density

__all__ = [
    "SIZES",
    "Calibration",
    "DensityConfig",
    "DensityDetector",
    "DensityModel",
    "load_density",
    "save_density",
    "train_density",
    "train_density_on_files",
    "with_density",
]

"""A model for scoring whose artifacts a density finds."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from spindle.density.detector import TOP_LAYERS, DensityDetector, DensityModel
from spindle.density.model_file import load_density
from spindle.model_file import SpindleModel, load_model, starter_model


def with_density(
    density: Path | str | DensityModel,
    model: Path | str | SpindleModel | None = None,
    *,
    threshold_nats: float | None = None,
    layers: int = TOP_LAYERS,
    samples: int = 1,
) -> SpindleModel:
    """Give a model, by default the starter model, whose artifacts are found by a density instead of its network.

    `layers` are those on top, `threshold_nats` replaces the file's threshold. Errors: ModelError, SettingError.
    """
    opened = density if isinstance(density, DensityModel) else load_density(Path(density))
    detector = DensityDetector(model=opened, top=layers, samples=samples, threshold_nats=threshold_nats)
    chosen = load_model(Path(model)) if isinstance(model, Path | str) else model or starter_model()
    return replace(chosen, detector=detector)

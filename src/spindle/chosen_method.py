"""From the options of a command to the method that they choose, a density for artifacts included."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from spindle.options import DensityOptions, MethodOptions, check_method

if TYPE_CHECKING:
    from spindle.scoring import AnyMethod


def check_density(method: MethodOptions, density: DensityOptions) -> None:
    """Refuse a density with another method than SPINDLE, before anything is read. Errors: SettingError."""
    check_method(method.method, density=density.density is not None)


def load_chosen(method: MethodOptions, density: DensityOptions) -> AnyMethod:
    """Load the method that the options choose. Errors: ModelError, SettingError."""
    check_density(method, density)
    # Only now, so that a wrong option is said at once, without waiting for torch.
    from spindle.scoring import load_method

    if density.density is None:
        return load_method(**asdict(method))
    from spindle.density import with_density

    model = with_density(
        density.density,
        method.model,
        threshold_nats=density.density_threshold,
        layers=density.density_layers,
        samples=density.density_samples,
    )
    return load_method(**{**asdict(method), "model": model})

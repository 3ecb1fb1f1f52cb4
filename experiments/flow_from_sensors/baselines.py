"""Classical ways to reconstruct a field from few sensors, which a model has to beat: gappy POD, interpolation, memory.

Fields are in physical units, (snapshots, channels, height, width). A mask, (height, width), is true where a sensor is;
it measures every channel there. Values elsewhere are never read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
from jaxtyping import Bool, Float
from scipy.interpolate import LinearNDInterpolator, NearestNDInterpolator

from latentia.errors import SettingError

Fields = Float[np.ndarray, "snapshots channels height width"]
Places = Bool[np.ndarray, "height width"]


@dataclass(frozen=True, kw_only=True)
class Modes:
    """A mean field and modes around it, orthonormal over all channels and places, the most energetic first."""

    mean: Float[np.ndarray, "channels height width"]
    modes: Float[np.ndarray, "modes channels height width"]
    energies: Float[np.ndarray, " modes"]
    """Mean squared coefficient of each mode over the snapshots."""

    def __len__(self) -> int:
        return len(self.modes)

    def first(self, count: int) -> Modes:
        """The most energetic modes alone."""
        return replace(self, modes=self.modes[:count], energies=self.energies[:count])


@dataclass(frozen=True, kw_only=True)
class Choice:
    """The modes and the ridge that reconstructed validation snapshots best, and their mean relative error."""

    modes: Modes
    ridge: float
    error: float


def proper_orthogonal_modes(snapshots: Fields, count: int) -> Modes:
    """Proper orthogonal decomposition (POD): the `count` modes that hold most of the variance of the snapshots.

    Errors: SettingError unless `count` is 1 to one less than there are snapshots, which is all their rank.
    """
    if not 1 <= count < len(snapshots):
        raise SettingError(f"{len(snapshots)} snapshots have 1 to {len(snapshots) - 1} modes, not {count}.")
    mean = snapshots.mean(0)
    _, singular, modes = np.linalg.svd((snapshots - mean).reshape(len(snapshots), -1), full_matrices=False)
    energies = singular[:count] ** 2 / len(snapshots)
    return Modes(mean=mean, modes=modes[:count].reshape(-1, *mean.shape), energies=energies)


def reconstruct_from_sensors(modes: Modes, values: Fields, mask: Places, ridge: float = 0.0) -> Fields:
    """Gappy POD (Everson & Sirovich 1995): the coefficients that fit the known values best, by least squares.

    With a `ridge` ρ > 0 the sum of squared misfits is increased by ρ Σ aₖ² / energyₖ. That gives the posterior mean
    where coefficients are independent Gaussians of those energies and ρ is the variance of an error of measurement.
    Errors: SettingError where ρ is negative, or 0 with more modes than known values.
    """
    known = values[:, :, mask].reshape(len(values), -1) - modes.mean[:, mask].ravel()
    if ridge < 0 or (ridge == 0 and len(modes) > known.shape[1]):
        raise SettingError(
            f"{len(modes)} modes of {known.shape[1]} known values need a ridge above 0, and none may be below; "
            f"it is {ridge:g}."
        )
    # In units of each mode's usual size, so that no mode's energy divides.
    sizes = np.sqrt(modes.energies)
    at_sensors = modes.modes[:, :, mask].reshape(len(modes), -1).T * sizes
    system = np.concatenate([at_sensors, np.sqrt(ridge) * np.eye(len(modes))])
    wanted = np.concatenate([known.T, np.zeros((len(modes), len(known)))])
    coefficients = np.linalg.lstsq(system, wanted)[0].T * sizes
    return modes.mean + np.tensordot(coefficients, modes.modes, 1)


def choose_modes(
    train: Fields,
    validation: Fields,
    masks: Sequence[Places],
    *,
    counts: Sequence[int],
    ridges: Sequence[float] = (0.0,),
    solid: Places | None = None,
) -> Choice:
    """Choose the number of modes and the ridge with the least mean error over validation snapshots and masks.

    Numbers of modes that a mask cannot determine without a ridge are tried with one alone. Errors: SettingError where
    nothing is left to try.
    """
    modes = proper_orthogonal_modes(train, max(counts))
    fewest = train.shape[1] * min(int(mask.sum()) for mask in masks)
    tried = []
    for count, ridge in product(counts, ridges):
        if ridge > 0 or count <= fewest:
            some = modes.first(count)
            found = [reconstruct_from_sensors(some, validation, mask, ridge) for mask in masks]
            error = float(np.mean([relative_error(validation, estimate, solid) for estimate in found]))
            tried.append(Choice(modes=some, ridge=ridge, error=error))
    if not tried:
        raise SettingError(f"More than {fewest} modes need a ridge above 0; counts are {', '.join(map(str, counts))}.")
    return min(tried, key=lambda choice: choice.error)


def nearest_snapshot(train: Fields, values: Fields, mask: Places) -> Fields:
    """Remember instead of reconstructing: the training snapshot that is nearest at the known places.

    It tells how much of a test is a repetition of the training snapshots.
    """
    seen, asked = (fields[:, :, mask].reshape(len(fields), -1) for fields in (train, values))
    distances = np.linalg.norm(asked[:, None] - seen, axis=-1)
    return train[distances.argmin(1)]


def interpolate_linearly(values: Fields, mask: Places) -> Fields:
    """Interpolate on a Delaunay triangulation of the known places; outside of it, take the nearest known value.

    The unit of distance is one row or column. Known places on one line span no triangle: all others get the nearest.
    Errors: SettingError where nothing is known.
    """
    if not mask.any():
        raise SettingError("Interpolation needs at least one known place; the mask has none.")
    points = np.argwhere(mask)
    known = np.moveaxis(values[:, :, mask], -1, 0)
    everywhere = np.indices(mask.shape).reshape(2, -1).T
    found = NearestNDInterpolator(points, known)(everywhere)
    if np.linalg.matrix_rank(points - points[0]) == 2:
        linear = LinearNDInterpolator(points, known)(everywhere)
        found = np.where(np.isnan(linear), found, linear)
    return np.moveaxis(found, 0, -1).reshape(values.shape)


def relative_error(truth: Fields, estimate: Fields, solid: Places | None = None) -> Float[np.ndarray, " snapshots"]:
    """‖x̂ − x‖₂ / ‖x‖₂ of each snapshot, over all channels and the places outside the solid."""
    fluid = np.ones(truth.shape[2:], bool) if solid is None else ~solid
    right, missed = (fields[:, :, fluid].reshape(len(truth), -1) for fields in (truth, estimate - truth))
    return np.linalg.norm(missed, axis=1) / np.linalg.norm(right, axis=1)


def draw_sensors(count: int, solid: Places, generator: np.random.Generator) -> Places:
    """Draw a mask of `count` different places outside the solid, all equally likely."""
    mask = np.zeros(solid.shape, bool)
    mask.flat[generator.choice(np.flatnonzero(~solid), count, replace=False)] = True
    return mask

"""Where rays first meet simple bodies: a cube, a cylinder, a sphere, a capsule. Bodies stand on the floor, y = 0."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

Points = Float64[np.ndarray, "rays 3"]
Numbers = Float64[np.ndarray, " rays"]
TINY = 1e-9


@dataclass(frozen=True, kw_only=True, eq=False)
class Hits:
    """How far along each ray it enters a body, infinity where it does not, and the outward normal there."""

    distance: Numbers
    normal: Points


Body = Callable[[Points, Points, float], Hits]
"""Of starting points, unit directions and the size of the body."""


def cube(start: Points, towards: Points, size: float) -> Hits:
    """A cube with an edge of 1.2 times the size."""
    half = 0.6 * size
    near, far = _between(start - [0, half, 0], towards, half)
    enter = np.maximum(np.maximum(near[:, 0], near[:, 1]), near[:, 2])
    leave = np.minimum(np.minimum(far[:, 0], far[:, 1]), far[:, 2])
    hit = (enter <= leave) & (enter > TINY)
    axis = near.argmax(1)
    rows = np.arange(len(axis))
    normal = np.zeros_like(towards)
    normal[rows, axis] = -np.sign(towards[rows, axis])
    return Hits(distance=np.where(hit, enter, np.inf), normal=normal)


def cylinder(start: Points, towards: Points, size: float) -> Hits:
    """An upright cylinder, 1.3 times the size high, with a radius of 0.65 times."""
    half, radius = 0.65 * size, 0.65 * size
    origin = start - [0, half, 0]
    low, high = _between(origin[:, 1:2], towards[:, 1:2], half)
    side_in, side_out = _quadratic(origin[:, ::2], towards[:, ::2], radius)
    enter = np.maximum(low[:, 0], side_in)
    hit = (enter <= np.minimum(high[:, 0], side_out)) & (enter > TINY)
    distance = np.where(hit, enter, np.inf)
    through_side = (side_in >= low[:, 0])[:, None]
    place = _along(origin, towards, distance)
    side = place * [1 / radius, 0, 1 / radius]
    cap = np.zeros_like(towards)
    cap[:, 1] = -np.sign(towards[:, 1])
    return Hits(distance=distance, normal=np.where(through_side, side, cap))


def sphere(start: Points, towards: Points, size: float) -> Hits:
    """A sphere with a radius of 0.75 times the size."""
    radius = 0.75 * size
    origin = start - [0, radius, 0]
    distance = _first(*_quadratic(origin, towards, radius))
    return Hits(distance=distance, normal=_along(origin, towards, distance) / radius)


def capsule(start: Points, towards: Points, size: float) -> Hits:
    """A lying capsule, along x: a cylinder with a radius of 0.5 times the size and half a sphere at each end."""
    half, radius = 0.5 * size, 0.5 * size
    origin = start - [0, radius, 0]
    tube = _first(*_quadratic(origin[:, 1:], towards[:, 1:], radius))
    tube = np.where(np.abs(_along(origin, towards, tube)[:, 0]) <= half, tube, np.inf)
    ends = [_first(*_quadratic(origin - [end, 0, 0], towards, radius)) for end in (-half, half)]
    distance = np.minimum(tube, np.minimum(*ends))
    place = _along(origin, towards, distance)
    place[:, 0] -= np.clip(place[:, 0], -half, half)
    return Hits(distance=distance, normal=place / radius)


def _along(start: Points, towards: Points, distance: Numbers) -> Points:
    """Points at these distances; the starting points where they are infinite."""
    points: Points = start + np.where(np.isfinite(distance), distance, 0.0)[:, None] * towards
    return points


def _between(
    start: Float64[np.ndarray, "rays axes"], towards: Float64[np.ndarray, "rays axes"], half: float
) -> tuple[Float64[np.ndarray, "rays axes"], Float64[np.ndarray, "rays axes"]]:
    """Where a ray enters and leaves the layer −half … half of each axis."""
    # A ray within such a layer has no direction along its axis; a tiny one stands for it.
    inverse = 1 / np.where(np.abs(towards) < TINY, TINY, towards)
    one, other = (-half - start) * inverse, (half - start) * inverse
    return np.minimum(one, other), np.maximum(one, other)


def _quadratic(
    start: Float64[np.ndarray, "rays axes"], towards: Float64[np.ndarray, "rays axes"], radius: float
) -> tuple[Numbers, Numbers]:
    """Where a ray enters and leaves the ball, in the given axes, around 0; infinity and minus infinity if it misses."""
    square = np.maximum(_dots(towards, towards), TINY)
    across = _dots(start, towards)
    inside = across**2 - square * (_dots(start, start) - radius**2)
    root = np.sqrt(np.maximum(inside, 0))
    misses = inside < 0
    return (
        np.where(misses, np.inf, (-across - root) / square),
        np.where(misses, -np.inf, (-across + root) / square),
    )


def _dots(first: Float64[np.ndarray, "rays axes"], second: Float64[np.ndarray, "rays axes"]) -> Numbers:
    """Scalar products, several times faster than a sum over a short axis."""
    return np.asarray(np.einsum("ij,ij->i", first, second))


def _first(enter: Numbers, leave: Numbers) -> Numbers:
    """Where a ray from outside enters, if that is before it."""
    distance: Numbers = np.where((enter <= leave) & (enter > TINY), enter, np.inf)
    return distance

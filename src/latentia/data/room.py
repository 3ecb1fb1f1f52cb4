"""A room with a floor, walls and one body, seen by a camera: how much each of them and the light give to a pixel."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float32, Float64, Int64

from latentia.data.ray_casting import Body, Numbers, Points

FLOOR, WALL, BODY, SHINE = range(4)
"""What a pixel's colour is made of: shares of three colours, and white where the light is mirrored."""
WALLS_AT, BACK_AT = 3.4, -3.0
"""Places of the walls left and right (x = ± this), and of the wall at the back (z)."""
CAMERA_HEIGHT, CAMERA_DISTANCE, LOOKS_AT_HEIGHT = 2.3, 5.2, 0.85
FIELD_OF_VIEW = np.radians(44)
LIGHT = np.array([0.45, 0.75, 0.6]) / np.linalg.norm([0.45, 0.75, 0.6])
"""Direction to the light, the same in all of the room."""
AMBIENT, DIFFUSE = 0.4, 0.6
MIRRORED, SHARPNESS = 0.35, 32
"""How much white the body mirrors at most, and how small the spot is."""


def shares(
    body: Body, size: float, turn: float, resolution: int, samples: int
) -> Float32[np.ndarray, "4 resolution resolution"]:
    """Give, for each pixel, the shares of floor, wall, body and white light, with its light and shadow.

    The camera stands `turn` radians to the side and looks at the body. A pixel is the mean of samples × samples rays.
    """
    start, towards = _camera(turn, resolution, samples)
    origin = np.broadcast_to(start, towards.shape)
    hits = body(origin, towards, size)
    distance, normal, part = _room(start, towards)
    on_body = hits.distance < distance
    part[on_body] = BODY
    normal = np.where(on_body[:, None], hits.normal, normal)
    place = start + np.minimum(distance, hits.distance)[:, None] * towards
    # From a little above the surface, so that rounding puts no point into its own shadow.
    shadowed = np.isfinite(body(place + 1e-4 * normal, np.broadcast_to(LIGHT, place.shape), size).distance)
    facing = np.where(shadowed, 0.0, np.maximum(normal @ LIGHT, 0.0))
    found = np.zeros((4, len(towards)))
    found[part, np.arange(len(part))] = AMBIENT + DIFFUSE * facing
    mirrored = 2 * (normal @ LIGHT)[:, None] * normal - LIGHT
    glance = np.maximum(-np.einsum("ij,ij->i", mirrored, towards), 0.0)
    lit = on_body & (facing > 0)
    found[SHINE, lit] = MIRRORED * glance[lit] ** SHARPNESS
    rays = found.reshape(4, resolution, samples, resolution, samples)
    averaged: Float32[np.ndarray, "4 resolution resolution"] = rays.mean((2, 4)).astype(np.float32)
    return averaged


def _camera(turn: float, resolution: int, samples: int) -> tuple[Float64[np.ndarray, " 3"], Points]:
    """Place of the camera, and unit directions of its rays, by rows from the top left."""
    start = np.array([CAMERA_DISTANCE * np.sin(turn), CAMERA_HEIGHT, CAMERA_DISTANCE * np.cos(turn)])
    forward = np.array([0, LOOKS_AT_HEIGHT, 0]) - start
    forward /= np.linalg.norm(forward)
    right = np.array([np.cos(turn), 0, -np.sin(turn)])
    up = np.cross(right, forward)
    steps = resolution * samples
    screen = (2 * (np.arange(steps) + 0.5) / steps - 1) * np.tan(FIELD_OF_VIEW / 2)
    down, across = np.meshgrid(screen, screen, indexing="ij")
    towards = forward + across.reshape(-1, 1) * right - down.reshape(-1, 1) * up
    return start, towards / np.linalg.norm(towards, axis=1, keepdims=True)


def _room(start: Float64[np.ndarray, " 3"], towards: Points) -> tuple[Numbers, Points, Int64[np.ndarray, " rays"]]:
    """Distance, normal and part of the floor or wall that each ray meets first."""
    surfaces = [
        (1, 0.0, 1.0, FLOOR),
        (2, BACK_AT, 1.0, WALL),
        (0, -WALLS_AT, 1.0, WALL),
        (0, WALLS_AT, -1.0, WALL),
    ]
    distances = np.full((len(surfaces), len(towards)), np.inf)
    for row, (axis, place, side, _) in enumerate(surfaces):
        meets = towards[:, axis] * side < 0
        distances[row, meets] = (place - start[axis]) / towards[meets, axis]
    first = distances.argmin(0)
    normals = np.zeros((len(surfaces), 3))
    for row, (axis, _, side, _) in enumerate(surfaces):
        normals[row, axis] = side
    parts = np.array([part for *_, part in surfaces])
    return distances.min(0), normals[first], parts[first]

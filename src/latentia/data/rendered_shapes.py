"""Rendered shapes: a body in a room, with the factors of 3D-Shapes, drawn here at any resolution."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import ClassVar

import numpy as np
from jaxtyping import Float32

from latentia.data.factor_images import RenderedImages
from latentia.data.factors import Factors, FactorTable, Indices
from latentia.data.images import Images
from latentia.data.ray_casting import capsule, cube, cylinder, sphere
from latentia.data.room import BODY, FLOOR, SHINE, WALL, shares

FACTORS = Factors(
    names=("floor hue", "wall hue", "object hue", "scale", "shape", "orientation"), sizes=(10, 10, 10, 8, 4, 15)
)
"""As in 3D-Shapes, in its order."""
BODIES = (cube, cylinder, sphere, capsule)
SCALES = np.linspace(0.75, 1.25, FACTORS.sizes[3])
TURNS = np.radians(np.linspace(-30, 30, FACTORS.sizes[5]))
SAMPLES = 3
"""Rays along each side of a pixel."""
BLOCK_PIXELS = 1 << 17
"""How many pixels are drawn together."""
KEPT_BYTES = 1 << 27
"""How many bytes of geometries are kept; all 480 at 64×64 take 32 MB."""


@dataclass(frozen=True, kw_only=True)
class RenderedShapes(RenderedImages):
    """480,000 scenes of one body in a room: hue of floor, wall and body, scale, shape and orientation of the view.

    The factors and their sizes are those of 3D-Shapes (Burgess & Kim 2018); the images are ours, and figures on them
    are not figures on 3D-Shapes. A loaded split is drawn once (5.9 GB for all at 64×64). Splits and errors are those
    of `FactorImages` and `RenderedImages`.
    """

    channels: ClassVar[int] = 3
    version: ClassVar[int] = 1

    @property
    def name(self) -> str:
        """Name of the data set."""
        return "rendered shapes"

    @property
    def factors(self) -> Factors:
        """Names and sizes of the factors."""
        return FACTORS

    def images(self, indices: Indices) -> Images:
        """Draw scenes, with 8 bits. Errors: DataError where there is no such scene."""
        table = FACTORS.of(indices)
        drawn = np.empty((len(indices), 3, self.resolution, self.resolution), np.uint8)
        size = max(1, BLOCK_PIXELS // self.resolution**2)
        for start in range(0, len(indices), size):
            block = slice(start, start + size)
            drawn[block] = self._draw(table[block])
        return drawn

    def _draw(self, table: FactorTable) -> Images:
        """A pixel is its shares of the three colours, and the mirrored light: elementwise, so that no scene's bytes
        depend on which others are drawn with it."""
        geometries, which = np.unique(table[:, 3:], axis=0, return_inverse=True)
        geometry = _geometries(self.resolution)
        maps = np.stack([geometry(*map(int, row)) for row in geometries])[which.ravel()]
        colours = 255 * HUES[table[:, [0, 1, 2]]]  # scenes, parts, channels
        drawn = np.empty((len(table), 3, self.resolution, self.resolution), np.uint8)
        for channel in range(3):
            light = 255 * maps[:, SHINE]
            for place, part in enumerate((FLOOR, WALL, BODY)):
                light += colours[:, place, channel, None, None] * maps[:, part]
            drawn[:, channel] = np.rint(np.minimum(light, 255, out=light), out=light)
        return drawn


def hue_colours(count: int) -> Float32[np.ndarray, "count 3"]:
    """Fully saturated colours with evenly spaced hues, from red on: red, green and blue, 0 to 1."""
    hue = 6 * np.arange(count)[:, None] / count
    apart = np.abs((hue - [0, 2, 4] + 3) % 6 - 3)  # from pure red, green and blue, which are 2 apart
    colours: Float32[np.ndarray, "count 3"] = np.clip(2 - apart, 0, 1).astype(np.float32)
    return colours


HUES = hue_colours(FACTORS.sizes[0])


@lru_cache(maxsize=2)
def _geometries(resolution: int) -> Callable[[int, int, int], Float32[np.ndarray, "4 height width"]]:
    """Scenes differ in 480 ways other than by colour, and each is traced once, as long as there is room for them."""
    kept = max(1, KEPT_BYTES // (4 * 4 * resolution**2))
    return lru_cache(maxsize=kept)(partial(_geometry, resolution))


def _geometry(resolution: int, scale: int, shape: int, orientation: int) -> Float32[np.ndarray, "4 height width"]:
    return shares(BODIES[shape], float(SCALES[scale]), float(TURNS[orientation]), resolution, SAMPLES)

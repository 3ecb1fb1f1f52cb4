"""Rendered sprites: a white square, ellipse or heart on black, with the factors of dSprites, at any resolution."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from jaxtyping import Bool, Float32

from latentia.data.factor_images import RenderedImages
from latentia.data.factors import Factors, FactorTable, Indices
from latentia.data.images import Images

FACTORS = Factors(names=("shape", "scale", "orientation", "x", "y"), sizes=(3, 6, 40, 32, 32))
"""As in dSprites, in its order, without its colour, which has one value."""
SCALES = np.linspace(0.5, 1.0, FACTORS.sizes[1])
TURNS = 2 * np.pi * np.arange(FACTORS.sizes[2]) / FACTORS.sizes[2]
CENTRES = np.linspace(0.26, 0.74, FACTORS.sizes[3])
"""Of the sprite, in sides of the image, from the left and from the top."""
REACH = 0.25
"""No sprite goes further from its centre, in sides of the image."""
SAMPLES = 3
"""Points along each side of a pixel; the share of them that is within the sprite is its brightness."""
BLOCK_PIXELS = 1 << 16

Plane = Float32[np.ndarray, "sprites height width"]
Inside = Callable[[Plane, Plane], Bool[np.ndarray, "sprites height width"]]


@dataclass(frozen=True, kw_only=True)
class RenderedSprites(RenderedImages):
    """737,280 images of one sprite: square, ellipse or heart, scale, orientation, and place from left and from top.

    The factors and their sizes are those of dSprites (Matthey et al. 2017); the images are ours. Of its 40
    orientations the first and the last are the same, ours are all different, though a square comes back to itself
    after 10 and an ellipse after 20. With 1 bit, a pixel is white where the sprite covers most of it; with 8, grey at
    edges. A loaded split is drawn once (3 GB for all at 64×64). Splits and errors are those of `FactorImages` and
    `RenderedImages`.
    """

    bits: int = 1
    channels: ClassVar[int] = 1
    version: ClassVar[int] = 1

    @property
    def name(self) -> str:
        """Name of the data set."""
        return "rendered sprites"

    @property
    def factors(self) -> Factors:
        """Names and sizes of the factors."""
        return FACTORS

    def images(self, indices: Indices) -> Images:
        """Draw sprites, with 8 bits. Errors: DataError where there is no such sprite."""
        table = FACTORS.of(indices)
        drawn = np.zeros((len(indices), 1, self.resolution, self.resolution), np.uint8)
        size = max(1, BLOCK_PIXELS // self.resolution**2)
        for shape, inside in enumerate((square, ellipse, heart)):
            own = np.flatnonzero(table[:, 0] == shape)
            for start in range(0, len(own), size):
                rows = own[start : start + size]
                self._draw(table[rows], inside, rows, drawn)
        return drawn

    def _draw(self, table: FactorTable, inside: Inside, rows: Indices, drawn: Images) -> None:
        """Draw sprites of one shape into their rows, each within the window that it may reach."""
        size, across = self.resolution, CENTRES[table[:, 3]] * self.resolution
        down = CENTRES[table[:, 4]] * self.resolution
        window = min(size, int(np.ceil(2 * REACH * size)) + 1)
        left, top = (np.clip(np.floor(c - REACH * size), 0, size - window).astype(int) for c in (across, down))
        points = (np.arange(window * SAMPLES) + 0.5) / SAMPLES
        unit = (SCALES[table[:, 1]] * size)[:, None]
        x = (((left - across)[:, None] + points) / unit).astype(np.float32)[:, None, :]
        y = (((top - down)[:, None] + points) / unit).astype(np.float32)[:, :, None]
        angle = TURNS[table[:, 2]][:, None, None]
        cosine, sine = np.cos(angle).astype(np.float32), np.sin(angle).astype(np.float32)
        covered = inside(cosine * x + sine * y, cosine * y - sine * x)
        shares = covered.reshape(-1, window, SAMPLES, window, SAMPLES).sum((2, 4), dtype=np.uint16)
        values = (shares * 255 // SAMPLES**2).astype(np.uint8)
        for row, value, first, second in zip(rows, values, top, left, strict=True):
            drawn[row, 0, first : first + window, second : second + window] = value


def square(x: Plane, y: Plane) -> Bool[np.ndarray, "sprites height width"]:
    """Points within a square, in sides of the image at scale 1."""
    return np.asarray(np.maximum(np.abs(x), np.abs(y)) <= 0.17)


def ellipse(x: Plane, y: Plane) -> Bool[np.ndarray, "sprites height width"]:
    """Points within an ellipse whose axes are as 5 to 3."""
    return np.asarray((x / np.float32(0.225)) ** 2 + (y / np.float32(0.135)) ** 2 <= 1)


def heart(x: Plane, y: Plane) -> Bool[np.ndarray, "sprites height width"]:
    """Points within the curve (x² + y² − 1)³ = x² y³, with its tip at the bottom."""
    u, v = x / np.float32(0.165), y / np.float32(-0.165)
    square_u, square_v = u * u, v * v
    body = square_u + square_v - 1
    return np.asarray(body * body * body <= square_u * square_v * v)

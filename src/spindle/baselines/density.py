"""Clusters as connected regions of high density (Azzalini & Torelli, 2007): no number of clusters is given.

A kernel estimate tells the density at every point. Water that sinks from above the highest peak uncovers islands; two
islands that meet are clusters of their own where both hold enough points by then, and one else. What lies below the
meeting goes to the cluster that most of the density there comes from.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import NDArray
from scipy.spatial import cKDTree

NEIGHBOURS = 8
"""Points are connected to so many of their nearest; the paper's Delaunay triangulation is slow beyond three axes. More
neighbours bridge the gap between wake and the few epochs of REM sleep of a day."""
SMALLEST_SHARE = 0.005
"""An island with a smaller share of all points is a ripple. REM sleep fills 5 % of a day, its core much less."""
LEAST_POINTS = 5
"""However short a recording is, an island has no fewer points."""
HIGHEST_SADDLE = 0.7
"""Islands stay apart where the density between them is below this share of the lower peak's."""
NARROWEST = 0.1
"""A cluster's kernels are at least this share as wide as those of all points: some points may be equal."""
CHUNK = 1024
NOBODY = -1


def bandwidths(points: Float[np.ndarray, "points axes"], factor: float = 1.0) -> Float[np.ndarray, " axes"]:
    """Kernel width per axis, optimal for a normal density, times `factor`."""
    count, axes = points.shape
    spread = np.maximum(points.std(axis=0), 1e-12)
    return np.asarray(factor * spread * (4.0 / ((axes + 2) * count)) ** (1.0 / (axes + 4)))


def density(
    at: Float[np.ndarray, "places axes"], points: Float[np.ndarray, "points axes"], width: Float[np.ndarray, " axes"]
) -> Float[np.ndarray, " places"]:
    """Sum of Gaussian kernels around `points`; the norming constant, the same everywhere, is left out."""
    middle = points.mean(axis=0)  # float32 keeps few digits of small distances far from 0
    centres = ((points - middle) / width).astype(np.float32)
    halves = 0.5 * np.square(centres).sum(axis=1)
    result = np.empty(len(at))
    for start in range(0, len(at), CHUNK):
        here = ((at[start : start + CHUNK] - middle) / width).astype(np.float32)
        exponent = here @ centres.T - halves - 0.5 * np.square(here).sum(axis=1, keepdims=True)
        result[start : start + len(here)] = np.exp(np.minimum(exponent, 0.0)).sum(axis=1, dtype=np.float64)
    return result


def clusters(points: Float[np.ndarray, "points axes"], *, factor: float = 1.0) -> Int[np.ndarray, " points"]:
    """Number of each point's cluster, from 0, the one with the largest core first. `factor` widens the kernels."""
    scale = bandwidths(points, factor)
    first = _clusters(points, scale, factor)
    # Clusters far apart spread all points along the line between them; kernels that wide would reach from one to the
    # other. Those of the second pass suit the spread within the clusters of the first.
    within = np.sqrt(np.mean(np.square(points - _means(points, first)), axis=0)) / np.maximum(points.std(axis=0), 1e-12)
    return _clusters(points, scale * np.maximum(within, NARROWEST), factor)


def _means(points: NDArray[np.floating[Any]], labels: NDArray[np.integer[Any]]) -> NDArray[np.floating[Any]]:
    """Mean of its cluster for each point."""
    return np.asarray(np.stack([points[labels == label].mean(axis=0) for label in range(labels.max() + 1)])[labels])


def _clusters(
    points: NDArray[np.floating[Any]], width: NDArray[np.floating[Any]], factor: float
) -> NDArray[np.integer[Any]]:
    height = density(points, points, width)
    neighbours = cKDTree(points / width).query(points / width, k=min(NEIGHBOURS + 1, len(points)))[1]
    labels = _cores(height, neighbours.reshape(len(points), -1))
    rest = labels == NOBODY
    labels[rest] = allocate(points[rest], points[~rest], labels[~rest], factor=factor)
    return labels


def allocate(
    at: Float[np.ndarray, "places axes"],
    points: Float[np.ndarray, "points axes"],
    labels: Int[np.ndarray, " points"],
    *,
    factor: float = 1.0,
) -> Int[np.ndarray, " places"]:
    """The cluster that most of the density at each place comes from; `labels` are those of `points`, from 0.

    Each cluster's kernels suit its own spread, which is less than that of all points together.
    """
    overall = bandwidths(points, factor)
    found = np.zeros((labels.max(initial=0) + 1, len(at)))
    for label, row in enumerate(found):
        mine = points[labels == label]
        width = np.maximum(bandwidths(mine, factor), NARROWEST * overall)
        row[:] = density(at, mine, width) / np.prod(width / overall)
    result: NDArray[np.int64] = np.argmax(found, axis=0)
    # Far from every point all densities round to 0: the nearest point decides there.
    lost = np.flatnonzero(np.max(found, axis=0, initial=0.0) <= 0)
    if len(lost):
        result[lost] = labels[cKDTree(points / overall).query(at[lost] / overall)[1]]
    return result


def _cores(height: NDArray[np.floating[Any]], neighbours: NDArray[np.integer[Any]]) -> NDArray[np.int64]:
    """Let the water sink, point by point, and number the islands that are clusters; −1 below every meeting."""
    sea = _Islands(height, max(LEAST_POINTS, round(SMALLEST_SHARE * len(height))))
    linked: list[set[int]] = [set() for _ in height]
    for point, others in enumerate(neighbours.tolist()):
        for other in others:
            if other != point:
                linked[point].add(other)
                linked[other].add(point)
    for point in np.argsort(-height, kind="stable").tolist():
        sea.uncover(point, linked[point])
    return sea.labels()


class _Islands:
    """A union of points that tells which islands were large and high enough when they met another."""

    def __init__(self, height: NDArray[np.floating[Any]], smallest: int) -> None:
        self.height = height.tolist()
        self.smallest = smallest
        self.peak = [NOBODY] * len(height)
        """The highest point of each point's island, by which the island is called."""
        self.members: dict[int, list[int]] = {}
        self.closed: list[list[int]] = []
        self.open: set[int] = set()
        """Islands that were no part of a meeting of clusters yet; the others are only ground between clusters."""

    def uncover(self, point: int, linked: set[int]) -> None:
        """Add a point, lower than all before it, to the islands that it touches."""
        touched = {self.peak[other] for other in linked} - {NOBODY}
        self.peak[point] = point
        self.members[point] = [point]
        self.open.add(point)
        for island in sorted(touched, key=lambda one: -self.height[one]):
            self.meet(self.peak[point], island, self.height[point])

    def meet(self, one: int, other: int, level: float) -> None:
        """Join two islands under the name of the higher. Of two that are clusters, both are closed as they are."""
        high, low = sorted((one, other), key=lambda island: (-self.height[island], island))
        if self.is_cluster(low, level) and self.is_cluster(high, level):
            self.closed += [list(self.members[island]) for island in (high, low) if island in self.open]
            self.open -= {high, low}
        elif low not in self.open and high in self.open:
            self.open.discard(high)
        for point in self.members[low]:
            self.peak[point] = high
        self.members[high] += self.members.pop(low)
        self.open.discard(low)

    def is_cluster(self, island: int, level: float) -> bool:
        """Whether an island is large, and its peak clearly above the water. Ground between clusters always is."""
        return len(self.members[island]) >= self.smallest and level < HIGHEST_SADDLE * self.height[island]

    def labels(self) -> NDArray[np.int64]:
        """Number the clusters by size; without any meeting, the largest island is the only one."""
        found = self.closed + [self.members[island] for island in sorted(self.open)]
        large = [island for island in found if len(island) >= self.smallest] or [max(found, key=len)]
        result = np.full(len(self.peak), NOBODY)
        for label, island in enumerate(sorted(large, key=len, reverse=True)):
            result[island] = label
        return result

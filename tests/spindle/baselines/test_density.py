"""Clusters by density: their number is found, and no scale matters."""

from __future__ import annotations

import numpy as np
import pytest

from spindle.baselines.density import allocate, bandwidths, clusters, density


def blobs(seed: int, *, axes: int, sizes: tuple[int, ...], distance: float) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.arange(len(sizes)), sizes)
    centres = np.zeros((len(sizes), axes))
    centres[np.arange(len(sizes)), np.arange(len(sizes)) % axes] = distance * np.arange(len(sizes))
    return centres[labels] + rng.normal(size=(len(labels), axes)), labels


def purity(found: np.ndarray, truth: np.ndarray) -> float:
    """Share of points whose cluster is mostly of their own blob."""
    return sum(int(np.bincount(truth[found == label]).max()) for label in np.unique(found)) / len(found)


@pytest.mark.parametrize("axes", [2, 3])
@pytest.mark.parametrize("seed", range(3))
def test_one_blob_is_one_cluster(seed: int, axes: int) -> None:
    points, _ = blobs(seed, axes=axes, sizes=(400,), distance=0.0)
    assert clusters(points).max() == 0


@pytest.mark.parametrize("sizes", [(200, 200), (300, 100), (350, 50)])
@pytest.mark.parametrize("seed", range(3))
def test_two_separated_blobs_are_two_clusters(seed: int, sizes: tuple[int, int]) -> None:
    points, truth = blobs(seed, axes=3, sizes=sizes, distance=8.0)
    found = clusters(points, factor=0.8)
    assert found.max() == 1
    assert purity(found, truth) > 0.96  # far from its middle, a point may be nearer to another blob


def test_what_lies_below_a_saddle_is_shared_between_its_clusters() -> None:
    """A wide cluster beside a narrow, high one keeps its outer points: wake beside NREM sleep."""
    rng = np.random.default_rng(6)
    truth = np.repeat([0, 1], [300, 300])
    points = np.where(truth[:, None] == 0, rng.normal(0, 0.5, (600, 2)), rng.normal((6, 0), 2, (600, 2)))
    found = clusters(points, factor=0.8)
    assert found.max() == 1
    assert purity(found, truth) > 0.95


def test_three_blobs_of_different_sizes_are_three_clusters() -> None:
    points, truth = blobs(1, axes=3, sizes=(300, 150, 60), distance=7.0)
    found = clusters(points, factor=0.7)
    assert found.max() == 2
    assert purity(found, truth) > 0.96  # far from its middle, a point may be nearer to another blob


def test_clusters_do_not_depend_on_units() -> None:
    points, _ = blobs(2, axes=2, sizes=(150, 150), distance=6.0)
    np.testing.assert_array_equal(clusters(points), clusters(points * np.array([1e-3, 50.0]) + 7.0))


def test_density_equals_the_sum_of_its_kernels() -> None:
    points, _ = blobs(3, axes=2, sizes=(30,), distance=0.0)
    width = bandwidths(points)
    found = density(points[:5], points, width)
    wanted = [np.exp(-0.5 * (((place - points) / width) ** 2).sum(axis=1)).sum() for place in points[:5]]
    np.testing.assert_allclose(found, wanted, rtol=1e-4)


def test_a_place_far_from_all_points_goes_with_the_nearest() -> None:
    points, truth = blobs(4, axes=2, sizes=(50, 50), distance=10.0)
    far = np.array([[-1e6, 0.0], [1e6, 0.0]])
    assert allocate(far, points, truth).tolist() == truth[[points[:, 0].argmin(), points[:, 0].argmax()]].tolist()


@pytest.mark.parametrize("count", [1, 2, 5])
def test_a_handful_of_points_is_one_cluster(count: int) -> None:
    points, _ = blobs(5, axes=3, sizes=(count,), distance=0.0)
    assert clusters(points).tolist() == [0] * count


def test_equal_points_are_one_cluster() -> None:
    assert clusters(np.ones((40, 3))).max() == 0

from __future__ import annotations

import pytest
import torch
from tests.latentia.models.linear_gaussian import some_images

from latentia.errors import DataError, SettingError
from latentia.evaluation import nearest_neighbours
from latentia.images import ImageFormat

SMALL = ImageFormat(channels=3, height=4, width=5)


@pytest.mark.parametrize("batch", [1, 7, 50, 1000])
def test_neighbours_are_those_of_a_search_image_by_image(batch: int) -> None:
    queries, candidates = some_images(SMALL, 6, seed=1), some_images(SMALL, 50, seed=2)
    found = nearest_neighbours(queries, candidates, count=4, batch=batch)
    for query, places, errors in zip(queries, found.places, found.squared_error, strict=True):
        every = ((candidates.double() - query.double()) ** 2).mean((1, 2, 3))
        wanted = sorted(range(50), key=lambda place, every=every: float(every[place]))[:4]  # type: ignore[misc]
        assert places.tolist() == wanted
        torch.testing.assert_close(errors, every[places], rtol=0, atol=1e-12)


@pytest.mark.parametrize("batch", [1, 2, 5, 9])
def test_of_images_equally_near_the_earlier_comes_first(batch: int) -> None:
    image = some_images(SMALL, 1)
    candidates = image.repeat(9, 1, 1, 1)
    candidates[4] = 255 - candidates[4]
    found = nearest_neighbours(image, candidates, count=9, batch=batch)
    assert found.places.tolist() == [[0, 1, 2, 3, 5, 6, 7, 8, 4]]


def test_a_copy_is_at_distance_zero_and_one_level_away_is_told_from_it() -> None:
    """In float32 the products of large images are not exact; here they are."""
    large = ImageFormat(channels=3, height=128, width=128)
    image = some_images(large, 1).clamp(min=200)
    near = image.clone()
    near[0, 0, 0, 0] ^= 1
    found = nearest_neighbours(image, torch.cat([near, image]), count=2)
    assert found.places.tolist() == [[1, 0]]
    assert found.squared_error.tolist() == [[0.0, 1 / large.dimensions]]


def test_what_has_no_neighbours_is_refused() -> None:
    images = some_images(SMALL, 3)
    with pytest.raises(DataError, match="images of 3×4×5; the candidates are of 1×4×5"):
        nearest_neighbours(images, images[:, :1])
    with pytest.raises(SettingError, match="5 neighbours are wanted; there are 3 candidates"):
        nearest_neighbours(images, images)

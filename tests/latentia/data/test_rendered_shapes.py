from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from latentia.data import DataSource, FactorImages, RenderedShapes, Split
from latentia.data.rendered_shapes import FACTORS, TURNS
from latentia.errors import DataError, SettingError

SMALL = RenderedShapes(resolution=16)
SOME = np.random.default_rng(0).integers(0, FACTORS.combinations, 6)


def scene(**changed: int) -> np.ndarray:
    """One scene in the middle of all factors, but for those that are changed, at 24×24."""
    middle = dict(zip(FACTORS.names, (5, 2, 8, 4, 2, 7), strict=True))
    row = middle | {name.replace("_", " "): value for name, value in changed.items()}
    table = np.array([[row[name] for name in FACTORS.names]])
    return RenderedShapes(resolution=24).images(FACTORS.indices(table))[0].astype(int)


def test_the_factors_are_those_of_the_published_set() -> None:
    assert FACTORS.sizes == (10, 10, 10, 8, 4, 15)
    assert FACTORS.combinations == 480_000
    assert isinstance(SMALL, FactorImages)
    assert isinstance(SMALL, DataSource)


def test_a_scene_does_not_depend_on_which_others_are_drawn() -> None:
    together = SMALL.images(SOME)
    alone = np.concatenate([SMALL.images(SOME[place : place + 1]) for place in range(len(SOME))])
    assert np.array_equal(together, alone)
    assert together.dtype == np.uint8
    assert together.shape == (6, 3, 16, 16)


@pytest.mark.parametrize("name", FACTORS.names)
def test_every_step_of_every_factor_changes_the_picture(name: str) -> None:
    size = FACTORS.sizes[FACTORS.names.index(name)]
    pictures = [scene(**{name.replace(" ", "_"): value}) for value in range(size)]
    changes = [np.abs(one - other).max() for one, other in pairwise(pictures)]
    assert min(changes) > 20


def test_hues_colour_their_own_part_alone() -> None:
    base = scene()
    floor, wall, body = (
        np.abs(scene(**{name: 0}) - base).max(0) > 0 for name in ("floor_hue", "wall_hue", "object_hue")
    )
    assert floor[-1].all() and not floor[0].any()
    assert wall[0].all() and not wall[-1].any()
    assert body[12, 12] and not body[0].any()
    # A pixel at an edge may hold two parts, no pixel lacks all.
    assert (floor | wall | body).all()


def test_a_larger_body_covers_more() -> None:
    covered = [(np.abs(scene(scale=value, object_hue=0) - scene(scale=value)).max(0) > 0).sum() for value in (0, 4, 7)]
    assert covered == sorted(covered)
    assert covered[0] < covered[-1]


def test_views_from_left_and_right_of_the_middle_mirror_the_room_but_for_its_light() -> None:
    assert np.allclose(TURNS, -TURNS[::-1])
    ball, other = (
        (np.abs(scene(orientation=turn, object_hue=0) - scene(orientation=turn)).max(0) > 0) for turn in (2, 12)
    )
    assert np.array_equal(ball, other[:, ::-1])


def test_resolutions_show_the_same_scene() -> None:
    coarse = RenderedShapes(resolution=16).images(SOME).astype(float)
    fine = RenderedShapes(resolution=48).images(SOME).astype(float)
    # Nine rays for a pixel tell how much of it an edge leaves, to a ninth.
    apart = np.abs(fine.reshape(6, 3, 16, 3, 16, 3).mean((3, 5)) - coarse)
    assert apart.max() < 255 / 9 * 2
    assert apart.mean() < 2


def test_a_loaded_split_holds_its_scenes_under_their_numbers() -> None:
    source = RenderedShapes(resolution=8, train=12, validation=5, test=7)
    train, validation, test = map(source.load, Split)
    assert [len(part) for part in (train, validation, test)] == [12, 5, 7]
    for part in (train, validation, test):
        assert part.labels is not None
        assert np.array_equal(part.images, source.images(part.labels))
    numbers = np.concatenate([part.labels for part in (train, validation, test)])
    assert len(set(numbers.tolist())) == 24


def test_a_split_is_the_same_whenever_it_is_loaded() -> None:
    source = RenderedShapes(resolution=8, train=4)
    assert source.load(Split.TRAIN).sha256 == source.load(Split.TRAIN).sha256


def test_settings_and_numbers_that_make_no_sense_are_refused() -> None:
    with pytest.raises(SettingError, match="resolution of 8 or more, not 4"):
        RenderedShapes(resolution=4)
    with pytest.raises(DataError, match="numbers 0 to 479999; wanted are 480000 to 480000"):
        SMALL.images(np.array([480_000]))
    with pytest.raises(DataError, match="no validation images"):
        SMALL.load(Split.VALIDATION)

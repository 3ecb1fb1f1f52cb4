from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from latentia.data import DataSource, FactorImages, RenderedSprites, Split
from latentia.data.rendered_sprites import FACTORS
from latentia.errors import DataError, SettingError

SMALL = RenderedSprites(resolution=24)
SOME = np.random.default_rng(0).integers(0, FACTORS.combinations, 40)


def sprite(resolution: int = 64, **changed: int) -> np.ndarray:
    """A heart of middle size near the middle, but for the factors that are changed."""
    row = {"shape": 2, "scale": 3, "orientation": 0, "x": 16, "y": 16} | changed
    table = np.array([[row[name] for name in FACTORS.names]])
    return RenderedSprites(resolution=resolution).images(FACTORS.indices(table))[0, 0].astype(int)


def centre(picture: np.ndarray) -> tuple[float, float]:
    """Mean place of what is white, from the top and from the left."""
    rows, columns = np.indices(picture.shape)
    return (rows * picture).sum() / picture.sum(), (columns * picture).sum() / picture.sum()


def test_the_factors_are_those_of_the_published_set() -> None:
    assert FACTORS.sizes == (3, 6, 40, 32, 32)
    assert FACTORS.combinations == 737_280
    assert isinstance(SMALL, FactorImages)
    assert isinstance(SMALL, DataSource)


def test_a_sprite_does_not_depend_on_which_others_are_drawn() -> None:
    alone = np.concatenate([SMALL.images(SOME[place : place + 1]) for place in range(len(SOME))])
    assert np.array_equal(SMALL.images(SOME), alone)


@pytest.mark.parametrize("name", FACTORS.names)
def test_every_step_of_every_factor_changes_the_picture(name: str) -> None:
    pictures = [sprite(**{name: value}) for value in range(FACTORS.sizes[FACTORS.names.index(name)])]
    assert all(not np.array_equal(one > 127, other > 127) for one, other in pairwise(pictures))


def test_places_move_right_and_down() -> None:
    top, left = centre(sprite())
    moved_top, moved_left = centre(sprite(x=20))
    assert moved_left - left == pytest.approx(4 * 0.48 / 31 * 64, abs=0.2)
    assert moved_top == pytest.approx(top, abs=0.2)
    assert centre(sprite(y=20))[0] - top == pytest.approx(4 * 0.48 / 31 * 64, abs=0.2)


def test_a_square_comes_back_to_itself_after_a_quarter_turn_and_a_heart_does_not() -> None:
    for shape, comes_back in ((0, True), (1, False), (2, False)):
        turned = np.abs(sprite(shape=shape, orientation=10) - sprite(shape=shape)) > 127
        assert (turned.sum() < 60) == comes_back


@pytest.mark.parametrize("resolution", [8, 20, 64, 129])
def test_no_sprite_is_cut_off(resolution: int) -> None:
    """The largest ones, turned in every way, in every corner: nothing white at the border, and all of the area."""
    corners = np.array([[s, 5, o, x, y] for s in range(3) for o in range(40) for x in (0, 31) for y in (0, 31)])
    middle = corners * [1, 1, 1, 0, 0] + [0, 0, 0, 16, 16]
    source = RenderedSprites(resolution=resolution)
    drawn, whole = (source.images(FACTORS.indices(table)).astype(float) for table in (corners, middle))
    border = max(part.max() for part in (drawn[..., 0], drawn[..., -1], drawn[..., 0, :], drawn[..., -1, :]))
    assert resolution < 64 or border == 0
    assert np.allclose(drawn.sum((1, 2, 3)), whole.sum((1, 2, 3)), rtol=3 / resolution)


def test_a_loaded_split_holds_its_sprites_under_their_numbers_in_black_and_white() -> None:
    source = RenderedSprites(resolution=8, train=12, validation=5)
    held_out = source.load(Split.VALIDATION)
    assert held_out.labels is not None
    assert np.array_equal(held_out.images, source.images(held_out.labels) >= 128)
    assert held_out.format.bits == 1
    assert not set(held_out.labels.tolist()) & set(np.asarray(source.load(Split.TRAIN).labels).tolist())


def test_settings_and_numbers_that_make_no_sense_are_refused() -> None:
    with pytest.raises(SettingError, match="resolution of 8 or more, not 7"):
        RenderedSprites(resolution=7)
    with pytest.raises(DataError, match="numbers 0 to 737279; wanted are -1 to -1"):
        SMALL.images(np.array([-1]))


def test_a_heart_stands_on_its_tip() -> None:
    widths = (sprite(scale=5) > 127).sum(1)
    rows = np.flatnonzero(widths)
    upper, lower = (widths[rows[0] + round(share * (len(rows) - 1))] for share in (0.3, 0.85))
    assert upper > 2 * lower > 0

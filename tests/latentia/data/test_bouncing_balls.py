from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from latentia.data.bouncing_balls import BouncingBalls, bounce, draw_balls
from latentia.data.images import Split
from latentia.data.sequence_sets import SequenceSource
from latentia.errors import SettingError

FEW = BouncingBalls(train=64, validation=16, test=8)
ROOM = 26.0


def points(count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Places, velocities and pulls of points; some are not pulled along an axis at all."""
    generator = np.random.default_rng(0)
    pull = generator.uniform(-0.5, 0.5, (count, 2))
    pull[::3, 0] = 0
    return generator.uniform(0, ROOM, (count, 2)), generator.uniform(-2, 2, (count, 2)), pull


def test_points_move_as_small_steps_say() -> None:
    """Steps of a thousandth of a frame, with walls that turn the velocity round."""
    start, velocity, pull = points(30)
    place, speed, at_frames = start.copy(), velocity.copy(), [start.copy()]
    for step in range(20_000):
        place += speed * 1e-3 + pull * 1e-6 / 2
        speed += pull * 1e-3
        out = (place < 0) & (speed < 0) | (place > ROOM) & (speed > 0)
        speed[out] *= -1
        if step % 1000 == 999:
            at_frames.append(place.copy())
    exact = bounce(start, velocity, pull, np.arange(21.0), ROOM)
    assert np.abs(exact - np.stack(at_frames, axis=1)).max() < 0.1


def test_no_energy_is_won_or_lost() -> None:
    start, velocity, pull = points(200)
    times = np.random.default_rng(1).uniform(0, 1000, 50)
    before, place, after = (bounce(start, velocity, pull, times + shift, ROOM) for shift in (-1e-4, 0, 1e-4))
    speed = (after - before) / 2e-4
    energy = speed**2 / 2 - pull[:, None] * place
    expected = (velocity**2 / 2 - pull * start)[:, None]
    # Within 10⁻⁴ frames of a wall the difference of places says nothing about the speed.
    bounces = np.abs(after - 2 * place + before) > 1e-7
    assert bounces.mean() < 0.01
    assert np.abs(energy - expected)[~bounces].max() < 1e-4
    assert 0 <= place.min() < place.max() <= ROOM


def test_a_ball_at_rest_at_the_wall_that_it_is_pulled_to_stays_there() -> None:
    nothing = np.zeros((1, 2))
    places = bounce(nothing, nothing, np.array([[-0.5, 0.0]]), np.arange(20.0), ROOM)
    assert places == pytest.approx(0, abs=1e-9)


def test_a_drawn_ball_has_its_centre_and_its_area() -> None:
    centres = np.random.default_rng(0).uniform(5, 27, (1, 50, 2))
    brightness = draw_balls(centres, 3.0, 32) / 255
    mass = brightness.sum(axis=(2, 3))
    pixels = np.arange(32) + 0.5
    across, down = brightness.sum(axis=2) @ pixels / mass, brightness.sum(axis=3) @ pixels / mass
    assert np.abs(np.stack([across, down], axis=-1) - centres).max() < 0.05
    assert mass == pytest.approx(9 * np.pi, rel=0.05)


def test_clips_are_of_the_thesis_format_and_white_on_black() -> None:
    assert isinstance(FEW, SequenceSource)
    train, held_out, test = map(FEW.load, Split)
    assert [len(train), len(held_out), len(test)] == [64, 16, 8]
    assert str(train.format) == "clips of up to 20 frames of 1×32×32 with 1 bits"
    assert set(np.unique(train.values)) == {0, 1}
    # The whole ball is in every frame: its 28 pixels, give or take its edge.
    areas = train.values.sum(axis=(1, 2, 3))
    assert 22 <= areas.min() <= areas.max() <= 34
    assert [BouncingBalls().train, BouncingBalls().validation] == [10_000, 1_000]


def test_grey_clips_have_soft_edges_around_the_same_balls() -> None:
    grey, binary = (replace(FEW, bits=bits).load(Split.TEST).values for bits in (8, 1))
    assert len(np.unique(grey)) > 100
    assert np.array_equal(grey >= 128, binary)


def test_labels_are_directions_in_which_balls_fall() -> None:
    """Where a ball hits no wall within three frames, the second difference of its centres is the pull on it."""
    source = replace(FEW, train=400, bits=8, pull=0.5)
    train = source.load(Split.TRAIN)
    frames = train.values.reshape(400, 20, 32, 32)[:, :3] / 255
    pixels = np.arange(32) + 0.5
    mass = frames.sum(axis=(2, 3))
    centres = np.stack([frames.sum(axis=2) @ pixels, frames.sum(axis=3) @ pixels], axis=-1) / mass[..., None]
    free = (np.abs(centres - 16) < 9.5).all(axis=(1, 2))  # the walls are at 13, and no ball is faster than 3
    assert train.labels is not None
    angles = 2 * np.pi * train.labels / 8
    pulls = centres[:, 0] - 2 * centres[:, 1] + centres[:, 2]
    wanted = 0.5 * np.stack([np.cos(angles), np.sin(angles)], axis=-1)
    assert free.sum() > 100
    assert np.abs(pulls - wanted)[free].max() < 0.15
    assert set(train.labels) == set(range(8))


def test_a_split_depends_on_the_seed_and_the_split_alone() -> None:
    first = replace(FEW, validation=64).load(Split.TRAIN)
    assert FEW.load(Split.TRAIN).sha256 == first.sha256
    others = {FEW.load(split).first(8).sha256 for split in Split} | {replace(FEW, seed=1).load(Split.TEST).sha256}
    assert len(others) == 4


def test_clips_are_the_same_however_many_are_drawn_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = FEW.load(Split.TRAIN)
    monkeypatch.setattr("latentia.data.bouncing_balls.CLIPS_AT_ONCE", 7)
    assert FEW.load(Split.TRAIN).sha256 == whole.sha256


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"train": 0}, "one clip at least in each split"),
        ({"gravities": 0}, "and 0 gravities"),
        ({"radius": 16.0}, "^A ball with a radius of 16.0 has no room to bounce in 32 pixels"),
        ({"pull": -1.0}, "pull and speed must be 0 or more; they are -1.0 and 2.0"),
        ({"frames": 0}, "one frame at least, not 0"),
        ({"bits": 9}, "1 to 8 bits per value, not 9"),
    ],
)
def test_settings_that_make_no_sense_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingError, match=message):
        BouncingBalls(**changes)

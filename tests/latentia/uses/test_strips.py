"""Strips of clips, against the frames that they show."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from latentia.errors import DataError, SettingError
from latentia.sequences import Sequences
from latentia.uses import draw_strips
from latentia.uses.pictures import GAP, SMALLEST
from latentia.uses.strips import APART

CELL = SMALLEST + GAP


def clips(lengths: list[int], seed: int = 0, *, channels: int = 1) -> Sequences:
    """Clips of frames as large as they are shown, so that pictures have their very pixels."""
    shape = (len(lengths), max(lengths), channels, SMALLEST, SMALLEST)
    values = torch.randint(256, shape, dtype=torch.uint8, generator=torch.Generator().manual_seed(seed))
    return Sequences(values=values, lengths=torch.tensor(lengths))


def frames_of(picture: np.ndarray, rows: int, columns: int) -> np.ndarray:
    """What stands at each row and column, all of the first sequence, right of the labels."""
    left = picture.shape[1] - columns * CELL
    cells = picture[: rows * CELL, left:].reshape(rows, CELL, columns, CELL, 3)
    return cells[:, :SMALLEST, :, :SMALLEST].swapaxes(1, 2)


def test_rows_of_a_sequence_stand_together_below_their_labels() -> None:
    given, said = clips([3, 3]), clips([3, 3], seed=1)
    picture = draw_strips({"clip": given, "said again": said}, 256)
    assert picture.shape[0] == 4 * CELL + APART
    for start, place in ((0, 0), (2 * CELL + APART, 1)):
        shown = frames_of(picture[start:], 2, 3)
        for row, batch in enumerate((given, said)):
            assert np.array_equal(shown[row, ..., 0], batch.values[place, :, 0].numpy())
    labels = picture[:, : picture.shape[1] - 3 * CELL]
    assert labels.shape[1] > 0 and labels.min() < 128
    assert (picture[2 * CELL : 2 * CELL + APART] == 255).all()


def test_where_a_clip_has_ended_the_strip_is_white() -> None:
    given = clips([4, 2])
    picture = draw_strips({"clip": given, "short": clips([1, 1], seed=1)}, 256)
    first = frames_of(picture, 2, 4)
    assert np.array_equal(first[0, ..., 0], given.values[0, :, 0].numpy())
    assert (first[1, 1:] == 255).all() and not (first[1, 0] == 255).all()
    second = frames_of(picture[2 * CELL + APART :], 2, 4)
    assert np.array_equal(second[0, :2, ..., 0], given.values[1, :2, 0].numpy()) and (second[0, 2:] == 255).all()


def test_of_long_clips_frames_are_chosen_evenly_from_first_to_last() -> None:
    given = clips([11])
    shown = frames_of(draw_strips({"clip": given}, 256, most=5), 1, 5)
    wanted = given.values[0, [0, 2, 5, 8, 10], 0]
    assert np.array_equal(shown[0, ..., 0], wanted.numpy())
    assert np.array_equal(frames_of(draw_strips({"": given}, 256, most=1), 1, 1)[0, ..., 0], given.values[0, :1, 0])


def test_frames_of_one_bit_are_black_and_white_and_those_of_three_channels_coloured() -> None:
    bits = Sequences(values=clips([2]).values % 2, lengths=torch.tensor([2]))
    assert set(np.unique(frames_of(draw_strips({"clip": bits}, 2), 1, 2))) == {0, 255}
    colour = clips([2], channels=3)
    shown = frames_of(draw_strips({"clip": colour}, 256), 1, 2)
    assert np.array_equal(shown[0], colour.values[0].permute(0, 2, 3, 1).numpy())


def test_clips_that_do_not_belong_together_are_refused() -> None:
    with pytest.raises(DataError, match="there is none"):
        draw_strips({}, 256)
    with pytest.raises(SettingError, match=r"^A strip has one frame at least, not 0\.$"):
        draw_strips({"clip": clips([2])}, 256, most=0)
    with pytest.raises(DataError, match=r"these are 1 of \(1, 64, 64\) and 2 of \(1, 64, 64\)"):
        draw_strips({"clip": clips([2]), "other": clips([2, 2])}, 256)
    with pytest.raises(DataError, match=r"these are 1 of \(1, 64, 64\) and 1 of \(3, 64, 64\)"):
        draw_strips({"clip": clips([2]), "other": clips([2], channels=3)}, 256)
    with pytest.raises(DataError, match="channels, height and width"):
        draw_strips({"words": Sequences(values=torch.zeros(1, 3).long(), lengths=torch.tensor([3]))}, 2)

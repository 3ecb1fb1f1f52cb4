from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st
from tests.spindle.density.epochs import recording, time_frequency

from spindle.density.images import FORMAT, LEVELS, REACH, level_columns, level_images, to_levels
from spindle.spectrogram import RowChoice
from spindle.training_set import prepare


@given(st.floats(-20, 20, width=32))
def test_a_value_lies_in_the_bin_of_its_level_and_beyond_the_reach_in_the_outer_ones(value: float) -> None:
    level = int(to_levels(np.array([value], dtype=np.float32))[0])
    low, high = (-REACH + 2 * REACH * (level + step) / FORMAT.levels for step in (0, 1))
    assert low - 1e-4 <= np.clip(value, -REACH, REACH) <= high + 1e-4


def test_the_middle_and_the_ends_have_the_levels_that_they_should() -> None:
    values = np.array([-100, -REACH, -0.001, 0.001, REACH, 100], dtype=np.float32)
    assert to_levels(values).tolist() == [0, 0, 127, 128, 255, 255]


def test_levels_of_columns_are_the_columns_of_levels() -> None:
    rows = time_frequency(8, 3)
    epochs = np.arange(8)
    columns = level_columns(rows)
    cut = level_images(columns[rows.frame_indices(epochs)])
    assert torch.equal(cut, torch.from_numpy(to_levels(rows.images(epochs).numpy())))
    assert tuple(cut.shape[1:]) == FORMAT.shape


def test_a_training_set_cuts_the_same_images_from_its_file(tmp_path: Path) -> None:
    first, second = recording(1, epochs=9), recording(2, epochs=7)
    examples = prepare([first, second], tmp_path, rows=RowChoice.NARROW, stored=LEVELS)
    for one, offset in ((first, 0), (second, 9)):
        epochs = np.arange(len(one.time_frequency))
        wanted = to_levels(one.time_frequency.images(epochs).numpy())
        assert torch.equal(examples.images(epochs + offset), torch.from_numpy(wanted))
    assert (tmp_path / "levels.u1").stat().st_size == 16 * 32 * 49

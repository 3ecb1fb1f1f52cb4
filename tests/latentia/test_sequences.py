"""Sequences know their steps from their padding."""

from __future__ import annotations

import pytest
import torch

from latentia.errors import DataError, SettingError
from latentia.images import ImageFormat
from latentia.sequences import Sequences, VideoFormat, WordFormat


def test_the_mask_is_true_for_steps_and_false_for_padding() -> None:
    sequences = Sequences(values=torch.arange(8).reshape(2, 4), lengths=torch.tensor([3, 1]))
    assert sequences.mask.tolist() == [[True, True, True, False], [True, False, False, False]]


def test_some_of_them_have_no_more_padding_than_they_need() -> None:
    sequences = Sequences(values=torch.arange(12).reshape(3, 4), lengths=torch.tensor([4, 1, 2]))
    some = sequences.at(torch.tensor([2, 1]))
    assert some.values.tolist() == [[8, 9], [4, 5]]
    assert some.lengths.tolist() == [2, 1]
    assert sequences.at(slice(1)).values.shape == (1, 4)


def test_batches_of_different_length_are_joined_with_padding() -> None:
    parts = [
        Sequences(values=torch.tensor([[5, 6]]), lengths=torch.tensor([2])),
        Sequences(values=torch.tensor([[7, 8, 9], [4, 3, 0]]), lengths=torch.tensor([3, 2])),
    ]
    joined = Sequences.joined(parts)
    assert joined.values.tolist() == [[5, 6, 0], [7, 8, 9], [4, 3, 0]]
    assert joined.lengths.tolist() == [2, 3, 2]
    with pytest.raises(DataError, match=r"there is none\.$"):
        Sequences.joined([])


@pytest.mark.parametrize("lengths", [[0, 2], [3, 5]])
def test_lengths_that_cannot_be_are_refused(lengths: list[int]) -> None:
    with pytest.raises(DataError):
        Sequences(values=torch.zeros(2, 4), lengths=torch.tensor(lengths))


def test_formats_that_make_no_sense_are_refused() -> None:
    with pytest.raises(SettingError, match="its end sign and one word at least"):
        WordFormat(words=1, longest=3)
    for make in (lambda: WordFormat(words=5, longest=0), lambda: VideoFormat(frame=FRAME, longest=0)):
        with pytest.raises(SettingError, match="at least, not 0"):
            make()
    assert str(VideoFormat(frame=FRAME, longest=20)) == "clips of up to 20 frames of 1×8×8 with 8 bits"


FRAME = ImageFormat(channels=1, height=8, width=8)

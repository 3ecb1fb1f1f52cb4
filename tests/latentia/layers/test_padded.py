"""Padding and cropping: what was padded lies after cropping where it lay before."""

from __future__ import annotations

import pytest
import torch

from latentia.layers.padded import crop_to, pad_to_multiple


@pytest.mark.parametrize("size", [(13, 22), (1, 1), (16, 9), (8, 8)])
def test_cropping_gives_back_what_was_padded(size: tuple[int, int]) -> None:
    images = torch.arange(2.0 * size[0] * size[1]).reshape(1, 2, *size)
    padded = pad_to_multiple(images, 8)
    assert padded.shape[-2] % 8 == padded.shape[-1] % 8 == 0
    assert torch.equal(crop_to(padded, *size), images)


def test_edges_are_repeated_on_both_sides() -> None:
    padded = pad_to_multiple(torch.tensor([[[[1.0, 2.0, 3.0, 4.0, 5.0]]]]), 8)
    assert padded.shape == (1, 1, 8, 8)
    assert padded[0, 0, 0].tolist() == [1, 1, 2, 3, 4, 5, 5, 5]

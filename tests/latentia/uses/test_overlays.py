"""Masks over images in the colours of Figure 4.10."""

from __future__ import annotations

import pytest
import torch

from latentia.errors import DataError
from latentia.uses.overlays import overlay


def test_right_pixels_are_white_false_positives_red_and_false_negatives_blue() -> None:
    image = torch.zeros(1, 1, 4, dtype=torch.uint8)
    found, given = torch.tensor([[[True, True, False, False]]]), torch.tensor([[[True, False, True, False]]])
    right, positive, negative, nothing = overlay(image, found, given)[:, 0].T.tolist()
    assert right[0] == right[1] == right[2] > 100
    assert positive[0] > 100 and positive[1] == positive[2] == 0
    assert negative[2] > 100 and negative[0] == 0
    assert nothing == [0, 0, 0]


def test_without_a_given_mask_what_was_found_is_white_over_the_image() -> None:
    image = torch.full((3, 2, 2), 100, dtype=torch.uint8)
    found = torch.tensor([[[True, False], [False, False]]])
    coloured = overlay(image, found)
    assert coloured[:, 0, 0].tolist() == [193, 193, 193]
    assert coloured[:, 1, 1].tolist() == [100, 100, 100]


def test_a_given_mask_of_another_size_is_refused() -> None:
    with pytest.raises(DataError, match="was given for an image of 2×2"):
        overlay(
            torch.zeros(1, 2, 2, dtype=torch.uint8),
            torch.zeros(1, 2, 2, dtype=torch.bool),
            torch.zeros(1, 3, 2, dtype=torch.bool),
        )

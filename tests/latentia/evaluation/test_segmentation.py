"""Dice, Jaccard, the loss, and windows over large images, by cases that are counted by hand."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from latentia.errors import DataError, SettingError
from latentia.evaluation.segmentation import agreement, as_values, segment
from latentia.models.base import SegmentationModel

pytest.importorskip("monai")
from latentia.objectives.segmentation import dice_and_cross_entropy


def mask(*rows: str) -> Tensor:
    return torch.tensor([[letter == "#" for letter in row] for row in rows])[None, None]


class Own(SegmentationModel):
    """Says of each pixel what its value is, and counts how large the images are that it gets."""

    def __init__(self) -> None:
        super().__init__()
        self.channels = 1
        self.gain = nn.Parameter(torch.ones(()))
        self.sizes: set[tuple[int, int]] = set()

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        self.sizes.add((images.shape[-2], images.shape[-1]))
        return (torch.logit(images.clamp(0.01, 0.99)) * self.gain,)


def test_dice_and_jaccard_are_those_counted_by_hand() -> None:
    found, given = mask("##..", "#..."), mask("##..", ".##.")
    both = agreement(found, given)  # 2 shared, 3 and 4 pixels
    assert both.dice.tolist() == pytest.approx([2 * 2 / 7])
    assert both.jaccard.tolist() == pytest.approx([2 / 5])


def test_two_empty_masks_agree_and_an_empty_one_with_another_does_not() -> None:
    empty, some = mask("....", "...."), mask("#...", "....")
    assert agreement(empty, empty).dice.tolist() == agreement(empty, empty).jaccard.tolist() == [1]
    assert agreement(some, empty).dice.tolist() == agreement(empty, some).jaccard.tolist() == [0]


def test_each_image_has_a_score_of_its_own_and_sizes_must_agree() -> None:
    found = torch.cat([mask("#."), mask(".#")])
    assert agreement(found, torch.cat([mask("#."), mask("#.")])).dice.tolist() == [1, 0]
    with pytest.raises(DataError, match=r"\(2, 1, 1, 2\)"):
        agreement(found, mask("#.", ".."))


def test_the_loss_is_soft_dice_and_cross_entropy_averaged_over_the_outputs() -> None:
    loss = dice_and_cross_entropy()
    given = mask("##..")
    undecided = torch.zeros(1, 1, 1, 4)
    soft = 1 - 2 * (2 * 0.5) / (4 * 0.5 + 2)
    assert float(loss([undecided], given)) == pytest.approx(soft + math.log(2), abs=1e-4)
    sure = torch.where(given, 30.0, -30.0)
    assert float(loss([sure], given)) == pytest.approx(0, abs=1e-4)
    assert float(loss([sure, undecided], given)) == pytest.approx((soft + math.log(2)) / 2, abs=1e-4)


def test_the_loss_of_an_empty_mask_is_finite_and_has_a_gradient() -> None:
    logits = torch.zeros(1, 1, 2, 2, requires_grad=True)
    value = dice_and_cross_entropy()([logits], mask("..", ".."))
    value.backward()
    assert bool(value.isfinite())
    assert logits.grad is not None
    assert bool((logits.grad > 0).all())


@pytest.mark.parametrize("size", [(40, 56), (8, 33), (50, 9)])
def test_windows_over_a_large_image_give_what_the_whole_image_gives(size: tuple[int, int]) -> None:
    model, images = Own(), torch.rand(3, 1, *size)
    whole = segment(model, images, batch=2)
    model.sizes.clear()
    torch.testing.assert_close(segment(model, images, batch=2, window=16), whole, rtol=1e-4, atol=1e-4)
    assert model.sizes == {(16, 16)}


def test_a_small_image_needs_no_windows_and_bytes_are_shares_of_white() -> None:
    model, images = Own(), torch.randint(256, (2, 1, 8, 12), dtype=torch.uint8)
    found = segment(model, images, window=16)
    assert model.sizes == {(8, 12)}
    torch.testing.assert_close(found, as_values(images).clamp(0.01, 0.99))
    assert model.training


def test_images_of_other_channels_and_windows_of_no_size_are_refused() -> None:
    with pytest.raises(DataError, match="images with 1 channels; these have 3"):
        segment(Own(), torch.rand(1, 3, 8, 8))
    with pytest.raises(SettingError, match=r"not 0 and 0\.5"):
        segment(Own(), torch.rand(1, 1, 8, 8), window=0)

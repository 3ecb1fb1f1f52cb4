"""Images with masks: nothing of one group in two parts, and one sentence for what does not fit."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from latentia.data.images import Split
from latentia.data.segmentation_batches import ShuffledPairs
from latentia.data.segmentation_sets import GroupSplit, SegmentationSet, check_apart, check_mask, check_same_size
from latentia.errors import DataError, SettingError


def made(count: int = 12, *, per_group: int = 3, size: tuple[int, int] = (6, 6)) -> SegmentationSet:
    """Images whose bright half is their mask, so that an augmentation of one alone would show."""
    rng = np.random.default_rng(0)
    masks = rng.random((count, 1, *size)) < 0.4
    return SegmentationSet(
        images=np.where(masks, 200, 50).astype(np.uint8),
        masks=masks,
        names=tuple(f"image {number}" for number in range(count)),
        groups=tuple(f"patient {number // per_group}" for number in range(count)),
        name="made",
    )


def test_no_group_is_in_two_parts_and_every_image_is_in_one() -> None:
    whole, division = made(30), GroupSplit(validation=0.2, test=0.3, seed=4)
    parts = [division.take(whole, split) for split in Split]
    check_apart(parts)
    assert sorted(name for part in parts for name in part.names) == sorted(whole.names)
    assert [len(set(part.groups)) for part in parts] == [5, 2, 3]


def test_the_seed_alone_decides_the_division() -> None:
    whole = made(30)
    first, again = (GroupSplit(seed=1).take(whole, Split.TEST) for _ in range(2))
    assert first.names == again.names
    assert first.sha256 == again.sha256
    others = {GroupSplit(seed=seed).take(whole, Split.TEST).names for seed in range(8)}
    assert len(others) > 1


def test_two_parts_with_images_of_one_patient_are_refused() -> None:
    whole = made()
    train = whole.at(np.arange(8), Split.TRAIN)
    test = whole.at(np.arange(8, 12), Split.TEST)
    with pytest.raises(DataError, match="The patient patient 2 is in two parts of made, train and test"):
        check_apart([train, test], "patient")


def test_too_few_groups_and_shares_that_leave_nothing_are_refused() -> None:
    with pytest.raises(DataError, match="made has 2 groups; 1 for validation and 1 for the test leave none"):
        GroupSplit().take(made(6), Split.TRAIN)
    with pytest.raises(SettingError, match="together below 1"):
        GroupSplit(validation=0.5, test=0.5)
    with pytest.raises(DataError, match="made has no images in its split 'test'"):
        GroupSplit(test=0).take(made(), Split.TEST)


def test_a_mask_has_two_values_of_which_one_is_zero() -> None:
    assert check_mask(np.array([[0, 255], [0, 0]]), "m.png").tolist() == [[False, True], [False, False]]
    assert not check_mask(np.zeros((2, 2)), "m.png").any()
    with pytest.raises(DataError, match=r"The mask m\.png was to hold two values, as 0 and 255; it holds 3: 0, 7, 255"):
        check_mask(np.array([0, 7, 255]), "m.png")
    with pytest.raises(DataError, match="its values are 1 and 2"):
        check_mask(np.array([1, 2]), "m.png")


def test_an_image_and_a_mask_of_another_size_are_refused() -> None:
    with pytest.raises(DataError, match=r"The image a\.png is 6×8 \(height, width\) and its mask 8×6"):
        check_same_size((6, 8), (8, 6), "a.png")
    whole = made()
    with pytest.raises(DataError, match="masks of 12×1×5×6"):
        replace(whole, masks=whole.masks[:, :, 1:])


def test_empty_masks_are_named_and_kept() -> None:
    whole = made()
    masks = whole.masks.copy()
    masks[3] = False
    assert whole.empty == ()
    assert replace(whole, masks=masks).empty == ("image 3",)


@pytest.mark.parametrize("size", [(6, 6), (4, 8)])
def test_a_mask_is_turned_and_mirrored_with_its_image(size: tuple[int, int]) -> None:
    pairs = made(40, size=size)
    batches = ShuffledPairs(pairs=pairs, batch=8, seed=0, intensity=0)
    seen = list(batches.of_pass(0))
    assert len(seen) == len(batches) == 5
    for images, masks in seen:
        assert images.shape == masks.shape == (8, 1, *size)
        assert torch.equal(images > 0.5, masks)
    original = {pairs.masks[place].tobytes() for place in range(40)}
    turned = [one.numpy().tobytes() not in original for _, masks in seen for one in masks]
    assert 20 < sum(turned) < 40


def test_batches_depend_on_seed_pass_and_place_alone() -> None:
    batches = ShuffledPairs(pairs=made(20), batch=4, seed=3)
    whole = list(batches.of_pass(1))
    again = list(batches.of_pass(1, 2))
    assert all(torch.equal(one[0], other[0]) for one, other in zip(whole[2:], again, strict=True))
    assert not torch.equal(whole[0][0], next(batches.of_pass(2))[0])
    assert all(images.min() >= 0 and images.max() <= 1 for images, _ in whole)


def test_a_batch_larger_than_the_set_is_refused() -> None:
    with pytest.raises(SettingError, match="batch must be 1 to 12, the number of training images of made; it is 13"):
        ShuffledPairs(pairs=made(), batch=13, seed=0)
    with pytest.raises(SettingError, match="intensity must be"):
        ShuffledPairs(pairs=made(), batch=3, seed=0, intensity=1)

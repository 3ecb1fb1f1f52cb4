from __future__ import annotations

import numpy as np
import pytest
import torch

from latentia.data.batches import ShuffledImages
from latentia.data.fields import FieldSet
from latentia.data.images import ImageSet, Split
from latentia.errors import SettingError
from latentia.images import ImageFormat
from latentia.training import Batches


def numbered(count: int) -> ImageSet:
    """Images whose left pixel is their number and whose right pixel is 255."""
    images = np.full((count, 1, 1, 2), 255, np.uint8)
    images[:, 0, 0, 0] = np.arange(count)
    return ImageSet(images=images, format=ImageFormat(channels=1, height=1, width=2), name="numbers", split=Split.TRAIN)


def test_the_loop_can_use_the_batches() -> None:
    assert isinstance(ShuffledImages(image_set=numbered(10), batch=3, seed=0), Batches)


def test_a_pass_sees_each_image_once_but_for_an_incomplete_batch() -> None:
    batches = ShuffledImages(image_set=numbered(10), batch=3, seed=0)
    seen = torch.cat(list(batches.of_pass(0)))[:, 0, 0, 0].tolist()
    assert len(batches) == 3
    assert len(seen) == len(set(seen)) == 9


def test_batches_of_fields_are_their_floats_in_the_same_order() -> None:
    images = numbered(10)
    fields = FieldSet(
        values=images.images.astype(np.float32) / 7,
        lowest=np.zeros(1),
        highest=np.ones(1),
        format=images.format,
        name="flow",
        split=Split.TRAIN,
    )
    of_images, of_fields = (ShuffledImages(image_set=one, batch=3, seed=0, flip=True) for one in (images, fields))
    for image, field in zip(of_images.of_pass(1), of_fields.of_pass(1), strict=True):
        torch.testing.assert_close(field, image / 7)
    with pytest.raises(SettingError, match=r"^binarise is for images; flow holds fields of real numbers\.$"):
        ShuffledImages(image_set=fields, batch=3, seed=0, binarise=True)


def test_what_one_pass_leaves_out_another_sees() -> None:
    batches = ShuffledImages(image_set=numbered(10), batch=3, seed=0)
    seen = torch.cat([batch for number in range(10) for batch in batches.of_pass(number)])
    assert seen[:, 0, 0, 0].unique().tolist() == list(range(10))


def test_the_order_depends_on_the_seed_and_the_pass_alone() -> None:
    def order(seed: int, number: int) -> list[int]:
        batches = ShuffledImages(image_set=numbered(50), batch=10, seed=seed)
        return torch.cat(list(batches.of_pass(number)))[:, 0, 0, 0].tolist()

    torch.manual_seed(1)
    first = order(0, 0)
    torch.manual_seed(2)
    assert order(0, 0) == first
    assert len({tuple(order(*key)) for key in [(0, 0), (0, 1), (1, 0), (1, 1)]}) == 4


def test_a_pass_taken_up_in_its_middle_goes_on_as_it_would_have() -> None:
    batches = ShuffledImages(image_set=numbered(50), batch=5, seed=3, flip=True, binarise=True)
    whole = torch.stack(list(batches.of_pass(2)))
    assert torch.equal(torch.stack(list(batches.of_pass(2, 6))), whole[6:])


def test_batches_leave_torch_s_own_random_numbers_alone() -> None:
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    list(ShuffledImages(image_set=numbered(50), batch=5, seed=3, flip=True, binarise=True).of_pass(0))
    assert torch.equal(torch.rand(1), expected)


def test_a_flip_mirrors_about_half_of_the_images_and_each_image_at_some_time() -> None:
    batches = ShuffledImages(image_set=numbered(200), batch=50, seed=0, flip=True)
    flipped = {}
    for number in range(4):
        images = torch.cat(list(batches.of_pass(number)))[:, 0, 0]
        which = images[:, 0] == 255
        assert 70 <= int(which.sum()) <= 130
        assert torch.equal(torch.where(which[:, None], images.flip(-1), images)[:, 1], torch.full((200,), 255).byte())
        flipped[number] = frozenset(images[which, 1].tolist())
    assert len(set(flipped.values())) == 4


def test_binary_images_are_drawn_anew_in_each_pass() -> None:
    grey = ImageSet(
        images=np.full((4, 1, 10, 10), 128, np.uint8),
        format=ImageFormat(channels=1, height=10, width=10),
        name="grey",
        split=Split.TRAIN,
    )
    batches = ShuffledImages(image_set=grey, batch=4, seed=0, binarise=True)
    first, second = next(batches.of_pass(0)), next(batches.of_pass(1))
    assert batches.image_format.levels == 2
    assert first.unique().tolist() == [0, 1]
    assert not torch.equal(first, second)
    assert not torch.equal(first[0], first[1])


@pytest.mark.parametrize("batch", [0, 11])
def test_a_batch_of_no_possible_size_is_refused(batch: int) -> None:
    with pytest.raises(
        SettingError, match=f"batch must be 1 to 10, because numbers has 10 training images; it is {batch}."
    ):
        ShuffledImages(image_set=numbered(10), batch=batch, seed=0)

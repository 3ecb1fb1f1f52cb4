from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from latentia.data import FieldSet, ImageSet, Split
from latentia.images import ImageFormat
from latentia.uses import FieldColours, Imputation, Samples, ShareColours, colours_of, draw_imputation
from latentia.uses.colours import BLUE, GREY, PALE_BLUE, PALE_GREY, RED, WHITE, in_colours
from latentia.uses.pictures import GAP


def field(lowest: tuple[float, ...], highest: tuple[float, ...], solid: np.ndarray | None = None) -> FieldSet:
    return FieldSet(
        values=np.zeros((1, len(lowest), 1, 3), np.float32),
        lowest=np.array(lowest),
        highest=np.array(highest),
        format=ImageFormat(channels=len(lowest), height=1, width=3),
        name="flow",
        split=Split.TRAIN,
        solid=solid,
    )


def pixels(shown: torch.Tensor) -> list[list[tuple[int, ...]]]:
    return [[tuple(pixel) for pixel in row] for row in shown.permute(1, 2, 0).tolist()]


def mixed(share: float, end: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(round(255 + share * (one - 255)) for one in end)


def test_shares_are_grey_or_colours_and_what_is_unknown_is_neither() -> None:
    grey = torch.tensor([[[0.0, 0.5, math.nan]]])
    assert pixels(ShareColours().show(grey)) == [[(0, 0, 0), (128, 128, 128), PALE_BLUE]]
    colours = torch.tensor([[[-1.0, 0.2]], [[0.4, math.nan]], [[7.0, 0.0]]])
    assert pixels(ShareColours().show(colours)) == [[(0, 102, 255), PALE_BLUE]]


def test_channels_that_are_no_colours_stand_below_one_another() -> None:
    assert pixels(ShareColours().show(torch.tensor([[[0.0, 1.0]], [[0.2, 0.0]]]))) == [
        [(0, 0, 0), (255, 255, 255)],
        [(51, 51, 51), (0, 0, 0)],
    ]


def test_a_channel_with_both_signs_is_white_at_zero_and_even_on_both_sides() -> None:
    """−1 … 4 in units: −1 is a quarter as blue as 4 is red."""
    shown = FieldColours(fields=field((-1.0,), (4.0,))).show(torch.tensor([[[0.0, 0.2, 1.0]]]))
    assert pixels(shown) == [[mixed(0.25, BLUE), WHITE, RED]]


@pytest.mark.parametrize(("lowest", "highest"), [(3.0, 5.0), (-5.0, -3.0)])
def test_a_channel_of_one_sign_is_white_in_the_middle_of_its_range(lowest: float, highest: float) -> None:
    shown = FieldColours(fields=field((lowest,), (highest,))).show(torch.tensor([[[-0.5, 0.5, 1.0]]]))
    assert pixels(shown) == [[BLUE, WHITE, RED]]


def test_channels_have_scales_of_their_own_and_a_white_line_between_them() -> None:
    solid = np.array([[False, True, False]])
    colours = FieldColours(fields=field((-1.0, 0.0), (1.0, 100.0), solid))
    shown = colours.show(torch.tensor([[[1.0, 0.5, math.nan]], [[0.0, 0.5, 0.75]]]))
    assert pixels(shown) == [
        [RED, GREY, PALE_GREY],
        [WHITE, WHITE, WHITE],
        [BLUE, GREY, mixed(0.5, RED)],
    ]


def test_a_constant_channel_is_white() -> None:
    shown = FieldColours(fields=field((2.0,), (2.0,))).show(torch.zeros(1, 1, 3))
    assert pixels(shown) == [[WHITE] * 3]


def test_deviations_are_told_by_the_largest_of_all_images_in_each_channel() -> None:
    deviations = torch.tensor([[[[0.0, 0.1, 0.2]], [[0.0, 0.3, 0.0]]], [[[0.4, 0.1, 0.2]], [[0.0, 0.0, 0.0]]]])
    shown, told = FieldColours(fields=field((0.0, -10.0), (1.0, 10.0))).show_deviation(deviations)
    assert told == "0.4 and 6"
    assert pixels(shown[0])[0] == [WHITE, mixed(0.25, RED), mixed(0.5, RED)]
    assert pixels(shown[0])[2] == [WHITE, RED, WHITE]
    shown, told = ShareColours().show_deviation(deviations[:, :1])
    assert told == "0.4" and pixels(shown[1]) == [[(255,) * 3, (64,) * 3, (128,) * 3]]
    assert ShareColours().show_deviation(torch.zeros(1, 1, 2))[1] == "0"


def test_sets_say_in_which_colours_they_are_shown() -> None:
    one = ImageFormat(channels=1, height=1, width=3)
    images = ImageSet(images=np.zeros((1, 1, 1, 3), np.uint8), format=one, name="a", split=Split.TEST)
    assert isinstance(colours_of(images), ShareColours)
    assert isinstance(colours_of(field((0.0,), (1.0,))), FieldColours)


def test_of_a_record_the_images_alone_are_coloured() -> None:
    samples = Samples(temperatures=(1.0,), images=torch.tensor([[[[[0, 255, 128]]]]], dtype=torch.uint8))
    assert in_colours(samples, None) is samples
    shown = in_colours(samples, FieldColours(fields=field((0.0,), (1.0,))))
    assert pixels(shown.images[0, 0])[0][:2] == [BLUE, RED] and shown.temperatures == (1.0,)


def test_an_imputation_is_drawn_with_the_rows_that_there_are() -> None:
    values = torch.rand(2, 1, 128, 130, generator=torch.Generator().manual_seed(0))
    whole = Imputation(
        originals=values,
        mask=values > 0.9,
        from_latent=values / 2,
        from_both=values / 3,
        from_pixels=torch.stack([values / 4, values / 5, values / 6, values / 7]),
    )
    nowhere = torch.full_like(values, math.nan)
    cases = [
        (whole, 4 + 2 + 3),
        (Imputation(**{**vars(whole), "from_pixels": whole.from_pixels[:1]}), 4 + 1 + 1),
        (Imputation(**{**vars(whole), "from_pixels": whole.from_pixels[:0]}), 4),
        (Imputation(**{**vars(whole), "from_latent": nowhere, "from_both": nowhere}), 1 + 2 + 3),
    ]
    for imputation, rows in cases:
        assert draw_imputation(imputation, ShareColours()).shape[0] == rows * (128 + GAP)
    picture = draw_imputation(whole, ShareColours())[:, -2 * (130 + GAP) :]
    known = ShareColours().show(values.masked_fill(~whole.mask, math.nan))[1].permute(1, 2, 0).numpy()
    assert np.array_equal(picture[128 + GAP :, 130 + GAP :][:128, :130], known)
    mean = ShareColours().show(whole.mean)[0].permute(1, 2, 0).numpy()
    assert np.array_equal(picture[4 * (128 + GAP) :][:128, :130], mean)

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from tests.latentia.models.linear_gaussian import LinearGaussian, some_images

from latentia.errors import SettingError
from latentia.images import ImageFormat
from latentia.uses import (
    Samples,
    draw_grid,
    draw_interpolation,
    draw_neighbourhood,
    draw_neighbours,
    draw_reconstruction,
    draw_samples,
    interpolate,
    neighbourhood,
    reconstruct,
    write_png,
)
from latentia.uses.pictures import GAP, TEXT

COLOUR = ImageFormat(channels=3, height=64, width=80)
GREY = ImageFormat(channels=1, height=70, width=64, bits=3)


def test_images_of_a_grid_stand_where_their_row_and_column_say() -> None:
    images = some_images(COLOUR, 6).unflatten(0, (2, 3))
    picture = draw_grid(images, 256)
    assert picture.shape == (2 * (64 + GAP), 3 * (80 + GAP), 3)
    for row in range(2):
        for column in range(3):
            part = picture[row * (64 + GAP) :, column * (80 + GAP) :][:64, :80]
            assert np.array_equal(part, images[row, column].permute(1, 2, 0).numpy())


def test_few_levels_are_spread_over_the_whole_range_of_grey() -> None:
    image = torch.arange(8).repeat(8, 1).reshape(1, 1, 1, 8, 8)
    picture = draw_grid(image, 8, smallest=1)
    assert picture[0, :8, 1].tolist() == [0, 36, 73, 109, 146, 182, 219, 255]
    assert picture.shape == (8 + GAP, 8 + GAP, 3)


def test_small_images_are_enlarged_by_a_whole_factor() -> None:
    image = some_images(ImageFormat(channels=1, height=28, width=28), 1)[None]
    picture = draw_grid(image, 256)
    assert picture.shape == (3 * 28 + GAP, 3 * 28 + GAP, 3)
    assert np.array_equal(picture[1 : 3 * 28 : 3, 1 : 3 * 28 : 3, 0], image[0, 0, 0].numpy())


def test_labels_take_room_of_their_own_and_leave_the_images_as_they_are() -> None:
    images = some_images(COLOUR, 6).unflatten(0, (2, 3))
    plain = draw_grid(images, 256)
    labelled = draw_grid(images, 256, row_labels=["a", "b"], column_labels=["c", "d", "e"])
    assert np.array_equal(labelled[-plain.shape[0] :, -plain.shape[1] :], plain)
    assert labelled[: -plain.shape[0]].min() < 128
    assert labelled[:, : -plain.shape[1]].min() < 128


def test_a_neighbourhood_has_its_image_in_the_centre_of_every_cell() -> None:
    images = some_images(GREY, 2)
    around = neighbourhood(LinearGaussian(GREY), images, kept_layers=(1, 2), temperatures=(0.5, 1.0))
    coloured = draw_neighbourhood(around, GREY.levels, place=1)
    picture = coloured[..., 0]
    centre = (images[1, 0].double() * 255 / 7).round().to(torch.uint8).numpy()
    shown = [
        (top, left)
        for top in range(picture.shape[0] - 70)
        for left in range(picture.shape[1] - 64)
        if picture[top, left] == centre[0, 0] and np.array_equal(picture[top : top + 70, left : left + 64], centre)
    ]
    cell = (3 * 71 + 6 * GAP, 3 * 65 + 6 * GAP)
    assert len(shown) == 4
    assert (shown[3][0] - shown[0][0], shown[3][1] - shown[0][1]) == cell
    top, left = shown[0]
    around_it = coloured[top - 1 : top + 71, left - 1 : left + 65].copy()
    around_it[1:-1, 1:-1] = coloured[top - 1, left - 1]
    assert (around_it == coloured[top - 1, left - 1]).all()  # a frame of one colour
    assert len(set(coloured[top - 1, left - 1].tolist())) == 3  # which is no grey


def test_every_use_has_its_picture(tmp_path: Path) -> None:
    model, images = LinearGaussian(GREY), some_images(GREY, 2)
    pictures = {
        "samples": draw_samples(Samples(temperatures=(1.0,), images=images[None]), 8),
        "interpolation": draw_interpolation(interpolate(model, images, images.flip(0), layer=1, frames=2), 8),
        "reconstruction": draw_reconstruction(reconstruct(model, images), 8),
        "neighbours": draw_neighbours(images, images[None].expand(2, -1, -1, -1, -1), 8),
    }
    for name, picture in pictures.items():
        write_png(picture, tmp_path / f"{name}.png")
        with Image.open(tmp_path / f"{name}.png") as opened:
            assert np.array_equal(np.asarray(opened), picture)
    labels = TEXT + 3 * GAP
    assert pictures["interpolation"].shape == (labels + 2 * (70 + GAP), 4 * (64 + GAP), 3)
    assert pictures["neighbours"].shape == (labels + 2 * (70 + GAP), 3 * (64 + GAP), 3)


def test_many_samples_go_on_in_the_next_row() -> None:
    images = some_images(GREY, 2 * 18).unflatten(0, (2, 18))
    plain = draw_grid(images[:, :16], 8)
    picture = draw_samples(Samples(temperatures=(0.5, 1.0), images=images), 8)
    left = picture.shape[1] - plain.shape[1]
    assert picture.shape[0] == 4 * (70 + GAP)
    second = picture[70 + GAP : 2 * (70 + GAP), left:]
    assert np.array_equal(second[:, : 2 * (64 + GAP)], draw_grid(images[:1, 16:], 8))
    assert (second[:, 2 * (64 + GAP) :] == 255).all()


def test_what_makes_no_picture_is_refused() -> None:
    images = some_images(ImageFormat(channels=2, height=8, width=8), 1)[None]
    with pytest.raises(SettingError, match="1 or 3 channels, not 2"):
        draw_grid(images, 256)
    with pytest.raises(SettingError, match="1 rows and 2 labels"):
        draw_grid(images[:, :, :1], 256, row_labels=["a", "b"])
    around = neighbourhood(LinearGaussian(GREY), some_images(GREY, 1), kept_layers=(1,), count=3)
    with pytest.raises(SettingError, match="of 8 samples around an image, not of 3"):
        draw_neighbourhood(around, GREY.levels)

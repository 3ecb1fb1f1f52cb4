"""A traversal moves one latent dimension, leaves the others, and shows those that say something, most first."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import torch
from tests.latentia.models.linear_gaussian import LinearGaussian, some_images
from torch import Tensor, nn

from latentia.distributions import DiagonalGaussian, ImageDistribution, LogisticPixels
from latentia.errors import DataError, SettingError
from latentia.images import ImageFormat
from latentia.models.base import GaussianLatentModel
from latentia.models.gaussian_vae import GaussianVAEConfig
from latentia.uses import draw_traversal, traverse

FORM = ImageFormat(channels=1, height=1, width=3)


class Told(GaussianLatentModel):
    """z of three dimensions: pixel d is at 0.2·z_d, and q(z | x) has the pixels' own values times `uses` for means."""

    def __init__(self, uses: tuple[float, float, float]) -> None:
        super().__init__()
        self.image_format = FORM
        self.uses = nn.Parameter(torch.tensor(uses))

    @property
    def latent_size(self) -> int:
        return 3

    def posterior(self, images: Tensor) -> DiagonalGaussian:
        self.check(images)
        means = (images.flatten(1) / 127.5 - 1) * self.uses
        return DiagonalGaussian(means, torch.zeros_like(means))

    def likelihood(self, latent: Tensor) -> ImageDistribution:
        loc = 0.2 * latent.view(-1, *FORM.shape)
        return LogisticPixels(image_channels=1)(torch.cat([loc, torch.full_like(loc, -7.0)], 1))


def levels_of(values: Sequence[float]) -> list[int]:
    return [round(127.5 * (0.2 * value + 1)) for value in values]


def test_one_dimension_moves_at_a_time_and_the_others_stay_at_the_posterior_mean() -> None:
    model = Told((1.0, 0.0, 2.0))
    images = torch.tensor([[[[255, 0, 255]]], [[[0, 9, 0]]]], dtype=torch.uint8)
    found = traverse(model, images, values=(-2.0, 0.0, 1.0))
    assert found.dimensions.tolist() == [2, 0]  # the third says most, the second nothing
    assert found.divergence_nats.tolist() == pytest.approx([0.5, 0.0, 2.0])
    assert found.images.shape == (2, 2, 3, *FORM.shape)
    torch.testing.assert_close(
        found.images[0, 0, :, 0, 0].int(),
        torch.tensor([levels_of([1, 0, value]) for value in (-2, 0, 1)], dtype=torch.int32),
        atol=1,
        rtol=0,
    )
    assert found.images[1, 1, :, 0, 0, 0].int().tolist() == pytest.approx(levels_of([-2, 0, 1]), abs=1)


def test_the_order_of_dimensions_is_that_of_the_images_that_rank_them() -> None:
    model = Told((1.0, 1.0, 1.0))
    images = torch.tensor([[[[255, 128, 128]]]], dtype=torch.uint8)
    others = torch.tensor([[[[128, 128, 255]]]], dtype=torch.uint8)
    assert traverse(model, images).dimensions.tolist() == [0]
    assert traverse(model, images, ranked_by=others).dimensions.tolist() == [2]


def test_a_picture_has_a_row_for_each_dimension_of_each_image_and_starts_with_the_image() -> None:
    model = GaussianVAEConfig(widths=(4,), latent_size=3, components=1).build(
        ImageFormat(channels=1, height=64, width=64)
    )
    images = some_images(model.image_format, 2)
    found = traverse(model.eval(), images, values=(-1.0, 1.0))
    picture = draw_traversal(found, 256)
    rows = len(found.dimensions)
    assert picture.shape[0] > 2 * rows * 64 and picture.shape[1] > 3 * 64
    grey = torch.from_numpy(picture)[..., 0]
    left = picture.shape[1] - 3 * 66
    assert torch.equal(grey[-66:-2, left : left + 64], images[1, 0])


def test_what_cannot_be_traversed_is_refused_in_a_sentence() -> None:
    images = torch.full((2, *FORM.shape), 128, dtype=torch.uint8)
    with pytest.raises(SettingError, match=r"^All 3 latent dimensions are dead: each says at most 0.01 nats"):
        traverse(Told((0.0, 0.0, 0.0)), images)
    with pytest.raises(SettingError, match=r"^A LinearGaussian has no single vector of Gaussian latent variables; "):
        traverse(LinearGaussian(FORM), images)
    with pytest.raises(SettingError, match=r"^A traversal wants at least one value"):
        traverse(Told((1.0, 1.0, 1.0)), images, values=())
    with pytest.raises(DataError, match=r"At least one image is wanted"):
        traverse(Told((1.0, 1.0, 1.0)), images[:0])

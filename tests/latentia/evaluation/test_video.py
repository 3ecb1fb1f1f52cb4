"""Figures of clips, against numbers by hand and windows taken one by one."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from latentia.errors import DataError
from latentia.evaluation.video import compare_clips, structural_similarity
from latentia.sequences import Sequences

LENGTHS = torch.tensor([3, 1, 2])


def drawn(seed: int, shape: tuple[int, ...] = (1, 13, 16)) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(256, (len(LENGTHS), 3, *shape), dtype=torch.uint8, generator=generator)


def of(values: Tensor, padding: int = 0) -> Sequences:
    clips = Sequences(values=values.clone(), lengths=LENGTHS)
    clips.values[~clips.mask] = padding
    return clips


def like(values: Tensor, noise: int = 40) -> Tensor:
    """The same with noise, so that the similarity is neither 0 nor 1."""
    change = torch.randint(-noise, noise + 1, values.shape, generator=torch.Generator().manual_seed(9))
    return (values + change).clamp(0, 255).to(torch.uint8)


def window_by_window(first: Tensor, second: Tensor) -> float:
    """Wang et al. 2004, eq. 13–16, on one channel of one frame."""
    rows, columns = (torch.arange(-5, 6).double() for _ in range(2))
    weights = (-(rows[:, None].square() + columns.square()) / (2 * 1.5**2)).exp()
    weights /= weights.sum()
    found = []
    for row in range(first.shape[0] - 10):
        for column in range(first.shape[1] - 10):
            one, other = (image[row : row + 11, column : column + 11] for image in (first, second))
            mean, mean_2 = (weights * one).sum(), (weights * other).sum()
            variance, variance_2 = (weights * (one - mean) ** 2).sum(), (weights * (other - mean_2) ** 2).sum()
            covariance = (weights * (one - mean) * (other - mean_2)).sum()
            above = (2 * mean * mean_2 + 0.01**2) * (2 * covariance + 0.03**2)
            found.append(above / ((mean**2 + mean_2**2 + 0.01**2) * (variance + variance_2 + 0.03**2)))
    return float(torch.stack(found).mean())


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("noise", [5, 40, 200])
def test_similarity_is_that_of_windows_one_by_one(channels: int, noise: int) -> None:
    values = drawn(1, (channels, 13, 16))[0]
    first, second = (frames.double() / 255 for frames in (values, like(values, noise)))
    slow = [
        sum(window_by_window(one[channel], other[channel]) for channel in range(channels)) / channels
        for one, other in zip(first, second, strict=True)
    ]
    torch.testing.assert_close(structural_similarity(first, second), torch.tensor(slow).double(), rtol=1e-6, atol=0)


def test_similarity_is_symmetric_and_one_for_copies_alone() -> None:
    first, second = drawn(1)[0].double() / 255, drawn(2)[0].double() / 255
    torch.testing.assert_close(structural_similarity(first, first), torch.ones(3).double())
    found = structural_similarity(first, second)
    torch.testing.assert_close(found, structural_similarity(second, first))
    assert (found < 0.5).all()
    assert (structural_similarity(first, 1 - first) < 0).all()


def test_frames_of_one_colour_differ_in_luminance_alone() -> None:
    first, second = (torch.full((1, 1, 11, 11), value).double() for value in (0.2, 0.6))
    wanted = (2 * 0.2 * 0.6 + 1e-4) / (0.2**2 + 0.6**2 + 1e-4)
    assert structural_similarity(first, second).item() == pytest.approx(wanted)


@pytest.mark.parametrize("paddings", [(0, 0), (0, 255), (255, 7)])
def test_figures_are_means_over_frames_and_padding_is_none(paddings: tuple[int, int]) -> None:
    given, said = drawn(3), like(drawn(3))
    found = compare_clips(of(given, paddings[0]), of(said, paddings[1]))
    for place, length in enumerate(LENGTHS.tolist()):
        errors = [
            float((given[place, frame].double() / 255 - said[place, frame].double() / 255).square().mean())
            for frame in range(length)
        ]
        assert found.squared_error[place].item() == pytest.approx(sum(errors) / length)
        decibels = [10 * math.log10(1 / error) for error in errors]
        assert found.psnr[place].item() == pytest.approx(sum(decibels) / length)
        frames = [
            window_by_window(*(clip[place, at, 0].double() / 255 for clip in (given, said))) for at in range(length)
        ]
        assert found.similarity[place].item() == pytest.approx(sum(frames) / length)
    assert found.means == {
        "psnr": pytest.approx(float(found.psnr.mean())),
        "mse": pytest.approx(float(found.squared_error.mean())),
        "ssim": pytest.approx(float(found.similarity.mean())),
    }


def test_values_are_shares_of_white_at_every_depth() -> None:
    black, white = torch.zeros(3, 3, 1, 11, 11, dtype=torch.uint8), torch.full((3, 3, 1, 11, 11), 3, dtype=torch.uint8)
    found = compare_clips(of(black), of(white), levels=4)
    assert found.squared_error.tolist() == [1, 1, 1] and found.psnr.tolist() == [0, 0, 0]
    one_step = compare_clips(of(black), of(white // 3), levels=4)
    torch.testing.assert_close(one_step.squared_error, torch.full((3,), 1 / 9).double())


def test_a_copy_has_no_error() -> None:
    found = compare_clips(of(drawn(3)), of(drawn(3), 9))
    assert found.means == {"psnr": math.inf, "mse": 0, "ssim": pytest.approx(1)}


def test_clips_that_cannot_be_compared_are_refused() -> None:
    given = of(drawn(1))
    with pytest.raises(DataError, match=r"^Clips are compared with as many of the same lengths; these differ"):
        compare_clips(given, given.at(slice(0, 2)))
    with pytest.raises(DataError, match="these differ in number or lengths"):
        compare_clips(given, Sequences(values=given.values, lengths=torch.tensor([3, 2, 2])))
    with pytest.raises(DataError, match=r"these are \(1, 13, 16\), \(1, 16, 13\)"):
        compare_clips(given, of(drawn(1, (1, 16, 13))))
    with pytest.raises(DataError, match=r"^SSIM wants frames of 11×11 or more; these are 10×16\.$"):
        compare_clips(of(drawn(1, (1, 10, 16))), of(drawn(2, (1, 10, 16))))

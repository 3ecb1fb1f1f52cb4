"""How near clips are to the given ones: PSNR, mean squared error and structural similarity (thesis A, Table 3.4).

Values are shares of white. The thesis gives the names of the figures alone. Its PSNR is above that of its mean squared
error, 24.9 dB beside −10·log₁₀(5.3·10⁻³) = 22.8, so it is a mean of PSNRs; here, as the other figures, over frames. Of
the structural similarity it says neither the window nor the range of values; these are Wang et al.'s (2004).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float64
from torch import Tensor
from torch.nn.functional import conv2d

from latentia.errors import DataError
from latentia.sequences import Sequences

WINDOW, SIGMA, K1, K2 = 11, 1.5, 0.01, 0.03
"""Of the structural similarity: side and standard deviation of the Gaussian window, and what keeps it from 0/0."""


@dataclass(frozen=True, kw_only=True)
class VideoFigures:
    """Figures of each clip, means over its frames; on the CPU, float64."""

    psnr: Float64[Tensor, " clips"]
    """Peak signal-to-noise ratio in decibels, −10·log₁₀ of a frame's squared error; infinite where one has none."""
    squared_error: Float64[Tensor, " clips"]
    """Mean over a frame's numbers."""
    similarity: Float64[Tensor, " clips"]
    """SSIM, −1 to 1, where 1 is a copy."""

    @property
    def means(self) -> dict[str, float]:
        """Means over the clips, by the names of Table 3.4; a clip weighs the same however long it is."""
        figures = {"psnr": self.psnr, "mse": self.squared_error, "ssim": self.similarity}
        return {name: float(each.mean()) for name, each in figures.items()}


def compare_clips(given: Sequences, said: Sequences, *, levels: int = 256) -> VideoFigures:
    """Compare clips of whole numbers 0 … levels − 1 with the given ones, frame by frame; padding is never looked at.

    Errors: DataError where the numbers of clips, their lengths or their frames' shapes differ, or frames are smaller
    than the window of the structural similarity.
    """
    _check(given, said)
    figures = []
    for one, other, length in zip(given.values, said.values, given.lengths.tolist(), strict=True):
        first, second = (frames[:length].cpu().double() / (levels - 1) for frames in (one, other))
        error = (first - second).square().flatten(1).mean(1)
        figures.append(
            [float(each.mean()) for each in (-10 * error.log10(), error, structural_similarity(first, second))]
        )
    psnr, squared_error, similarity = torch.tensor(figures, dtype=torch.float64).unbind(1)
    return VideoFigures(psnr=psnr, squared_error=squared_error, similarity=similarity)


def structural_similarity(
    first: Float64[Tensor, "frames channels height width"], second: Float64[Tensor, "frames channels height width"]
) -> Float64[Tensor, " frames"]:
    """SSIM of values between 0 and 1 (Wang et al. 2004), a mean over the channels and where the window fits in whole.

    The window is 11×11, a Gaussian with standard deviation 1.5 and sum 1; K₁ = 0.01, K₂ = 0.03.
    """
    places = torch.arange(WINDOW, dtype=torch.float64) - WINDOW // 2
    line = (-0.5 * (places / SIGMA).square()).exp()
    line = line / line.sum()
    moments = torch.stack([first, second, first.square(), second.square(), first * second])
    maps = moments.flatten(0, 2)[:, None]
    # One line each way: a Gaussian is the product of the two.
    windowed = conv2d(conv2d(maps, line[None, None, :, None]), line[None, None, None, :])
    mean, other, square, other_square, product = torch.unflatten(windowed, 0, moments.shape[:3])[:, :, :, 0].unbind(0)
    variances = square - mean.square() + other_square - other.square()
    covariance = product - mean * other
    luminance = (2 * mean * other + K1**2) / (mean.square() + other.square() + K1**2)
    structure = (2 * covariance + K2**2) / (variances + K2**2)
    return (luminance * structure).flatten(1).mean(1)


def _check(given: Sequences, said: Sequences) -> None:
    if len(given) != len(said) or not torch.equal(given.lengths, said.lengths):
        raise DataError("Clips are compared with as many of the same lengths; these differ in number or lengths.")
    frame, other = tuple(given.values.shape[2:]), tuple(said.values.shape[2:])
    if frame != other or len(frame) != 3:
        raise DataError(f"Frames have channels, height and width, the same in both clips; these are {frame}, {other}.")
    if min(frame[1:]) < WINDOW:
        raise DataError(f"SSIM wants frames of {WINDOW}×{WINDOW} or more; these are {frame[1]}×{frame[2]}.")

"""Padding of images to a size that halves several times, and the way back."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import pad


def pad_to_multiple(
    images: Float[Tensor, "batch channels height width"], multiple: int
) -> Float[Tensor, "batch channels rows columns"]:
    """Repeat the edges, as much on the one side as on the other, until both sides are multiples of a number.

    The edge is repeated and not mirrored, because an image may be smaller than what is missing.
    """
    top, bottom = _margins(images.shape[-2], multiple)
    left, right = _margins(images.shape[-1], multiple)
    if not (top or bottom or left or right):
        return images
    return pad(images, (left, right, top, bottom), mode="replicate")


def crop_to(
    padded: Float[Tensor, "batch channels rows columns"], height: int, width: int
) -> Float[Tensor, "batch channels height width"]:
    """Take off what `pad_to_multiple` has put around an image of this size."""
    top, left = (padded.shape[-2] - height) // 2, (padded.shape[-1] - width) // 2
    return padded[..., top : top + height, left : left + width]


def _margins(size: int, multiple: int) -> tuple[int, int]:
    missing = -size % multiple
    return missing // 2, missing - missing // 2

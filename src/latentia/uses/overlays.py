"""Masks over images as Figure 4.10 has them: white what is right, red false positives, blue false negatives."""

from __future__ import annotations

import torch
from jaxtyping import Bool, UInt8
from torch import Tensor

from latentia.errors import DataError

RIGHT, FALSE_POSITIVE, FALSE_NEGATIVE = (255, 255, 255), (255, 0, 0), (0, 80, 255)
SHARE = 0.6
"""Of the colour, where it lies over the image."""


def overlay(
    image: UInt8[Tensor, "channels height width"],
    found: Bool[Tensor, "1 height width"],
    given: Bool[Tensor, "_ rows columns"] | None = None,
) -> UInt8[Tensor, "3 height width"]:
    """Colour an image where a mask was found: white; with a mask that is given, also red and blue where they differ.

    Errors: DataError where the mask that is given has another size.
    """
    if given is not None and given.shape != found.shape:
        raise DataError(
            f"A mask of {given.shape[-2]}×{given.shape[-1]} (height, width) was given for an image of "
            f"{found.shape[-2]}×{found.shape[-1]}."
        )
    right = found if given is None else found & given
    coloured = image.expand(3, -1, -1).float()
    parts = [(right, RIGHT)]
    if given is not None:
        parts += [(found & ~given, FALSE_POSITIVE), (given & ~found, FALSE_NEGATIVE)]
    for where, colour in parts:
        painted = SHARE * torch.tensor(colour, dtype=torch.float32)[:, None, None] + (1 - SHARE) * coloured
        coloured = torch.where(where, painted, coloured)
    return coloured.round().to(torch.uint8)

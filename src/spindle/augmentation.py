"""Training images as other recordings would have shown them.

Rows are standardised over a whole recording, so the same epoch looks different beside other epochs: in an hour of
nothing but sleep, sleep is the mean. And laboratories place one or two EEG electrodes, in either order.
`augment` is what `spindle train --augment` uses; the thesis trains without it.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Generator, Tensor

SMALLEST_SCALE, LARGEST_SCALE = 0.75, 1.3
"""Standard deviations of log power under different shares of states lie within these factors."""
SHIFT = 0.25
"""Standard deviation of the means' shifts, in standard deviations of the recording."""
TILT = 0.25
"""The same for a shift that goes from one end of the frequency axis to the other; the EMG has none."""


def augment(images: Float[Tensor, "batch 3 80 8"], generator: Generator) -> Float[Tensor, "batch 3 80 8"]:
    """Change electrodes, then composition; `images` have passed the first max-pool."""
    return change_composition(change_electrodes(images, generator), generator)


def change_electrodes(images: Float[Tensor, "batch 3 80 8"], generator: Generator) -> Float[Tensor, "batch 3 80 8"]:
    """Take the EEGs as they are, exchanged, or one of them twice, with equal chances."""
    batch = torch.arange(len(images))
    order = torch.randint(0, 2, (len(images), 2), generator=generator)
    return torch.stack([images[batch, order[:, 0]], images[batch, order[:, 1]], images[:, 2]], dim=1)


def change_composition(images: Float[Tensor, "batch 3 80 8"], generator: Generator) -> Float[Tensor, "batch 3 80 8"]:
    """Scale, shift and tilt each channel of each image, an EEG that stands twice by the same amounts."""
    shape = (len(images), 3, 1, 1)
    scale = SMALLEST_SCALE + (LARGEST_SCALE - SMALLEST_SCALE) * torch.rand(shape, generator=generator)
    shift = SHIFT * torch.randn(shape, generator=generator)
    tilt = TILT * torch.randn(shape, generator=generator)
    tilt[:, 2] = 0.0
    twice = (images[:, 0] == images[:, 1]).flatten(1).all(dim=1)
    for change in (scale, shift, tilt):
        change[twice, 1] = change[twice, 0]
    rows = torch.linspace(-1, 1, images.shape[-1])
    return images * scale + shift + tilt * rows

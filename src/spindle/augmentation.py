"""Training images as other electrodes would have shown them; `spindle train --augment`. The thesis trains without.

There is no change of scale or offset here, although a recording's share of each state moves both: the size of an
image's noise against its rows' unit variance tells the network what else the recording holds, and a made-up scale
would take that away. Recordings of many lengths and compositions teach it better.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Generator, Tensor


def change_electrodes(images: Float[Tensor, "batch 3 80 8"], generator: Generator) -> Float[Tensor, "batch 3 80 8"]:
    """Take the EEGs as they are, exchanged, or one of them twice, with equal chances.

    `images` have passed the first max-pool.
    """
    batch = torch.arange(len(images))
    order = torch.randint(0, 2, (len(images), 2), generator=generator)
    return torch.stack([images[batch, order[:, 0]], images[batch, order[:, 1]], images[:, 2]], dim=1)

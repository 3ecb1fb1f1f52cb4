"""Random numbers that a seed decides, and that leave the caller's random state as it was."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch


def stream(*numbers: int) -> int:
    """Make one 64-bit seed of several numbers, such as a run's seed and a step, without streams that overlap."""
    # The closing 1: numpy fills up with zeros, so that (seed,) and (seed, 0) would be one stream.
    return int(np.random.SeedSequence((*numbers, 1)).generate_state(1, np.uint64)[0])


@contextmanager
def seeded(*numbers: int, device: torch.device | None = None) -> Iterator[None]:
    """Within the block, torch draws the numbers that these seeds decide; afterwards its state is the caller's again.

    Distributions draw from torch's own state and take no generator; this is how they are given one.
    """
    cuda = [device] if device is not None and device.type == "cuda" else []
    with torch.random.fork_rng(devices=cuda):
        torch.manual_seed(stream(*numbers))
        yield

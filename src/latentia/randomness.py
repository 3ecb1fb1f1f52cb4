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

    That holds for the processor and for `device`, by default the one on which torch makes tensors. Distributions draw
    from torch's own state and take no generator; this is how they are given one.
    """
    place = torch.get_default_device() if device is None else device
    places = [place] if place.type in ("cuda", "mps") else []
    with torch.random.fork_rng(devices=places, device_type=place.type if places else "cuda"):
        seed = stream(*numbers)
        # torch.manual_seed would also seed devices whose state is not put back afterwards.
        torch.default_generator.manual_seed(seed)
        if place.type == "cuda":
            with torch.cuda.device(place):
                torch.cuda.manual_seed(seed)
        elif place.type == "mps":
            torch.mps.manual_seed(seed)
        yield

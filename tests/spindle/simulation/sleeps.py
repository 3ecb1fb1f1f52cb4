"""Made-up courses of behaviour, for tests that must know what happens when."""

from __future__ import annotations

import numpy as np

from spindle.simulation.sleep import Behaviour, Sleep


def blocks(*parts: tuple[Behaviour, int]) -> Sleep:
    """One behaviour after the other, each for so many seconds, at a middling sleep pressure."""
    lengths = [seconds for _, seconds in parts]
    return Sleep(
        behaviour=np.repeat(np.array([behaviour for behaviour, _ in parts], dtype=np.int8), lengths),
        bout_age_s=np.concatenate([np.arange(seconds, dtype=np.float32) for seconds in lengths]),
        pressure=np.full(sum(lengths), 0.4, dtype=np.float32),
    )

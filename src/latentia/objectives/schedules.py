"""Schedules of weights and rates over the steps of a training."""

from __future__ import annotations


def linear_ramp(step: int, steps: int) -> float:
    """Rise from 0 at step 0 to 1 at `steps` and stay there; always 1 where `steps` is 0."""
    return min(1.0, step / steps) if steps else 1.0

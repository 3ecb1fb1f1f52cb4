"""Schedules of weights and rates over the steps of a training."""

from __future__ import annotations

from latentia.errors import SettingError


def linear_ramp(step: int, steps: int) -> float:
    """Rise from 0 at step 0 to 1 at `steps` and stay there; always 1 where `steps` is 0."""
    return min(1.0, step / steps) if steps else 1.0


def cyclical_ramp(step: int, period: int, rising: float = 0.5) -> float:
    """Rise from 0 to 1 over the first `rising` of every `period` steps and stay there for the rest (Fu et al. 2019).

    Each cycle begins anew at 0. With `rising` 0 it is always 1, with 1 it never rests. Fu et al. take 4 cycles in a
    training, and half of each for the rise. Errors: SettingError where a cycle has no step or `rising` is not 0 to 1.
    """
    if period < 1:
        raise SettingError(f"A cycle has at least one step, not {period}.")
    if not 0 <= rising <= 1:
        raise SettingError(f"The share of a cycle in which the ramp rises is 0 to 1, not {rising}.")
    within = (step % period) / period
    return 1.0 if within >= rising else within / rising

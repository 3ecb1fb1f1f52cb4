"""SPINDLE: from a rodent's EEG and EMG to a hypnogram that can be trusted.

The commands of `spindle` as functions: `score`, `train`, `learning_curve`, `evaluate`, `analyze`, `simulate`, `report`,
and `score_many` for several recordings. They are loaded when they are asked for, because torch takes a second or two.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from spindle.api import analyze, evaluate, learning_curve, report, score, score_many, simulate, train

__all__ = ["analyze", "evaluate", "learning_curve", "report", "score", "score_many", "simulate", "train"]


def __getattr__(name: str) -> Any:
    """Load a function of `spindle.api` when it is first asked for."""
    if name not in __all__:
        raise AttributeError(f"module 'spindle' has no attribute '{name}'")
    from spindle import api

    return getattr(api, name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])

"""Two people score the same recording, and do not quite agree (thesis A, 5.4.1)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy.random import Generator

from spindle.hypnogram import Hypnogram, Stage
from spindle.recording import EPOCH_S
from spindle.simulation.sleep import Sleep

_STAGE_CODES = np.array([Stage.WAKE.code, Stage.WAKE.code, Stage.NREM.code, Stage.REM.code], dtype=np.int8)


@dataclass(frozen=True, kw_only=True)
class Expert:
    """One scorer's habits."""

    boundary_s: float = 1.5
    """Standard deviation of where this scorer sees a transition."""
    misses_brief: float = 0.1
    """Chance to overlook an awakening shorter than two epochs within NREM."""
    artifact_strictness: float = 0.5
    """An epoch is an artifact when its mean disturbance exceeds this."""


def score(expert: Expert, sleep: Sleep, disturbance: Float[np.ndarray, " seconds"], rng: Generator) -> Hypnogram:
    """Label each 4-s epoch with the state that fills most of it, as this expert sees it."""
    seen = _shift_boundaries(expert, _STAGE_CODES[sleep.behaviour], rng)
    epochs = len(seen) // int(EPOCH_S)
    per_epoch = seen[: epochs * int(EPOCH_S)].reshape(epochs, -1)
    counts = np.stack([(per_epoch == code).sum(axis=1) for code in range(3)], axis=1)
    codes = counts.argmax(axis=1).astype(np.int8)
    _separate_forbidden(codes)
    _overlook_brief(expert, codes, rng)
    mean = disturbance[: epochs * int(EPOCH_S)].reshape(epochs, -1).mean(axis=1)
    return Hypnogram(codes=codes, artifact=mean > expert.artifact_strictness)


def _shift_boundaries(expert: Expert, codes: np.ndarray, rng: Generator) -> np.ndarray:
    starts = np.flatnonzero(np.diff(codes, prepend=-1))
    moved = np.round(starts + expert.boundary_s * rng.standard_normal(len(starts))).astype(np.int64)
    moved[0] = 0
    # A boundary stays between its neighbours' true places, or bouts would swap.
    moved[1:] = np.clip(moved[1:], starts[:-1] + 1, np.append(starts[2:], len(codes)) - 1)
    moved = np.maximum.accumulate(moved)
    return np.repeat(codes[starts], np.diff(np.append(moved, len(codes))))


def _separate_forbidden(codes: np.ndarray) -> None:
    """Keep one epoch of wake after REM, and of NREM before it, where rounding to epochs swallowed it."""
    for index in np.flatnonzero((codes[:-1] == Stage.REM.code) & (codes[1:] == Stage.NREM.code)):
        codes[index + 1] = Stage.WAKE.code
    for index in np.flatnonzero((codes[:-1] == Stage.WAKE.code) & (codes[1:] == Stage.REM.code)):
        codes[index + 1] = Stage.NREM.code


def _overlook_brief(expert: Expert, codes: np.ndarray, rng: Generator) -> None:
    starts = np.flatnonzero(np.diff(codes, prepend=-1))
    stops = np.append(starts[1:], len(codes))
    for start, stop in zip(starts, stops, strict=True):
        within_nrem = start > 0 and stop < len(codes) and codes[start - 1] == codes[stop] == Stage.NREM.code
        brief = stop - start < 2 and codes[start] == Stage.WAKE.code
        if brief and within_nrem and rng.random() < expert.misses_brief:
            codes[start:stop] = Stage.NREM.code

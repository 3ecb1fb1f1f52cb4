"""Disturbances that are no brain and no muscle: movement, electrode pops, chewing, clipping, mains."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy.random import Generator
from numpy.typing import NDArray

from spindle.simulation.sleep import Behaviour, Sleep


@dataclass(frozen=True, kw_only=True)
class ArtifactTraits:
    """How often signals are disturbed, and how much."""

    share: float = 0.05
    """Share of time with a disturbance; movement makes three quarters of it wake's."""
    size: float = 6.0
    """Typical amplitude against the EEG's own standard deviation."""


def add_artifacts(
    traits: ArtifactTraits,
    sleep: Sleep,
    eeg: Float[np.ndarray, "channels samples"],
    emg: Float[np.ndarray, " samples"],
    *,
    rate_hz: int,
    rng: Generator,
) -> Float[np.ndarray, " seconds"]:
    """Disturb the signals in place; return how strongly each second is disturbed (0 none, 1 clearly)."""
    strength = np.zeros(len(sleep), dtype=np.float32)
    if traits.share <= 0:
        return strength
    scale = eeg.std(axis=1)
    emg_scale = float(emg.std())
    # Movement artifacts come with movement; the rest (pops, cable) at any time.
    weight = np.where(sleep.behaviour == Behaviour.ACTIVE, 6.0, np.where(sleep.behaviour == Behaviour.QUIET, 2.0, 0.6))
    weight /= weight.sum()
    mean_length_s = 5.0
    events = rng.poisson(traits.share * len(sleep) / mean_length_s)
    for second in rng.choice(len(sleep), size=events, p=weight):
        length = min(max(1, round(rng.exponential(mean_length_s))), len(sleep) - int(second), 40)
        here = slice(int(second) * rate_hz, (int(second) + length) * rate_hz)
        size = traits.size * float(np.exp(0.5 * rng.standard_normal()))
        kind = _KINDS[int(rng.choice(len(_KINDS), p=(0.5, 0.2, 0.2, 0.1)))]
        gains = rng.uniform(0.3, 1.0, len(eeg)) if rng.random() < 0.7 else rng.permutation([1.0, 0.1][: len(eeg)])
        for channel, gain in zip(eeg, gains, strict=True):
            kind(channel[here], float(gain * size * scale[0]), rate_hz, rng)
        if rng.random() < 0.6:
            emg[here] += (2.0 * emg_scale * rng.standard_normal(here.stop - here.start)).astype(np.float32)
        strength[second : second + length] = np.maximum(strength[second : second + length], min(1.0, size / 6.0))
    return strength


def _movement(signal: NDArray[np.float32], size: float, rate_hz: int, rng: Generator) -> None:
    """Slow swings of the cable and the electrode."""
    time = np.arange(len(signal)) / rate_hz
    swing = np.zeros(len(signal))
    for _ in range(4):
        swing += rng.normal() * np.sin(2 * np.pi * rng.uniform(0.3, 4.0) * time + rng.uniform(0, 2 * np.pi))
    signal += (0.6 * size * swing * np.hanning(len(signal) + 2)[1:-1]).astype(np.float32)


def _pop(signal: NDArray[np.float32], size: float, rate_hz: int, rng: Generator) -> None:
    """A jump that decays through the amplifier's high-pass, once or several times."""
    time = np.arange(len(signal)) / rate_hz
    for _ in range(1 + rng.poisson(len(signal) / rate_hz / 3)):
        start = rng.uniform(0, time[-1])
        decay = np.exp(-np.clip(time - start, 0, None) / rng.uniform(0.1, 0.8)) * (time >= start)
        signal += (1.5 * size * rng.choice([-1, 1]) * decay).astype(np.float32)


def _chewing(signal: NDArray[np.float32], size: float, rate_hz: int, rng: Generator) -> None:
    """Rhythmic muscle potentials that reach the EEG."""
    time = np.arange(len(signal)) / rate_hz
    rhythm = np.clip(np.sin(2 * np.pi * rng.uniform(3, 6) * time), 0, None)
    signal += (0.6 * size * rhythm * rng.standard_normal(len(signal))).astype(np.float32)


def _clipping(signal: NDArray[np.float32], size: float, rate_hz: int, rng: Generator) -> None:
    """The amplifier at its limit."""
    drive = signal + size * np.sin(2 * np.pi * rng.uniform(0.3, 2.0) * np.arange(len(signal)) / rate_hz)
    limit = 0.5 * size
    signal[:] = np.clip(drive, -limit, limit) + 0.02 * size * rng.standard_normal(len(signal))


_KINDS = (_movement, _pop, _chewing, _clipping)

"""EMG of the neck: tone per behaviour, movement, twitches, the heart, and what recorders do to it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.ndimage
from jaxtyping import Float
from numpy.random import Generator
from numpy.typing import NDArray

from spindle.simulation.eeg import passage
from spindle.simulation.noise import coloured_noise, drift, frame_frequencies
from spindle.simulation.sleep import Behaviour, Sleep

ENVELOPE_HZ = 4


@dataclass(frozen=True, kw_only=True)
class EmgTraits:
    """One animal's muscle and electrode. Levels are natural logarithms of power over tone in NREM."""

    active: float = 2.8
    quiet: float = 1.1
    rem: float = -0.6
    variability: float = 0.6
    """Standard deviation of the log power within movement; a quarter of it at rest and asleep."""
    posture: float = 0.4
    """Standard deviation of the tone between NREM episodes."""
    settling: float = 0.2
    """Tone left over after an awakening; it fades within `settling_s`."""
    settling_s: float = 120.0
    baseline_drift: float = 0.15
    nrem_twitches_per_min: float = 0.3
    rem_twitches_per_min: float = 2.0
    twitch: float = 1.2
    heart: float = 0.2
    """Amplitude of the electrocardiogram against NREM tone."""
    floor: float = -1.5
    """Log power of the amplifier's noise against NREM tone."""
    eeg_leak: float = 0.05
    """Share of the EEG's amplitude that reaches the EMG electrodes."""
    highpass_hz: float = 10.0


def simulate_emg(
    traits: EmgTraits, sleep: Sleep, eeg: Float[np.ndarray, " samples"], *, rate_hz: int, rng: Generator
) -> Float[np.ndarray, " samples"]:
    """Simulate one EMG; NREM tone has variance near 1."""
    seconds = len(sleep)
    frequencies = frame_frequencies(rate_hz)
    shape = _muscle_spectrum(frequencies, traits.highpass_hz)
    muscle = coloured_noise(
        (lambda first, last: np.broadcast_to(shape, (last - first, len(shape))),),
        seconds=seconds,
        rate_hz=rate_hz,
        coherence=0.0,
        rng=rng,
    )[0]
    level = _log_level(traits, sleep, rng)
    time = np.arange(seconds * rate_hz, dtype=np.float32) / rate_hz
    amplitude = np.interp(time, np.arange(len(level)) / ENVELOPE_HZ, np.exp(0.5 * level)).astype(np.float32)
    signal: NDArray[np.float32] = muscle * amplitude
    signal += np.float32(np.exp(0.5 * traits.floor)) * rng.standard_normal(len(signal), dtype=np.float32)
    signal += np.float32(traits.eeg_leak) * eeg
    if traits.heart > 0:
        signal += np.float32(traits.heart) * _heart(sleep, rate_hz, rng)
    return signal


def _muscle_spectrum(frequencies: NDArray[np.float64], highpass_hz: float) -> NDArray[np.float32]:
    """Log power: a hump of motor-unit potentials around 80 Hz behind a first-order high-pass; mean power 1."""
    f = np.maximum(frequencies, 0.25)
    power = (1 / (1 + (highpass_hz / f) ** 2)) * np.exp(-0.5 * (np.log(f / 80) / 1.4) ** 2)
    return np.asarray(np.log(power / power.mean()), dtype=np.float32)


def _log_level(traits: EmgTraits, sleep: Sleep, rng: Generator) -> Float[np.ndarray, " quarters"]:
    """Log power of the tone, four times a second."""
    shares = np.repeat(passage(sleep, 0.8), ENVELOPE_HZ, axis=0)
    count = len(shares)
    moving = shares[:, Behaviour.ACTIVE]
    level = shares @ np.array([traits.active, traits.quiet, 0.0, traits.rem])
    spread = traits.variability * (0.25 + 0.75 * moving)
    level += spread * (
        0.7 * drift(rng, count, time_constant=2.0)[:, 0] + 0.7 * drift(rng, count, time_constant=40.0)[:, 0]
    )
    level += traits.baseline_drift * drift(rng, count, time_constant=600.0 * ENVELOPE_HZ)[:, 0]
    level += np.repeat(_posture(traits, sleep, rng), ENVELOPE_HZ)
    for behaviour, per_minute in (
        (Behaviour.NREM, traits.nrem_twitches_per_min),
        (Behaviour.REM, traits.rem_twitches_per_min),
    ):
        here = np.flatnonzero(np.repeat(sleep.behaviour == behaviour, ENVELOPE_HZ))
        for start in here[rng.random(len(here)) < per_minute / 60 / ENVELOPE_HZ].tolist():
            level[start : start + 1 + rng.poisson(2.0)] += traits.twitch * rng.exponential(1.0)
    # No twitch is stronger than the muscle: movement and a little more.
    return np.asarray(np.minimum(level, max(traits.active, 2.0) + 2 * traits.variability))


def _posture(traits: EmgTraits, sleep: Sleep, rng: Generator) -> Float[np.ndarray, " seconds"]:
    """Offset of the tone from one awakening to the next, as an animal lies down in another way, and its settling."""
    awake = sleep.behaviour <= Behaviour.QUIET
    episode = np.cumsum(np.diff(awake.astype(np.int8), prepend=0) == 1)
    count = int(episode[-1]) + 1
    offsets = rng.standard_normal(count) * traits.posture
    left_over = np.abs(rng.standard_normal(count)) * traits.settling
    seconds = np.arange(len(sleep))
    last_awake = np.maximum.accumulate(np.where(awake, seconds, -1))
    since_s = np.where(last_awake >= 0, seconds - last_awake, 1e9)
    fading = left_over[episode] * np.exp(-since_s / traits.settling_s) * ~awake
    return np.asarray(scipy.ndimage.gaussian_filter1d(offsets[episode] + fading, 1.0))


def _heart(sleep: Sleep, rate_hz: int, rng: Generator) -> NDArray[np.float32]:
    """Sharp waves at 8–12 Hz, faster in wake."""
    beats_hz = (
        np.where(sleep.behaviour <= Behaviour.QUIET, 10.5, 8.5) + 0.4 * drift(rng, len(sleep), time_constant=20)[:, 0]
    )
    phase = np.cumsum(np.repeat(beats_hz, rate_hz)) / rate_hz
    beat = np.mod(phase, 1.0)
    return np.asarray(4.0 * (np.exp(-0.5 * ((beat - 0.5) / 0.06) ** 2) - 0.15), dtype=np.float32)

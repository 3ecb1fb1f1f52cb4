"""Simulated recordings with known states, for training, tests and demonstrations.

Everything made here is simulated and says so: names, annotations and results carry the word.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.signal
from jaxtyping import Float
from numpy.random import Generator
from numpy.typing import NDArray

from spindle.hypnogram import Hypnogram
from spindle.recording import Channel
from spindle.simulation.artifacts import add_artifacts
from spindle.simulation.eeg import simulate_eeg
from spindle.simulation.emg import simulate_emg
from spindle.simulation.experts import Expert, score
from spindle.simulation.laboratory import COHORTS, Amplifier, Animal, Cohort, draw_animal
from spindle.simulation.sleep import Sleep, SleepHabits, simulate_sleep

__all__ = [
    "COHORTS", "Amplifier", "Animal", "Cohort", "Expert", "Simulated", "SleepHabits", "draw_animal", "simulate",
]  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Simulated:
    """One simulated recording: channels EEG1 (and EEG2) and EMG in microvolts, two experts, and the truth."""

    channels: tuple[Channel, ...]
    experts: tuple[Hypnogram, Hypnogram]
    sleep: Sleep
    animal: Animal


def simulate(animal: Animal, *, seconds: int, rng: Generator) -> Simulated:
    """Simulate `seconds` of one animal; needs about 12 bytes of memory per sample and channel."""
    sleep = simulate_sleep(animal.habits, seconds=seconds, zeitgeber_h=animal.zeitgeber_h, rng=rng)
    amplifier = animal.amplifier
    rate_hz = amplifier.rate_hz
    eeg = simulate_eeg(animal.eeg, animal.electrodes, sleep, rate_hz=rate_hz, coherence=animal.coherence, rng=rng)
    eeg /= eeg.std(axis=1, keepdims=True)
    emg = simulate_emg(animal.emg, sleep, eeg[0], rate_hz=rate_hz, rng=rng)
    disturbance = add_artifacts(animal.artifacts, sleep, eeg, emg, rate_hz=rate_hz, rng=rng)
    recorded = [_record_eeg(signal, amplifier, rng) for signal in eeg]
    labels = ["EEG"] if len(recorded) == 1 else [f"EEG{index + 1}" for index in range(len(recorded))]
    signals = [*recorded, _record_emg(emg, amplifier)]
    first, second = (score(expert, sleep, disturbance, rng) for expert in animal.experts)
    return Simulated(
        channels=tuple(
            Channel.from_array(label, signal, rate_hz) for label, signal in zip([*labels, "EMG"], signals, strict=True)
        ),
        experts=(first, second),
        sleep=sleep,
        animal=animal,
    )


def _record_eeg(signal: Float[np.ndarray, " samples"], amplifier: Amplifier, rng: Generator) -> NDArray[np.float32]:
    if amplifier.mains:
        phase = 2 * np.pi * amplifier.mains_hz * np.arange(len(signal)) / amplifier.rate_hz
        signal = signal + np.float32(amplifier.mains) * np.sin(phase, dtype=np.float32)
    nyquist = amplifier.rate_hz / 2
    if amplifier.eeg_highpass_hz:
        signal = _filter(signal, 1, amplifier.eeg_highpass_hz / nyquist, "highpass")
    if 0 < amplifier.eeg_lowpass_hz < nyquist:
        signal = _filter(signal, 4, amplifier.eeg_lowpass_hz / nyquist, "lowpass")
    noise = np.float32(0.01) * rng.standard_normal(len(signal), dtype=np.float32)  # the converter's last bits
    return np.asarray(amplifier.microvolts * (signal + noise), dtype=np.float32)


def _record_emg(signal: Float[np.ndarray, " samples"], amplifier: Amplifier) -> NDArray[np.float32]:
    recorded = np.float32(amplifier.emg_microvolts) * signal
    return np.abs(recorded) if amplifier.rectified_emg else recorded


def _filter(signal: NDArray[np.float32], order: int, cutoff: float, kind: str) -> NDArray[np.float32]:
    sections = scipy.signal.butter(order, cutoff, kind, output="sos")
    return np.asarray(scipy.signal.sosfilt(sections, signal), dtype=np.float32)

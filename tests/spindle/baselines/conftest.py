"""A simulated mouse whose states are obvious, as signals on the epoch grid with two experts' labels."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from spindle.baselines.base import Labelled
from spindle.montage import choose_montage
from spindle.recording import Channel, Recording
from spindle.signals import EpochSignals, load_signals
from spindle.simulation import Animal, simulate


def mouse(seed: int, *, seconds: int = 2 * 3600) -> Labelled:
    """A mouse with the default traits."""
    simulated = simulate(Animal(), seconds=seconds, rng=np.random.default_rng(seed))
    return load_signals(choose_montage(Recording(name="mouse", channels=simulated.channels))), simulated.experts


@pytest.fixture(scope="session")
def teachers() -> list[Labelled]:
    return [mouse(1, seconds=3600), mouse(2, seconds=3600)]


@pytest.fixture(scope="session")
def judge() -> Labelled:
    return mouse(3)


def scaled(signals: EpochSignals, eeg: float, emg: float) -> EpochSignals:
    """The same signals in other units."""
    first, second = (
        replace(one, samples=one.samples * np.float32(eeg), rms=one.rms * np.float32(eeg)) for one in signals.eeg
    )
    muscle = replace(signals.emg, samples=signals.emg.samples * np.float32(emg), rms=signals.emg.rms * np.float32(emg))
    return replace(signals, eeg=(first, second), emg=muscle)


def noise(epochs: int, *, seed: int = 0, gap: slice = slice(0)) -> EpochSignals:
    """Three channels of white noise, NaN in a gap."""
    rng = np.random.default_rng(seed)
    channels = []
    for label in ("EEG1", "EEG2", "EMG"):
        samples = rng.normal(size=(epochs, 512)).astype(np.float32)
        samples[gap] = np.nan
        channels.append(Channel.from_array(label, samples.ravel(), 128.0))
    return load_signals(choose_montage(Recording(name="noise", channels=tuple(channels))))

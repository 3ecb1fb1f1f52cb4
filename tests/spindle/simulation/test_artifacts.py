from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from spindle.simulation.artifacts import ArtifactTraits, add_artifacts
from spindle.simulation.sleep import Behaviour, SleepHabits, simulate_sleep

RATE_HZ = 16
SECONDS = 12 * 3600


def disturb(
    share: float, *, channels: int = 2, seed: int = 0, size: float = 6.0, seconds: int = SECONDS
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32], NDArray[np.int8]]:
    """What was added to the EEGs and to the EMG, the strength per second, and the behaviour."""
    rng = np.random.default_rng(seed)
    sleep = simulate_sleep(SleepHabits(), seconds=seconds, zeitgeber_h=0.0, rng=rng)
    eeg = rng.standard_normal((channels, seconds * RATE_HZ), dtype=np.float32)
    emg = rng.standard_normal(seconds * RATE_HZ, dtype=np.float32)
    eeg_before, emg_before = eeg.copy(), emg.copy()
    strength = add_artifacts(ArtifactTraits(share=share, size=size), sleep, eeg, emg, rate_hz=RATE_HZ, rng=rng)
    return eeg - eeg_before, emg - emg_before, strength, sleep.behaviour


def per_second(added: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.abs(added).reshape(*added.shape[:-1], -1, RATE_HZ).max(axis=-1)


def test_a_share_of_zero_changes_nothing() -> None:
    eeg, emg, strength, _ = disturb(0.0)
    assert not eeg.any()
    assert not emg.any()
    assert not strength.any()


@pytest.mark.parametrize("share", [0.01, 0.05, 0.1])
def test_about_the_wanted_share_of_time_is_disturbed(share: float) -> None:
    """Disturbances overlap and end at 40 s, so somewhat less than the share is."""
    found = np.mean([np.mean(disturb(share, seed=seed)[2] > 0) for seed in range(4)])
    assert 0.75 * share < found < 1.1 * share


def test_signals_change_where_a_disturbance_is_reported_and_nowhere_else() -> None:
    eeg, emg, strength, _ = disturb(0.05)
    changed = (per_second(eeg).max(axis=0) > 0) | (per_second(emg) > 0)
    assert not np.any(changed & (strength == 0))
    assert np.mean(changed[strength > 0]) > 0.95
    assert strength.min() >= 0
    assert strength.max() <= 1


def test_larger_disturbances_are_reported_as_stronger() -> None:
    small, large = (disturb(0.05, size=size)[2] for size in (1.5, 8.0))
    assert small[small > 0].mean() < 0.6 < large[large > 0].mean()


def test_movement_is_disturbed_more_often_than_sleep() -> None:
    _, _, strength, behaviour = disturb(0.05)
    moving, asleep = behaviour == Behaviour.ACTIVE, behaviour >= Behaviour.NREM
    assert np.mean(strength[moving] > 0) > 4 * np.mean(strength[asleep] > 0)
    assert np.any(strength[asleep] > 0)


@pytest.mark.parametrize("channels", [1, 2])
def test_one_or_two_eegs_can_be_disturbed(channels: int) -> None:
    eeg, _, strength, _ = disturb(0.05, channels=channels, seconds=3600)
    assert np.all(np.isfinite(eeg))
    assert np.any(strength > 0)


def test_a_recording_of_one_epoch_can_be_disturbed() -> None:
    for seed in range(20):
        eeg, _, _, _ = disturb(0.9, seed=seed, seconds=4)
        assert np.all(np.isfinite(eeg))

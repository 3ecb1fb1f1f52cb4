from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from spindle.simulation.emg import EmgTraits, simulate_emg
from spindle.simulation.fit import band_power
from spindle.simulation.sleep import Behaviour, Sleep

from .sleeps import blocks

RATE_HZ = 128
SECONDS = 600
ORDER = (Behaviour.NREM, Behaviour.ACTIVE, Behaviour.QUIET, Behaviour.REM)
COURSE = blocks(*((behaviour, SECONDS) for behaviour in ORDER))


def simulate(course: Sleep = COURSE, seed: int = 0, **changes: float) -> NDArray[np.float32]:
    traits = replace(EmgTraits(), **changes)
    eeg = np.random.default_rng(99).standard_normal(len(course) * RATE_HZ, dtype=np.float32)
    return simulate_emg(traits, course, eeg, rate_hz=RATE_HZ, rng=np.random.default_rng(seed))


def log_power(signal: NDArray[np.float32]) -> dict[Behaviour, float]:
    """Mean over epochs of log mean square, without the first and last 8 s of each behaviour."""
    squares = np.log((signal.reshape(len(ORDER), SECONDS // 4, -1) ** 2).mean(axis=2))[:, 2:-2]
    return dict(zip(ORDER, squares.mean(axis=1).tolist(), strict=True))


def test_the_emg_has_all_samples_and_its_nrem_tone_a_power_near_1() -> None:
    course = blocks((Behaviour.NREM, 900))
    signal = simulate(course, floor=-9.0, heart=0.0, eeg_leak=0.0, posture=0.0, baseline_drift=0.0)
    assert signal.shape == (900 * RATE_HZ,)
    assert signal.var() == pytest.approx(1.0, rel=0.15)


def test_muscles_are_tense_in_movement_less_at_rest_and_least_asleep() -> None:
    power = log_power(simulate())
    assert power[Behaviour.ACTIVE] > power[Behaviour.QUIET] + 0.5
    assert power[Behaviour.QUIET] > power[Behaviour.NREM] + 0.5
    assert power[Behaviour.NREM] >= power[Behaviour.REM]


def test_atonia_of_rem_is_as_deep_as_its_trait() -> None:
    plain = {"posture": 0.0, "baseline_drift": 0.0, "floor": -9.0, "heart": 0.0, "eeg_leak": 0.0, "variability": 0.0}
    power = log_power(simulate(rem=-1.0, nrem_twitches_per_min=0.0, rem_twitches_per_min=0.0, **plain))
    assert power[Behaviour.REM] - power[Behaviour.NREM] == pytest.approx(-1.0, abs=0.15)


def test_twitches_make_rem_restless() -> None:
    def spread(per_minute: float) -> float:
        signal = simulate(rem_twitches_per_min=per_minute, twitch=2.0)[-SECONDS * RATE_HZ :]
        return float(np.log((signal.reshape(SECONDS, -1) ** 2).mean(axis=1)).std())

    assert spread(20.0) > spread(0.0) + 0.15


def test_the_amplifiers_noise_is_a_floor_under_every_tone() -> None:
    power = log_power(simulate(floor=2.0))
    assert power[Behaviour.REM] == pytest.approx(2.0, abs=0.3)


def test_the_heart_adds_harmonics_of_its_beat() -> None:
    band = {"heart": (7.5, 11.5)}
    quiet, loud = (band_power(simulate(heart=heart)[: SECONDS * RATE_HZ], RATE_HZ, band).mean() for heart in (0.0, 1.0))
    assert loud > 2 * quiet


def test_a_share_of_the_eeg_leaks_into_the_emg() -> None:
    course = blocks((Behaviour.NREM, 300))
    eeg = np.random.default_rng(99).standard_normal(300 * RATE_HZ, dtype=np.float32)
    dry, leaking = (np.corrcoef(simulate(course, eeg_leak=leak, heart=0.0), eeg)[0, 1] for leak in (0.0, 0.5))
    assert abs(dry) < 0.03
    assert leaking > 0.25


def test_another_seed_gives_another_emg() -> None:
    course = blocks((Behaviour.NREM, 20))
    assert np.array_equal(simulate(course, 1), simulate(course, 1))
    assert not np.array_equal(simulate(course, 1), simulate(course, 2))

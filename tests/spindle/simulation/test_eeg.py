from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from spindle.simulation.eeg import EegTraits, Electrode, passage, simulate_eeg
from spindle.simulation.fit import band_power
from spindle.simulation.sleep import Behaviour, Sleep

from .sleeps import blocks

RATE_HZ = 128
SECONDS = 400
COURSE = blocks(
    (Behaviour.ACTIVE, SECONDS), (Behaviour.QUIET, SECONDS), (Behaviour.NREM, SECONDS), (Behaviour.REM, SECONDS)
)
DELTA, THETA, ALPHA, BETA, GAMMA = range(5)


def simulate(
    course: Sleep = COURSE, electrodes: tuple[Electrode, ...] = (Electrode(),), seed: int = 0, **changes: float
) -> NDArray[np.float32]:
    traits = replace(EegTraits(), **changes)
    rng = np.random.default_rng(seed)
    return simulate_eeg(traits, electrodes, course, rate_hz=RATE_HZ, coherence=0.7, rng=rng)


def log_bands(signal: NDArray[np.float32]) -> NDArray[np.float64]:
    """Mean log power, (behaviour, band), without the first and last 20 s of each."""
    power = np.log(band_power(signal, RATE_HZ)).reshape(4, SECONDS // 4, -1)
    return np.asarray(power[:, 5:-5].mean(axis=1))


@pytest.fixture(scope="module")
def bands() -> NDArray[np.float64]:
    return log_bands(simulate()[0])


def test_there_is_one_signal_per_electrode_with_all_samples() -> None:
    short = blocks((Behaviour.NREM, 21))
    assert simulate(short).shape == (1, 21 * RATE_HZ)
    assert simulate(short, (Electrode(), Electrode(parietal=0.1))).shape == (2, 21 * RATE_HZ)


def test_nrem_has_more_delta_than_any_other_state(bands: NDArray[np.float64]) -> None:
    others = [Behaviour.ACTIVE, Behaviour.QUIET, Behaviour.REM]
    assert np.all(bands[Behaviour.NREM, DELTA] > bands[others, DELTA] + 0.8)


def test_rem_has_more_theta_over_delta_than_nrem_and_quiet_wake(bands: NDArray[np.float64]) -> None:
    ratio = bands[:, THETA] - bands[:, DELTA]
    assert ratio[Behaviour.REM] > ratio[Behaviour.QUIET] + 0.5
    assert ratio[Behaviour.REM] > ratio[Behaviour.NREM] + 1.0


def test_movement_has_more_fast_theta_than_rest() -> None:
    power = np.log(band_power(simulate()[0], RATE_HZ, {"fast theta": (7.0, 9.0)})).reshape(4, -1).mean(axis=1)
    assert power[Behaviour.ACTIVE] > power[Behaviour.QUIET] + 0.2


def test_quiet_wake_has_a_power_near_1() -> None:
    course = blocks((Behaviour.QUIET, 600))
    signal = simulate(course, slope=0.0, quiet_theta=0.0, gamma=0.0, fluctuation=0.0)
    assert signal.var() == pytest.approx(1.0, rel=0.1)


@pytest.mark.parametrize(
    ("trait", "state", "band"),
    [
        ("nrem_delta", Behaviour.NREM, DELTA),
        ("nrem_lift", Behaviour.NREM, ALPHA),
        ("rem_theta", Behaviour.REM, THETA),
        ("active_theta", Behaviour.ACTIVE, THETA),
        ("quiet_theta", Behaviour.QUIET, THETA),
        ("gamma", Behaviour.REM, GAMMA),
    ],
)
def test_a_trait_raises_its_band_in_its_state_alone(trait: str, state: Behaviour, band: int) -> None:
    low, high = (log_bands(simulate(**{trait: height})[0]) for height in (0.2, 1.4))
    change = high - low
    assert change[state, band] > 0.25
    asleep = Behaviour.NREM if state is not Behaviour.NREM else Behaviour.REM
    assert abs(change[asleep, band]) < 0.1


def test_a_frontal_electrode_sees_more_delta_of_nrem_and_less_theta_of_rem_than_a_parietal_one() -> None:
    frontal, parietal = simulate(COURSE, (Electrode(parietal=0.0), Electrode(parietal=1.0)))
    difference = log_bands(frontal) - log_bands(parietal)
    assert difference[Behaviour.NREM, DELTA] > 0.1
    assert difference[Behaviour.REM, THETA] < -0.4


def test_noise_of_the_electrode_fills_the_highest_frequencies_first() -> None:
    quiet, noisy = (log_bands(simulate(COURSE, (Electrode(noise=noise),))[0]) for noise in (-9.0, -0.5))
    rise = (noisy - quiet)[Behaviour.QUIET]
    assert rise[GAMMA] > rise[BETA] > rise[DELTA]
    assert rise[GAMMA] > 0.5


def test_spindles_add_sigma_to_nrem_alone() -> None:
    sigma = {"sigma": (10.0, 14.0)}
    without, with_spindles = (
        band_power(simulate(spindles_per_min=rate)[0], RATE_HZ, sigma).reshape(4, -1).mean(axis=1)
        for rate in (0.0, 12.0)
    )
    ratio = with_spindles / without
    assert ratio[Behaviour.NREM] > 1.15
    assert ratio[[Behaviour.ACTIVE, Behaviour.QUIET]] == pytest.approx([1.0, 1.0], abs=0.02)


def test_higher_sleep_pressure_deepens_nrem() -> None:
    rested = blocks((Behaviour.NREM, 800))
    tired = replace(rested, pressure=np.full(800, 0.9, dtype=np.float32))
    low, high = (np.log(band_power(simulate(course)[0], RATE_HZ)).mean(axis=0) for course in (rested, tired))
    assert high[DELTA] > low[DELTA] + 0.1
    assert high[BETA] == pytest.approx(low[BETA], abs=0.05)


def test_states_pass_into_each_other_around_the_boundary() -> None:
    shares = passage(blocks((Behaviour.QUIET, 50), (Behaviour.NREM, 50)), 2.5)
    assert shares.sum(axis=1) == pytest.approx(np.ones(100), abs=1e-5)
    assert shares[[20, 80], [Behaviour.QUIET, Behaviour.NREM]] == pytest.approx([1.0, 1.0])
    assert np.all(np.diff(shares[40:60, Behaviour.NREM]) >= 0)
    assert shares[49:51, Behaviour.NREM].mean() == pytest.approx(0.5, abs=1e-3)

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from spindle.hypnogram import Hypnogram, Stage
from spindle.simulation.experts import Expert, score
from spindle.simulation.sleep import Behaviour, Sleep, SleepHabits, simulate_sleep

from .sleeps import blocks

W, N, R = Stage.WAKE.code, Stage.NREM.code, Stage.REM.code
EXACT = Expert(boundary_s=0.0, misses_brief=0.0)


def label(expert: Expert, sleep: Sleep, disturbance: NDArray[np.float32] | None = None, seed: int = 0) -> Hypnogram:
    calm = np.zeros(len(sleep), dtype=np.float32)
    return score(expert, sleep, calm if disturbance is None else disturbance, np.random.default_rng(seed))


def night(seed: int = 0, hours: float = 12) -> Sleep:
    rng = np.random.default_rng(seed)
    return simulate_sleep(SleepHabits(), seconds=int(hours * 3600), zeitgeber_h=0.0, rng=rng)


def test_an_exact_expert_sees_what_happens() -> None:
    sleep = blocks((Behaviour.ACTIVE, 8), (Behaviour.QUIET, 4), (Behaviour.NREM, 16), (Behaviour.REM, 8))
    assert label(EXACT, sleep).codes.tolist() == [W, W, W, N, N, N, N, R, R]


def test_an_epoch_gets_the_state_that_fills_most_of_it() -> None:
    sleep = blocks((Behaviour.ACTIVE, 5), (Behaviour.NREM, 6), (Behaviour.ACTIVE, 5))
    assert label(EXACT, sleep).codes.tolist() == [W, N, N, W]


def test_a_last_part_of_an_epoch_is_dropped() -> None:
    assert len(label(EXACT, blocks((Behaviour.NREM, 11)))) == 2


@given(
    seed=st.integers(0, 10**6),
    boundary_s=st.floats(0, 30),
    misses_brief=st.floats(0, 1),
    habits=st.builds(
        SleepHabits,
        rem_share=st.floats(0, 0.6),
        brief_wake_s=st.floats(2, 10),
        nrem_s=st.floats(6, 60),
        rem_s=st.floats(8, 40),
    ),
)
@settings(max_examples=40)
def test_no_expert_ever_gives_a_forbidden_transition(
    seed: int, boundary_s: float, misses_brief: float, habits: SleepHabits
) -> None:
    sleep = simulate_sleep(habits, seconds=6000, zeitgeber_h=0.0, rng=np.random.default_rng(seed))
    codes = label(Expert(boundary_s=boundary_s, misses_brief=misses_brief), sleep, seed=seed).codes
    pairs = set(zip(codes[:-1].tolist(), codes[1:].tolist(), strict=True))
    assert not {(W, R), (R, N)} & pairs


def test_experts_agree_the_less_the_less_they_care_about_boundaries() -> None:
    sleep = night()
    exact = label(EXACT, sleep).codes
    shares = [np.mean(label(Expert(boundary_s=s, misses_brief=0.0), sleep).codes == exact) for s in (0.5, 3.0, 12.0)]
    assert shares[0] > shares[1] > shares[2]
    assert shares[0] > 0.98


def test_a_careless_expert_overlooks_every_short_awakening() -> None:
    sleep = blocks((Behaviour.NREM, 40), (Behaviour.ACTIVE, 4), (Behaviour.NREM, 40), (Behaviour.ACTIVE, 40))
    assert W in label(EXACT, sleep).codes[:20]
    careless = label(replace(EXACT, misses_brief=1.0), sleep).codes
    assert np.all(careless[:21] == N)
    assert np.all(careless[21:] == W)


@pytest.mark.parametrize(("strictness", "expected"), [(0.0, [False, True, True]), (0.5, [False, False, True])])
def test_an_epoch_is_an_artifact_where_its_mean_disturbance_exceeds_the_experts_limit(
    strictness: float, expected: list[bool]
) -> None:
    disturbance = np.array([0, 0, 0, 0, 1, 0, 0, 0.2, 1, 1, 0.5, 0], dtype=np.float32)
    found = label(replace(EXACT, artifact_strictness=strictness), blocks((Behaviour.ACTIVE, 12)), disturbance)
    assert found.artifact.tolist() == expected


def test_without_a_disturbance_nobody_sees_an_artifact() -> None:
    assert not label(Expert(artifact_strictness=0.0), night(hours=1)).artifact.any()


def test_the_same_generator_gives_the_same_labels_and_another_one_others() -> None:
    sleep, expert = night(hours=4), Expert(boundary_s=4.0)
    first, again, other = (label(expert, sleep, seed=seed).codes for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)

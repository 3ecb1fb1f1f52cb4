from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spindle.simulation.sleep import Behaviour, Sleep, SleepHabits, simulate_sleep

AWAKE = (Behaviour.ACTIVE, Behaviour.QUIET)


def simulate(seed: int = 0, hours: float = 24, zeitgeber_h: float = 0.0, **changes: float) -> Sleep:
    habits = replace(SleepHabits(), **changes)
    return simulate_sleep(habits, seconds=int(hours * 3600), zeitgeber_h=zeitgeber_h, rng=np.random.default_rng(seed))


def state(sleep: Sleep) -> np.ndarray:
    """0 wake, 1 NREM, 2 REM."""
    return np.maximum(sleep.behaviour.astype(int) - 1, 0)


def whole_bouts(sleep: Sleep, wanted: int) -> np.ndarray:
    edges = np.flatnonzero(np.diff(state(sleep))) + 1
    return np.diff(edges)[state(sleep)[edges[:-1]] == wanted]


@given(seed=st.integers(0, 10**6), rem_share=st.floats(0.0, 0.6), zeitgeber_h=st.floats(0, 24))
@settings(max_examples=25)
def test_wake_never_turns_into_rem_and_rem_never_into_nrem(seed: int, rem_share: float, zeitgeber_h: float) -> None:
    course = state(simulate(seed, hours=3, zeitgeber_h=zeitgeber_h, rem_share=rem_share))
    pairs = set(zip(course[:-1].tolist(), course[1:].tolist(), strict=True))
    assert (0, 2) not in pairs
    assert (2, 1) not in pairs


@given(seed=st.integers(0, 10**6), seconds=st.integers(1, 5000))
@settings(max_examples=25)
def test_every_second_has_a_behaviour_an_age_and_a_pressure_between_0_and_1(seed: int, seconds: int) -> None:
    sleep = simulate_sleep(SleepHabits(), seconds=seconds, zeitgeber_h=0.0, rng=np.random.default_rng(seed))
    assert len(sleep) == len(sleep.bout_age_s) == len(sleep.pressure) == seconds
    assert set(sleep.behaviour.tolist()) <= {behaviour.value for behaviour in Behaviour}
    assert np.all((sleep.pressure >= 0) & (sleep.pressure <= 1))


def test_the_age_counts_the_seconds_since_the_state_began() -> None:
    sleep = simulate(hours=6)
    begins = np.flatnonzero(np.diff(state(sleep), prepend=-1))
    expected = np.arange(len(sleep)) - np.repeat(begins, np.diff(np.append(begins, len(sleep))))
    assert np.array_equal(sleep.bout_age_s, expected)


def test_pressure_rises_in_wake_falls_in_nrem_and_rests_in_rem() -> None:
    sleep = simulate(hours=12)
    change, course = np.diff(sleep.pressure), state(sleep)[1:]
    assert np.all(change[course == 0] > 0)
    assert np.all(change[course == 1] < 0)
    assert np.all(change[course == 2] == 0)


def test_the_same_seed_gives_the_same_sleep_and_another_one_another() -> None:
    first, again, other = simulate(1, hours=2), simulate(1, hours=2), simulate(2, hours=2)
    assert np.array_equal(first.behaviour, again.behaviour)
    assert not np.array_equal(first.behaviour, other.behaviour)


@pytest.mark.parametrize(("wanted", "name"), [(1, "nrem_s"), (2, "rem_s")])
def test_bouts_of_sleep_have_the_median_of_the_habits(wanted: int, name: str) -> None:
    lengths = np.concatenate([whole_bouts(simulate(seed), wanted) for seed in range(8)])
    assert np.median(lengths) == pytest.approx(getattr(SleepHabits(), name), rel=0.12)


def test_rem_ends_as_large_a_share_of_nrem_as_the_habits_say() -> None:
    course = state(simulate(hours=240, circadian=0.0, rem_share=0.3))
    ends = course[1:][(course[:-1] == 1) & (course[1:] != 1)]
    assert np.mean(ends == 2) == pytest.approx(0.3, abs=0.03)


def test_animals_are_more_awake_in_darkness_than_in_light() -> None:
    awake = np.stack([state(simulate(seed, circadian=1.5)) == 0 for seed in range(8)])
    light, darkness = awake[:, : 12 * 3600].mean(), awake[:, 12 * 3600 :].mean()
    assert darkness > light + 0.1


def test_without_a_circadian_drive_the_time_of_day_changes_nothing() -> None:
    noon, midnight = (simulate(3, hours=4, circadian=0.0, zeitgeber_h=zeitgeber_h) for zeitgeber_h in (6.0, 18.0))
    assert np.array_equal(noon.behaviour, midnight.behaviour)


def test_both_kinds_of_wake_occur_and_a_long_bout_ends_at_rest() -> None:
    sleep = simulate()
    ends = np.flatnonzero((state(sleep)[:-1] == 0) & (state(sleep)[1:] == 1))
    long = ends[sleep.bout_age_s[ends] > 600]
    assert set(AWAKE) <= {Behaviour(value) for value in np.unique(sleep.behaviour).tolist()}
    assert len(long) > 3
    assert np.all(sleep.behaviour[long] == Behaviour.QUIET)

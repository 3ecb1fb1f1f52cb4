"""Which state an animal is in, second by second: a semi-Markov process under a circadian and a homeostatic drive.

Bouts are log-normal. Defaults are fitted to a real mouse's 37,660 expert labels (`fit.py` draws the comparison).
REM follows only NREM, and wake always follows REM, as in every recording of the thesis (A, 5.3.3).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from jaxtyping import Float, Int
from numpy.random import Generator

RISE_H = 8.0
"""Sleep pressure builds up in wake with this time constant (two-process model, Borbély et al. 2016)."""
FALL_H = 2.5
"""… and falls in NREM with this one."""


class Behaviour(IntEnum):
    """What the body does; the two kinds of wake look different on both EEG and EMG."""

    ACTIVE = 0
    QUIET = 1
    NREM = 2
    REM = 3


@dataclass(frozen=True, kw_only=True)
class SleepHabits:
    """Bout statistics. Medians in seconds, spreads are standard deviations of the logarithm."""

    brief_wake_s: float = 5.0
    brief_wake_spread: float = 1.05
    long_wake_s: float = 800.0
    long_wake_spread: float = 1.3
    long_wake_share: float = 0.055
    """Chance that NREM ends in a long wake bout, in the middle of both drives."""
    nrem_s: float = 64.0
    nrem_spread: float = 0.83
    rem_s: float = 50.0
    rem_spread: float = 0.8
    rem_share: float = 0.22
    """Chance that NREM ends in REM."""
    circadian: float = 1.0
    """Swing of the log-odds of long wake between the middle of light and of darkness."""
    homeostatic: float = 3.0
    """Change of those log-odds from no sleep pressure to the highest."""
    active_share: float = 0.6
    """Share of a long wake bout spent in movement."""


@dataclass(frozen=True, kw_only=True)
class Sleep:
    """One value per second: behaviour, seconds since the bout began, and sleep pressure in [0, 1]."""

    behaviour: Int[np.ndarray, " seconds"]
    bout_age_s: Float[np.ndarray, " seconds"]
    pressure: Float[np.ndarray, " seconds"]

    def __len__(self) -> int:
        return len(self.behaviour)


def simulate_sleep(habits: SleepHabits, *, seconds: int, zeitgeber_h: float, rng: Generator) -> Sleep:
    """Simulate `seconds` of behaviour from a random state; lights go on at zeitgeber 0 and off at 12."""
    behaviour = np.empty(seconds, dtype=np.int8)
    age = np.empty(seconds, dtype=np.float32)
    pressure = np.empty(seconds, dtype=np.float32)
    level = float(rng.uniform(0.2, 0.7))
    state = Behaviour.NREM if rng.random() < 0.5 else Behaviour.ACTIVE
    long = state is Behaviour.ACTIVE
    now = 0
    while now < seconds:
        clock = (zeitgeber_h + now / 3600) % 24
        night = -np.sin(2 * np.pi * clock / 24)  # −1 in the middle of light, 1 in the middle of darkness
        length = _bout_length(habits, state, long, night, rng)
        here = slice(now, min(now + length, seconds))
        count = here.stop - here.start
        behaviour[here] = _wake_course(habits, count, long, rng) if state is Behaviour.ACTIVE else state
        age[here] = np.arange(count)
        pressure[here] = _pressure_course(level, state, count)
        level = float(pressure[here.stop - 1])
        now = here.stop
        state, long = _next_state(habits, state, night, level, rng)
    return Sleep(behaviour=behaviour, bout_age_s=age, pressure=pressure)


def _bout_length(habits: SleepHabits, state: Behaviour, long: bool, night: float, rng: Generator) -> int:
    if state is Behaviour.NREM:
        median, spread, shortest = habits.nrem_s, habits.nrem_spread, 6
    elif state is Behaviour.REM:
        median, spread, shortest = habits.rem_s, habits.rem_spread, 8
    elif long:
        median, spread, shortest = (
            habits.long_wake_s * np.exp(0.4 * habits.circadian * night),
            habits.long_wake_spread,
            40,
        )
    else:
        median, spread, shortest = habits.brief_wake_s, habits.brief_wake_spread, 3
    return max(shortest, round(float(median * np.exp(spread * rng.standard_normal()))))


def _next_state(
    habits: SleepHabits, state: Behaviour, night: float, pressure: float, rng: Generator
) -> tuple[Behaviour, bool]:
    """Return the next state, and whether it is a long wake bout."""
    if state is Behaviour.ACTIVE:
        return Behaviour.NREM, False
    if state is Behaviour.NREM and rng.random() < habits.rem_share * (1 - 0.3 * habits.circadian * night):
        return Behaviour.REM, False
    share = habits.long_wake_share
    log_odds = np.log(share / (1 - share)) + habits.circadian * night - habits.homeostatic * (pressure - 0.5)
    return Behaviour.ACTIVE, bool(rng.random() < 1 / (1 + np.exp(-log_odds)))


def _wake_course(habits: SleepHabits, seconds: int, long: bool, rng: Generator) -> Int[np.ndarray, " seconds"]:
    """Movement and rest within a wake bout; a long one ends at rest, as animals settle before they sleep."""
    if not long:
        return np.full(seconds, Behaviour.ACTIVE if rng.random() < 0.75 else Behaviour.QUIET, dtype=np.int8)
    course = np.empty(seconds, dtype=np.int8)
    now, active = 0, True
    while now < seconds:
        share = habits.active_share if active else 1 - habits.active_share
        length = max(4, round(float(120 * share * np.exp(0.8 * rng.standard_normal()))))
        course[now : now + length] = Behaviour.ACTIVE if active else Behaviour.QUIET
        now, active = now + length, not active
    course[max(0, seconds - int(rng.uniform(5, 60))) :] = Behaviour.QUIET
    return course


def _pressure_course(level: float, state: Behaviour, seconds: int) -> Float[np.ndarray, " seconds"]:
    hours = np.arange(1, seconds + 1) / 3600
    if state is Behaviour.NREM:
        return np.asarray(level * np.exp(-hours / FALL_H))
    if state is Behaviour.REM:
        return np.full(seconds, level)
    return np.asarray(1 - (1 - level) * np.exp(-hours / RISE_H))

from __future__ import annotations

from dataclasses import replace
from itertools import islice

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spindle.agreement import ArtifactAgreement, Comparison, evaluate, state_agreement
from spindle.simulation import COHORTS, Amplifier, Animal, draw_animal, simulate
from spindle.simulation.artifacts import add_artifacts
from spindle.simulation.experts import score
from spindle.simulation.files import cohort
from spindle.simulation.sleep import simulate_sleep

TABLE_5_2 = {"A": (4, 0, 128, 0.152), "B": (0, 4, 128, 0.192), "C": (8, 0, 200, 0.213), "D": (6, 0, 512, 0.0)}
"""Thesis A: wildtypes, mutants, sampling rate, mean share of artifacts of the experts."""
STATES_5_7 = {"A": 0.969, "B": 0.945, "C": 0.900, "D": 0.941}
ARTIFACTS_5_9 = {"A": 0.292, "B": 0.225, "C": 0.321}


def quarrel(name: str) -> tuple[float, float, float]:
    """Mean artifact share of both experts, and their agreement on states and artifacts, over days of four animals.

    The experts see behaviour and disturbances, not signals, so signals need not be simulated at full rate.
    """
    shares = []
    found: list[Comparison] = []
    for plan in islice(cohort(name, hours=24, seed=0), 4):
        rng = np.random.default_rng(plan.seed)
        sleep = simulate_sleep(plan.animal.habits, seconds=plan.seconds, zeitgeber_h=0.0, rng=rng)
        eeg = rng.standard_normal((2, 4 * plan.seconds), dtype=np.float32)
        disturbance = add_artifacts(plan.animal.artifacts, sleep, eeg, eeg[0].copy(), rate_hz=4, rng=rng)
        first, second = (score(expert, sleep, disturbance, rng) for expert in plan.animal.experts)
        shares.append((first.artifact.mean() + second.artifact.mean()) / 2)
        found += evaluate(first, [second]).comparisons
    confusion = np.sum([comparison.states.confusion for comparison in found], axis=0)
    both, either = (sum(getattr(comparison.artifacts, side) for comparison in found) for side in ("both", "either"))
    agreement = ArtifactAgreement(both=both, either=either).agreement
    return float(np.mean(shares)), float(np.trace(confusion) / confusion.sum()), agreement


@pytest.mark.parametrize("name", TABLE_5_2)
def test_cohorts_have_the_animals_rates_and_electrodes_of_table_5_2(name: str) -> None:
    wild, mutant, rate_hz, _ = TABLE_5_2[name]
    chosen = COHORTS[name]
    animals = [plan.animal for plan in cohort(name, hours=24, seed=0)]
    assert (chosen.wild, chosen.mutant) == (wild, mutant)
    assert len(animals) == wild + mutant
    assert {animal.amplifier.rate_hz for animal in animals} == {rate_hz}
    sides = {tuple(electrode.parietal > 0.5 for electrode in animal.electrodes) for animal in animals}
    assert sides == {(True, True) if name == "C" else (False, True)}


@pytest.mark.parametrize("name", TABLE_5_2)
def test_experts_quarrel_as_much_as_those_of_the_thesis(name: str) -> None:
    share, states, artifacts = quarrel(name)
    assert share == pytest.approx(TABLE_5_2[name][3], abs=0.02)
    assert states == pytest.approx(STATES_5_7[name], abs=0.012)
    if name in ARTIFACTS_5_9:
        assert artifacts == pytest.approx(ARTIFACTS_5_9[name], abs=0.05)


def test_cohort_mates_differ_less_than_laboratories() -> None:
    def spread(animals: list[Animal]) -> float:
        return float(np.std([animal.eeg.slope for animal in animals]))

    mates = [COHORTS["A"].draw(index, np.random.default_rng(index)) for index in range(30)]
    strangers = [draw_animal(np.random.default_rng(index)) for index in range(30)]
    assert 0 < spread(mates) < 0.5 * spread(strangers)


@given(seed=st.integers(0, 10**6))
@settings(max_examples=15)
def test_any_animal_that_can_be_drawn_gives_finite_signals_of_the_right_length(seed: int) -> None:
    rng = np.random.default_rng(seed)
    animal = draw_animal(rng)
    simulated = simulate(animal, seconds=48, rng=rng)
    labels = [channel.label for channel in simulated.channels]
    assert labels == (["EEG", "EMG"] if len(animal.electrodes) == 1 else ["EEG1", "EEG2", "EMG"])
    for channel in simulated.channels:
        signal = channel.read(0, channel.samples)
        assert channel.rate_hz == animal.amplifier.rate_hz
        assert channel.samples == len(signal) == 48 * animal.amplifier.rate_hz
        assert np.all(np.isfinite(signal))
        assert signal.std() > 0.1
    assert [len(expert) for expert in simulated.experts] == [12, 12]


@pytest.mark.parametrize("rectified", [False, True])
def test_a_rectified_emg_is_never_negative_and_a_plain_one_is(rectified: bool) -> None:
    animal = Animal(amplifier=Amplifier(rectified_emg=rectified))
    emg = simulate(animal, seconds=60, rng=np.random.default_rng(0)).channels[-1]
    assert bool(emg.read(0, emg.samples).min() >= 0) is rectified


def test_a_high_pass_takes_the_slow_waves_and_a_low_pass_the_fast_ones() -> None:
    def slow_and_fast(amplifier: Amplifier) -> tuple[float, float]:
        eeg = simulate(Animal(amplifier=amplifier), seconds=400, rng=np.random.default_rng(0)).channels[0]
        power = np.abs(np.fft.rfft(eeg.read(0, eeg.samples))) ** 2
        frequencies = np.fft.rfftfreq(eeg.samples, 1 / eeg.rate_hz)
        return float(power[(frequencies > 0.05) & (frequencies < 0.5)].sum()), float(power[frequencies > 45].sum())

    open_band = slow_and_fast(Amplifier(eeg_highpass_hz=0.0))
    narrow = slow_and_fast(Amplifier(eeg_highpass_hz=2.0, eeg_lowpass_hz=25.0))
    assert narrow[0] < 0.2 * open_band[0]
    assert narrow[1] < 0.2 * open_band[1]


def test_gain_scales_the_eeg_in_microvolts() -> None:
    def deviation(microvolts: float) -> float:
        animal = replace(Animal(), amplifier=Amplifier(microvolts=microvolts))
        eeg = simulate(animal, seconds=60, rng=np.random.default_rng(0)).channels[0]
        return float(eeg.read(0, eeg.samples).std())

    assert deviation(200.0) / deviation(50.0) == pytest.approx(4.0, rel=1e-3)


def test_both_experts_score_what_the_animal_did() -> None:
    simulated = simulate(Animal(), seconds=7200, rng=np.random.default_rng(0))
    truth = np.maximum(simulated.sleep.behaviour[2::4].astype(np.int8) - 1, 0).astype(np.int8)
    for expert in simulated.experts:
        assert state_agreement(truth, expert.codes).accuracy > 0.93

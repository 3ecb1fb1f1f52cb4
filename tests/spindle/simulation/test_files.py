from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from spindle.edf import read_edf
from spindle.labels import read_labels
from spindle.montage import choose_montages
from spindle.simulation import COHORTS
from spindle.simulation.files import Plan, cohort, laboratories, one

HOURS = 0.1


def bytes_of(plan: Plan, folder: Path) -> list[bytes]:
    folder.mkdir()
    plan.write(folder)
    return [path.read_bytes() for path in sorted(folder.iterdir())]


@pytest.mark.parametrize("plan", [one("mouse", hours=HOURS, seed=1), next(laboratories(1, hours=(0.05, 0.1), seed=1))])
def test_the_same_plan_gives_the_same_bytes(plan: Plan, tmp_path: Path) -> None:
    assert bytes_of(plan, tmp_path / "first") == bytes_of(plan, tmp_path / "again")


def test_another_seed_gives_another_recording(tmp_path: Path) -> None:
    first, other = (one("mouse", hours=HOURS, seed=seed) for seed in (1, 2))
    pairs = zip(bytes_of(first, tmp_path / "first"), bytes_of(other, tmp_path / "other"), strict=True)
    assert all(mine != theirs for mine, theirs in pairs)


def test_animals_of_a_cohort_differ() -> None:
    plans = list(cohort("A", hours=HOURS, seed=0))
    assert len({plan.name for plan in plans}) == len({plan.animal for plan in plans}) == 4
    first, second = (plan.simulate().channels[0].read(0, 1000) for plan in plans[:2])
    assert not np.array_equal(first, second)


def test_a_written_recording_reads_back_with_its_channels_and_says_that_it_is_simulated(tmp_path: Path) -> None:
    plan = one("mouse", hours=HOURS, seed=3)
    recording = read_edf(plan.write(tmp_path))
    simulated = plan.simulate()
    assert recording.labels == ("EEG1", "EEG2", "EMG")
    assert [note.text for note in recording.annotations] == ["Simulated recording"]
    for written, made in zip(recording.channels, simulated.channels, strict=True):
        signal = made.read(0, made.samples)
        assert (written.unit, written.rate_hz, written.samples) == (made.unit, made.rate_hz, made.samples)
        assert written.read(0, written.samples) == pytest.approx(signal, abs=float(np.ptp(signal)) / 2**15)
    assert len(choose_montages(recording)) == 1


@pytest.mark.parametrize("name", COHORTS)
def test_written_labels_are_those_of_both_experts(name: str, tmp_path: Path) -> None:
    plan = next(cohort(name, hours=HOURS, seed=0))
    path = plan.write(tmp_path)
    read = read_labels(path.with_name(f"{path.stem}_labels.csv"), epochs=plan.seconds // 4)
    for found, expert in zip(read, plan.simulate().experts, strict=True):
        assert np.array_equal(found.codes, expert.codes)
        assert np.array_equal(found.artifact, expert.artifact)


def test_names_of_cohort_recordings_say_that_they_are_simulated() -> None:
    assert [plan.name for plan in cohort("D", hours=1, seed=0)] == [f"simulated_D{index}" for index in range(1, 7)]


def test_laboratories_are_as_long_as_asked_in_whole_epochs() -> None:
    seconds = np.array([plan.seconds for plan in laboratories(40, hours=(0.5, 4.0), seed=0)])
    assert np.all((seconds >= 1796) & (seconds <= 14404))
    assert np.all(seconds % 4 == 0)
    assert len(set(seconds.tolist())) > 30


def test_a_longer_plan_keeps_the_animal() -> None:
    short, long = (next(cohort("B", hours=hours, seed=0)) for hours in (0.1, 24.0))
    assert long == replace(short, seconds=24 * 3600)


def test_even_the_shortest_plan_is_one_epoch(tmp_path: Path) -> None:
    plan = one("mouse", hours=0.0, seed=0)
    assert plan.seconds == 4
    assert read_edf(plan.write(tmp_path)).channels[0].duration_s == 4.0

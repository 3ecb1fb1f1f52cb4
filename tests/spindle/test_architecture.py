"""Sleep architecture: hypnograms counted by hand, and YASA where its definitions agree."""

from __future__ import annotations

import math
from datetime import datetime, time

import numpy as np
import pandas as pd
import pytest
import yasa
from hypothesis import given
from hypothesis import strategies as st

from spindle.architecture import (
    TIDY_COLUMNS,
    TRANSITIONS,
    ArchitectureSettings,
    LightCycle,
    SleepArchitecture,
    StretchMeasures,
    sleep_architecture,
)
from spindle.errors import SettingError
from spindle.hypnogram import STAGES, Hypnogram, Stage

from .examples import example_scores

LETTERS = {"w": Stage.WAKE, "n": Stage.NREM, "r": Stage.REM, "x": Stage.UNSCORED}
EIGHT = datetime(2024, 3, 4, 8, 0, 0)
CYCLE = LightCycle(lights_on=time(8, 0))


def hypnogram(letters: str, epoch_s: float = 4.0, artifacts: tuple[int, ...] = ()) -> Hypnogram:
    made = Hypnogram.from_stages([LETTERS[letter] for letter in letters])
    flags = np.isin(np.arange(len(letters)), artifacts)
    return Hypnogram(codes=made.codes, artifact=flags, epoch_s=epoch_s)


def transitions(stretch: StretchMeasures) -> dict[str, int]:
    pairs = zip(TRANSITIONS, stretch.transitions, strict=True)
    return {f"{before[0]}{after[0]}": count for (before, after), count in pairs if count}


def latency(found: SleepArchitecture, event: str, stage: Stage) -> float:
    return next(one.value_s for one in found.latencies if one.event == event and one.stage is stage)


def test_a_short_hypnogram_counted_by_hand() -> None:
    found = sleep_architecture(hypnogram("wwwnnnnrrwn")).whole
    wake, nrem, rem = found.states
    assert (wake.epochs, wake.bouts, wake.mean_bout_s, wake.median_bout_s, wake.longest_bout_s) == (4, 2, 8, 8, 12)
    assert (nrem.epochs, nrem.bouts, nrem.mean_bout_s, nrem.longest_bout_s) == (5, 2, 10, 16)
    assert (rem.epochs, rem.bouts, rem.mean_bout_s) == (2, 1, 8)
    assert [state.fraction for state in found.states] == [4 / 11, 5 / 11, 2 / 11]
    assert transitions(found) == {"wn": 2, "nr": 1, "rw": 1}
    assert found.scored_h == 44 / 3600
    assert wake.bouts_per_h == pytest.approx(2 / (44 / 3600))


def test_a_missing_state_has_no_bouts_and_durations_that_are_not_known() -> None:
    rem = sleep_architecture(hypnogram("wwnn")).whole.states[Stage.REM.code]
    assert (rem.epochs, rem.fraction, rem.bouts, rem.bouts_per_h) == (0, 0.0, 0, 0.0)
    assert np.isnan([rem.mean_bout_s, rem.median_bout_s, rem.longest_bout_s]).all()


def test_where_nothing_is_scored_shares_and_rates_are_not_known() -> None:
    found = sleep_architecture(hypnogram("xxx")).whole
    assert np.isnan([state.fraction for state in found.states]).all()
    assert np.isnan(found.transitions_per_h).all()


def test_a_hypnogram_without_epochs_has_no_bins() -> None:
    assert sleep_architecture(hypnogram("")).bins == ()


def test_a_gap_ends_a_bout_and_no_transition_goes_over_it() -> None:
    found = sleep_architecture(hypnogram("nnxnnxww")).whole
    assert found.states[Stage.NREM.code].bouts == 2
    assert transitions(found) == {}


def test_an_artifact_keeps_its_state_and_does_not_end_a_bout() -> None:
    clean, marred = (sleep_architecture(hypnogram("wnnnw", artifacts=flags)) for flags in ((), (2,)))
    assert clean == marred


def test_shares_can_leave_artifacts_out_while_bouts_stay() -> None:
    marred = hypnogram("wnnnw", artifacts=(0, 2))
    found = sleep_architecture(marred, settings=ArchitectureSettings(clean_only=True)).whole
    assert [state.fraction for state in found.states] == [1 / 3, 2 / 3, 0]
    assert [state.bouts for state in found.states] == [2, 1, 0]


def test_a_short_run_is_no_bout_but_its_epochs_and_changes_count() -> None:
    found = sleep_architecture(hypnogram("nnnwnnn"), settings=ArchitectureSettings(shortest_bout_epochs=2)).whole
    assert [state.bouts for state in found.states] == [0, 2, 0]
    assert found.states[0].fraction == 1 / 7
    assert transitions(found) == {"nw": 1, "wn": 1}


def test_a_bout_counts_whole_in_the_bin_in_which_it_begins() -> None:
    letters = "w" * 800 + "n" * 200 + "w" * 800
    first, second = sleep_architecture(hypnogram(letters)).bins
    assert (first.bin_h, second.bin_h) == (0.0, 1.0)
    assert first.states[Stage.NREM.code].bouts == 1
    assert first.states[Stage.NREM.code].longest_bout_s == 800
    assert second.states[Stage.NREM.code].bouts == 0
    assert second.states[Stage.NREM.code].fraction == 100 / 900
    assert transitions(second) == {"nw": 1}


def test_light_and_dark_are_told_by_the_clock() -> None:
    letters = "n" * 900 + "w" * 900
    found = sleep_architecture(hypnogram(letters), start=datetime(2024, 3, 4, 19), cycle=CYCLE)
    light, dark = (next(one for one in found.stretches if one.phase == phase) for phase in ("light", "dark"))
    assert [state.fraction for state in light.states] == [0, 1, 0]
    assert [state.fraction for state in dark.states] == [1, 0, 0]
    assert [one.bin_h for one in found.bins] == [11.0, 12.0]
    assert found.by_zeitgeber


def test_without_a_start_bins_count_from_the_start_and_there_is_no_light() -> None:
    found = sleep_architecture(hypnogram("n" * 1800), cycle=CYCLE)
    assert [one.phase for one in found.stretches] == ["recording", "bin", "bin"]
    assert not found.by_zeitgeber


@pytest.mark.parametrize(
    ("hour", "expected_h"), [(8, 0.0), (7, 23.0), (0, 16.0), (20, 12.0)], ids=["on", "before", "midnight", "off"]
)
def test_zeitgeber_time_counts_from_lights_on(hour: int, expected_h: float) -> None:
    assert CYCLE.since_lights_on_s(EIGHT.replace(hour=hour)) / 3600 == expected_h


def test_a_cycle_of_another_period_moves_through_the_day() -> None:
    twenty = LightCycle(lights_on=time(8), light_h=10, dark_h=10)
    assert twenty.period_s == 72000
    assert twenty.since_lights_on_s(datetime(2024, 3, 5, 7)) / 3600 == 3.0


def test_several_days_are_pooled_by_zeitgeber_bin() -> None:
    day = "n" * 900 * 12 + "w" * 900 * 12
    one = sleep_architecture(hypnogram(day), start=EIGHT, cycle=CYCLE)
    two = sleep_architecture(hypnogram(day * 2), start=EIGHT, cycle=CYCLE)
    assert len(two.bins) == len(one.bins) == 24
    assert [b.states[1].fraction for b in two.bins] == [b.states[1].fraction for b in one.bins]
    assert two.bins[3].scored_h == 2.0


def test_latencies_from_the_start_and_from_the_lights() -> None:
    letters = "w" * 100 + "n" * 10 + "w" * 790 + "r" * 5 + "n" * 895
    found = sleep_architecture(hypnogram(letters), start=datetime(2024, 3, 4, 19), cycle=CYCLE)
    assert latency(found, "start", Stage.NREM) == 400
    assert latency(found, "start", Stage.REM) == 3600
    assert latency(found, "lights_off", Stage.REM) == 0
    assert latency(found, "lights_off", Stage.NREM) == 20
    assert math.isnan(latency(found, "lights_on", Stage.NREM))


def test_an_onset_needs_as_many_epochs_as_was_set() -> None:
    settings = ArchitectureSettings(onset_epochs=3)
    found = sleep_architecture(hypnogram("wnnwwnnnw"), settings=settings)
    assert latency(found, "start", Stage.NREM) == 20


def test_a_bout_that_goes_on_over_the_event_has_latency_zero_only_where_enough_of_it_is_left() -> None:
    letters = "w" * 897 + "n" * 5 + "w" * 10 + "n" * 20
    start = datetime(2024, 3, 4, 19)
    for onset, expected in ((1, 0.0), (2, 0.0), (3, 48.0)):
        settings = ArchitectureSettings(onset_epochs=onset)
        found = sleep_architecture(hypnogram(letters), start=start, cycle=CYCLE, settings=settings)
        assert latency(found, "lights_off", Stage.NREM) == expected


def test_latencies_of_several_days_are_averaged() -> None:
    letters = "w" * 900 + "n" * 20700 + "w" * 450 + "n" * 21150
    found = sleep_architecture(hypnogram(letters), start=EIGHT, cycle=CYCLE)
    assert latency(found, "lights_on", Stage.NREM) == (3600 + 1800) / 2


def test_the_search_for_an_onset_ends_at_the_next_event_of_its_kind() -> None:
    letters = "w" * 21600 + "n" * 21600
    found = sleep_architecture(hypnogram(letters), start=EIGHT, cycle=CYCLE)
    assert latency(found, "lights_on", Stage.NREM) == 0


def test_a_bin_longer_than_the_light_cycle_is_refused() -> None:
    with pytest.raises(SettingError, match="25 h is longer"):
        sleep_architecture(hypnogram("ww"), start=EIGHT, cycle=CYCLE, settings=ArchitectureSettings(bin_h=25))


@pytest.mark.parametrize("wrong", [{"bin_h": 0}, {"shortest_bout_epochs": 0}, {"onset_epochs": 0}])
def test_settings_that_cannot_work_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(SettingError):
        ArchitectureSettings(**wrong)


def test_a_cycle_without_dark_is_refused() -> None:
    with pytest.raises(SettingError, match="not 24 and 0"):
        LightCycle(lights_on=time(8), light_h=24, dark_h=0)


@given(st.text("wnrx", min_size=1, max_size=200), st.sampled_from([1.0, 4.0, 10.0]), st.integers(0, 86399))
def test_bins_and_phases_are_parts_of_the_whole(letters: str, epoch_s: float, second: int) -> None:
    start = datetime(2024, 3, 4, second // 3600, second // 60 % 60, second % 60)
    settings = ArchitectureSettings(bin_h=0.05)
    found = sleep_architecture(hypnogram(letters, epoch_s), start=start, cycle=CYCLE, settings=settings)
    phases = [one for one in found.stretches if one.phase in ("light", "dark")]
    for parts in (found.bins, phases):
        assert sum(one.scored_h for one in parts) == pytest.approx(found.whole.scored_h)
        assert [sum(x) for x in zip(*(p.transitions for p in parts), strict=True)] == list(found.whole.transitions)
        for stage in STAGES:
            assert sum(p.states[stage.code].bouts for p in parts) == found.whole.states[stage.code].bouts
            assert sum(p.states[stage.code].epochs for p in parts) == found.whole.states[stage.code].epochs


@given(st.text("wnrx", min_size=1, max_size=100))
def test_without_gaps_every_change_of_state_begins_a_bout(letters: str) -> None:
    found = sleep_architecture(hypnogram(letters.replace("x", "w"))).whole
    assert sum(found.transitions) == sum(state.bouts for state in found.states) - 1


def test_tables_are_long_and_name_every_parameter() -> None:
    table = sleep_architecture(hypnogram("wwnnrw" * 200), start=EIGHT, cycle=CYCLE).tidy("m1")
    assert tuple(table.columns) == TIDY_COLUMNS
    assert set(table.animal) == {"m1"}
    whole = table[(table.phase == "recording") & (table.parameter == "fraction")]
    assert dict(zip(whole.state, whole.value, strict=True)) == {"wake": 0.5, "nrem": 1 / 3, "rem": 1 / 6}
    assert set(table[table.parameter == "transitions_per_h"].state) == {f"{a}_to_{b}" for a, b in TRANSITIONS}
    assert not table.duplicated(["phase", "bin", "state", "parameter"]).any()


def test_shares_bouts_and_transitions_equal_those_of_yasa() -> None:
    own = example_scores(4000, seed=3).hypnogram
    own = Hypnogram(codes=np.where(own.codes < 0, 0, own.codes).astype(np.int8), artifact=own.artifact)
    names = {Stage.WAKE: "WAKE", Stage.NREM: "NREM", Stage.REM: "REM"}
    other = yasa.Hypnogram([names[stage] for stage in own.stages], n_stages=3, freq="4s")
    found = sleep_architecture(own).whole
    periods = other.find_periods(threshold="0sec")
    counts, _ = other.transition_matrix()
    minutes = other.sleep_statistics()
    for state in found.states:
        lengths_s = 4.0 * periods.length[periods["values"] == names[state.stage]]
        assert state.bouts == len(lengths_s)
        assert state.mean_bout_s == pytest.approx(lengths_s.mean())
        assert state.median_bout_s == pytest.approx(lengths_s.median())
        assert state.longest_bout_s == lengths_s.max()
        assert state.fraction * 4000 * 4 / 60 == pytest.approx(minutes[names[state.stage]], abs=1e-3)
    for (before, after), count in zip(TRANSITIONS, found.transitions, strict=True):
        assert count == counts.loc[names[before], names[after]]
    architecture = sleep_architecture(own)
    assert latency(architecture, "start", Stage.REM) / 60 == pytest.approx(minutes["Lat_REM"], abs=1e-3)
    sleep_s = min(latency(architecture, "start", stage) for stage in (Stage.NREM, Stage.REM))
    assert sleep_s / 60 == pytest.approx(minutes["SOL"], abs=1e-3)
    assert isinstance(architecture.tidy("a"), pd.DataFrame)

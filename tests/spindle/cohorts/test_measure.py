"""One animal: its tables are those of the modules that measure, and a second run takes what was kept."""

from __future__ import annotations

from dataclasses import replace
from datetime import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from spindle.architecture import ArchitectureSettings, LightCycle, sleep_architecture
from spindle.cohorts import measure as module
from spindle.cohorts.analysis import measure_cohort
from spindle.cohorts.measure import Measured, measure
from spindle.cohorts.table import CohortRow
from spindle.edf import write_edf
from spindle.errors import CohortError, LabelError, SettingError
from spindle.montage import choose_montage
from spindle.options import AnalysisOptions, ChannelOptions
from spindle.outputs import read_scores_csv
from spindle.reading import read_recording
from spindle.spectra import state_spectra

from .conftest import START, Animal, signals, write_scores

OPTIONS = AnalysisOptions(bin_hours=0.05, timing_hours=0.1)


@pytest.fixture
def row(tmp_path: Path, animal: Animal) -> CohortRow:
    animal("mouse", 1, eegs=("EEG1", "EEG2"))
    return CohortRow(
        line=2, animal="mouse", group="wt", recording=tmp_path / "mouse.edf", scores=tmp_path / "mouse_scores.csv",
        lights_on=time(8),
    )  # fmt: skip


def taken(row: CohortRow, options: AnalysisOptions = OPTIONS) -> Measured:
    return measure(row, ChannelOptions(), options, row.recording.parent)


def test_the_tables_are_those_of_architecture_and_spectra(row: CohortRow) -> None:
    found = taken(row)
    hypnogram = read_scores_csv(row.scores).hypnogram
    cycle = LightCycle(lights_on=time(8))
    settings = ArchitectureSettings(bin_h=0.05)
    expected = sleep_architecture(hypnogram, start=START, cycle=cycle, settings=settings).tidy("mouse")
    pd.testing.assert_frame_equal(found.architecture, expected)
    first, second = state_spectra(choose_montage(read_recording(row.recording)), hypnogram)
    np.testing.assert_array_equal(found.spectra[found.spectra.eeg == 2].value, second.tidy("mouse").value)
    np.testing.assert_array_equal(found.bands[found.bands.eeg == 1].power, first.tidy_bands("mouse").power)
    assert (found.epochs, found.by_zeitgeber, found.unit, found.hours) == (150, True, "uV", 1 / 6)


def test_a_second_run_takes_what_was_kept(row: CohortRow, monkeypatch: pytest.MonkeyPatch) -> None:
    first = taken(row)

    def refuse(*_: object) -> None:
        raise AssertionError("measured again")

    monkeypatch.setattr(module, "_measure", refuse)
    second = taken(row)
    for name, value in vars(first).items():
        if isinstance(value, pd.DataFrame):
            pd.testing.assert_frame_equal(getattr(second, name), value)
        else:
            assert getattr(second, name) == value
    assert taken(replace(row, group="other")).group == "other"


@pytest.mark.parametrize("change", ["scores", "options", "channels", "recording", "broken"])
def test_what_was_kept_is_not_taken_where_something_changed(
    row: CohortRow, animal: Animal, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    taken(row)
    calls = []
    original = module._measure

    def counted(*arguments: object) -> Measured:
        calls.append(arguments)
        return original(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(module, "_measure", counted)
    options = OPTIONS
    if change == "scores":
        text = row.scores.read_text(encoding="utf-8").replace("nrem", "wake", 1)
        row.scores.write_text(text, encoding="utf-8")
    elif change == "options":
        options = replace(OPTIONS, shortest_bout=2)
    elif change == "channels":
        row = replace(row, eeg=("EEG2",))
    elif change == "recording":
        animal("mouse", 1, theta=30.0, eegs=("EEG1", "EEG2"))
    else:
        (kept,) = row.recording.parent.glob("*.json")
        kept.write_text("{", encoding="utf-8")
    taken(row, options)
    assert len(calls) == 1


def test_options_that_only_compare_do_not_measure_again(row: CohortRow) -> None:
    taken(row)
    taken(row, replace(OPTIONS, statistics="thesis", correction="none", spectrum="db"))
    assert len(list(row.recording.parent.glob("*.json"))) == 1


def test_a_stricter_limit_leaves_fewer_epochs_clean(row: CohortRow) -> None:
    counts = [taken(row, replace(OPTIONS, clean_above=limit)).artifacts for limit in (0.1, 0.5, 0.9, 0.99)]
    assert counts == sorted(counts) and counts[0] < counts[-1]


def test_dropped_artifacts_change_shares_and_no_bouts(row: CohortRow) -> None:
    kept, dropped = taken(row).architecture, taken(row, replace(OPTIONS, drop_artifacts=True)).architecture
    shares = kept.parameter == "fraction"
    assert (kept[shares].value.dropna() != dropped[shares].value.dropna()).any()
    pd.testing.assert_frame_equal(kept[~shares], dropped[~shares])


def test_labels_of_one_expert_do_as_scores(row: CohortRow, tmp_path: Path) -> None:
    path = tmp_path / "expert.csv"
    path.write_text("".join(f"{place},{'wnr'[place // 10 % 3]}\n" for place in range(150)), encoding="utf-8")
    found = taken(replace(row, scores=path)).architecture
    rows = found[(found.phase == "recording") & (found.parameter == "fraction")]
    np.testing.assert_allclose(rows.value, 1 / 3)
    with pytest.raises(SettingError, match="probabilities of artifacts"):
        taken(replace(row, scores=path), replace(OPTIONS, clean_above=0.5))
    path.write_text("".join(f"{place},w,n\n" for place in range(150)), encoding="utf-8")
    with pytest.raises(LabelError, match="2 experts"):
        taken(replace(row, scores=path))


def test_scores_of_another_recording_are_refused(row: CohortRow, animal: Animal, tmp_path: Path) -> None:
    animal("other", 2, epochs=100)
    with pytest.raises(LabelError, match=r"other_scores.csv has 100 epochs of 4 s, and mouse lasts 600 s"):
        taken(replace(row, scores=tmp_path / "other_scores.csv"))


def test_epochs_of_another_length_have_architecture_and_no_spectra(animal: Animal, tmp_path: Path) -> None:
    animal("ten", 3, epoch_s=10.0)
    recording, scores = tmp_path / "ten.edf", tmp_path / "ten_scores.csv"
    found = taken(CohortRow(line=2, animal="ten", group="wt", recording=recording, scores=scores))
    assert (found.epoch_s, len(found.spectra), found.by_zeitgeber) == (10.0, 0, False)
    assert len(found.architecture)
    assert found.notes == ("'ten' has no spectra: they need epochs of 4 s, and its scores have epochs of 10 s.",)


def test_a_missing_state_is_said(animal: Animal, tmp_path: Path) -> None:
    animal("awake", 4, states=(0,))
    row = CohortRow(line=2, animal="awake", group="wt", recording=tmp_path / "awake.edf",
                    scores=tmp_path / "awake_scores.csv")  # fmt: skip
    assert taken(row).notes == ("'awake' has no epoch of nrem or rem.",)


def test_of_a_file_with_several_animals_the_row_says_which_is_meant(tmp_path: Path) -> None:
    channels = [*signals(1, 20, 0.0, ("EEG09",)), *signals(2, 20, 90.0, ("EEG10",))]
    emg09, emg10 = (replace(channels[place], label=label) for place, label in ((1, "EMG09"), (3, "EMG10")))
    write_edf(tmp_path / "mice.edf", [channels[0], emg09, channels[2], emg10], start=START)
    path = tmp_path / "mice_10_scores.csv"
    write_scores(path, np.zeros(20, dtype=np.int64), np.full(20, 0.1), 4.0)
    row = CohortRow(line=2, animal="10", group="wt", recording=tmp_path / "mice.edf", scores=path)
    assert set(taken(row).spectra.channel) == {"EEG10"}
    named = replace(row, animal="left cage", eeg=("EEG09",), emg="EMG09")
    assert set(taken(named).spectra.channel) == {"EEG09"}
    with pytest.raises(LabelError, match=r"several animals \(09, 10\); name one of them in the column animal"):
        taken(replace(row, animal="left cage"))


def test_scores_that_are_a_folder_are_said_as_one(row: CohortRow, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    table = tmp_path / "cohort.csv"
    table.write_text("recording,group,scores\nmouse.edf,wt,folder\n", encoding="utf-8")
    with pytest.raises(CohortError, match=r"The only animal of cohort.csv cannot be analysed; .*folder cannot be read"):
        measure_cohort(table, tmp_path / "out", options=OPTIONS)

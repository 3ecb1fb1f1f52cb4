"""From the table to the page: what is found, what is written, and what is said where an animal cannot be used."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import spindle
from spindle.cohorts.analysis import Analysis, measure_cohort
from spindle.cohorts.comparisons import compare
from spindle.cohorts.pool import Pool
from spindle.errors import CohortError, OutputError, SettingError
from spindle.options import AnalysisOptions, ChannelOptions
from spindle.statistics import compare_groups, per_bin_tests, two_way_anova

from .conftest import Animal, write_cohort

OPTIONS = AnalysisOptions(bin_hours=0.05, timing_hours=0.05, highest_hz=10.0)
"""Few bins, because each costs a test."""


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "analysis"


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Analysis:
    """The analysis of the cohort as it is, for tests that only look."""
    cohort = write_cohort(tmp_path_factory.mktemp("cohort"))
    return analyzed(cohort, cohort.parent / "analysis")


def analyzed(cohort: Path, out: Path, options: AnalysisOptions = OPTIONS) -> Analysis:
    return spindle.analyze(cohort, out=out, settings=options)


def pooled(cohort: Path, out: Path, options: AnalysisOptions = OPTIONS) -> Pool:
    """Everything but the figures and the page, which take longest."""
    return measure_cohort(cohort, out, options=options)


def test_a_rhythm_that_mutants_have_is_found_at_its_frequency(cohort: Path, out: Path) -> None:
    comparisons = compare(pooled(cohort, out), replace(OPTIONS, spectrum="db"))
    strongest = max(comparisons.spectra[1, "nrem"].bins.tests, key=lambda test: test.pair.difference)
    assert strongest.bin == 7.0 and strongest.pair.p_corrected < 1e-3
    shares = compare(pooled(cohort, out), OPTIONS)
    assert any("EEG 1 during NREM sleep differs in shape" in sentence for sentence in shares.found())
    assert all(term.name == "group × bin" for term in shares.spectra[1, "nrem"].terms)


def test_everything_is_written_and_the_page_needs_nothing_else(done: Analysis) -> None:
    out = done.page.parent
    names = {path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()}
    tables = ("animals", "architecture", "timing", "spectra", "bands")
    tests = ("statistics_animals", "statistics_curves", "statistics_bins")
    pictures = ("architecture", "timing", "spectra_eeg1", "profiles_eeg1", "preprocessing_eeg1")
    assert {f"tables/{name}.csv" for name in (*tables, *tests)} <= names
    assert {f"figures/{name}.{kind}" for name in pictures for kind in ("png", "svg", "csv")} <= names
    page = done.page.read_text(encoding="utf-8")
    assert page.count("data:image/svg+xml;base64,") == len(pictures)
    assert not re.search(r"(src|href)=\"(?!data:)", page) and "<script" not in page
    assert "wildtype: 3 animals; mutant: 3 animals" in page
    assert not any(path.name.startswith(".") for path in out.rglob("*"))


def test_the_tables_of_figures_hold_what_is_drawn(done: Analysis) -> None:
    drawn = pd.read_csv(done.page.parent / "figures" / "timing.csv")
    shares = done.pool.timing[(done.pool.timing.phase == "bin") & (done.pool.timing.parameter == "fraction")]
    means = shares.groupby(["group", "bin", "state"], observed=True).value.mean() * 100
    for row in drawn.itertuples():
        assert row.mean == pytest.approx(means[row.group, row.bin, row.state])
    assert len(drawn) == len(means.dropna())


def test_tests_are_those_of_statistics_on_the_tables(cohort: Path, out: Path) -> None:
    options = replace(OPTIONS, statistics="thesis", spectrum="power")
    animals = pooled(cohort, out, options)
    comparisons = compare(animals, options)
    table = animals.architecture
    rows = table[(table.phase == "recording") & (table.state == "rem") & (table.parameter == "mean_bout_s")]
    single = next(one for one in comparisons.singles if (one.state, one.parameter) == ("rem", "mean_bout_s"))
    assert single.comparison.pairs == compare_groups(rows).pairs
    spectra = animals.spectra
    wake = spectra[(spectra.eeg == 1) & (spectra.state == "wake") & (spectra.form == "power")]
    wake = wake.assign(bin=wake.frequency_hz)
    curves = comparisons.spectra[1, "wake"]
    assert curves.overall.terms == two_way_anova(wake).terms
    assert curves.bins.to_frame().p.tolist() == per_bin_tests(wake, "none").to_frame().p.tolist()
    assert "which it is not" in comparisons.warnings[0]


def test_equal_runs_write_equal_files(done: Analysis, tmp_path: Path) -> None:
    first, second = done.page.parent, tmp_path / "again"
    analyzed(first.parent / "cohort.csv", second)
    names = sorted(path.relative_to(first) for path in first.rglob("*") if path.is_file())
    assert names == sorted(path.relative_to(second) for path in second.rglob("*") if path.is_file())
    assert not [name for name in names if (first / name).read_bytes() != (second / name).read_bytes()]


def test_the_group_of_comparison_is_the_tables_first_or_the_one_named(cohort: Path, out: Path) -> None:
    assert pooled(cohort, out).groups == ("wildtype", "mutant")
    named = pooled(cohort, out, replace(OPTIONS, reference="mutant"))
    assert named.groups == ("mutant", "wildtype")
    assert compare(named, OPTIONS).singles[0].comparison.pairs[0].second.name == "wildtype"
    with pytest.raises(SettingError, match=r"'wt' is no group of cohort.csv with an animal; it has wildtype, mutant"):
        pooled(cohort, out, replace(OPTIONS, reference="wt"))


def test_animals_that_cannot_be_used_are_said_and_the_others_go_on(cohort: Path, out: Path, animal: Animal) -> None:
    animal("long", 5, epoch_s=10.0)
    animal("cut", 6)
    (cohort.parent / "cut_scores.csv").write_bytes((cohort.parent / "long_scores.csv").read_bytes()[:900])
    (cohort.parent / "noise.edf").write_bytes(b"0       no EDF")
    (cohort.parent / "noise_scores.csv").write_bytes((cohort.parent / "wt0_scores.csv").read_bytes())
    lines = ("long.edf,wildtype,", "cut.edf,mutant,", "noise.edf,mutant,", "gone.edf,mutant,", "wt1.edf,,")
    cohort.write_text(cohort.read_text(encoding="utf-8") + "\n".join([*lines, ""]), encoding="utf-8")
    done = pooled(cohort, out)
    reasons = [row.reason for row in done.failed]
    assert [row.line for row in done.failed] == [8, 9, 10, 11, 12]
    assert "'long' have epochs of 10 s, most others have 4 s" in reasons[0]
    assert all(name in reason for name, reason in zip(("cut", "noise", "gone", "wt1"), reasons[1:], strict=True))
    assert all(reason.endswith((".", "scored")) and "\n" not in reason for reason in reasons)
    assert done.counts() == {"wildtype": 3, "mutant": 3}


def test_one_animal_in_a_group_is_shown_and_not_tested(cohort: Path, out: Path) -> None:
    lines = cohort.read_text(encoding="utf-8").splitlines()
    cohort.write_text("\n".join([*lines[:3], lines[3], ""]), encoding="utf-8")
    done = analyzed(cohort, out)
    assert done.pool.counts() == {"wildtype": 2, "mutant": 1}
    assert any("Group 'mutant' has one animal" in note for note in done.pool.notes)
    assert done.comparisons.found() == ()
    assert all("No test" in curves.sentence() for curves in done.comparisons.timing.values())
    assert "Group &#39;mutant&#39; has one animal; a test needs two" in done.page.read_text(encoding="utf-8")


def test_one_group_alone_is_shown(cohort: Path, out: Path) -> None:
    cohort.write_text(cohort.read_text(encoding="utf-8").replace("mutant", "wildtype"), encoding="utf-8")
    done = analyzed(cohort, out)
    assert done.pool.groups == ("wildtype",)
    assert all(path.exists() for path in done.figures)


def test_three_groups_are_compared_pair_by_pair(cohort: Path, out: Path, animal: Animal) -> None:
    for place in range(2):
        animal(f"het{place}", 20 + place)
    more = "het0.edf,heterozygous,08:00\nhet1.edf,heterozygous,08:00\n"
    cohort.write_text(cohort.read_text(encoding="utf-8") + more, encoding="utf-8")
    done = pooled(cohort, out)
    assert [len(one.comparison.pairs) for one in compare(done, OPTIONS).singles if one.parameter == "fraction"] == [
        3
    ] * 3
    bins = compare(done, OPTIONS).tables()["statistics_bins"]
    assert len(bins[["first", "second"]].drop_duplicates()) == 3


def test_a_cohort_that_never_sleeps_is_analysed(cohort: Path, out: Path, animal: Animal) -> None:
    for seed, name in enumerate(("wt0", "wt1", "wt2", "mut0", "mut1", "mut2")):
        animal(name, seed, states=(0,))
    done = analyzed(cohort, out)
    assert set(done.comparisons.spectra) == {(1, "wake")}
    rows = done.pool.architecture
    assert (rows[(rows.state == "rem") & (rows.parameter == "bouts")].value == 0).all()
    assert np.isnan(rows[(rows.state == "rem") & (rows.parameter == "mean_bout_s")].value).all()


def test_recordings_of_different_length_are_compared_and_it_is_said(cohort: Path, out: Path, animal: Animal) -> None:
    animal("wt0", 0, epochs=400)
    done = pooled(cohort, out)
    assert any("differ in length, from 0.167 to 0.444 h" in note for note in done.notes)
    assert done.failed == ()


def test_without_a_start_an_animal_is_left_out_of_zeitgeber_bins(cohort: Path, out: Path, animal: Animal) -> None:
    recording = cohort.parent / "wt0.npz"
    rng = np.random.default_rng(0)
    np.savez(recording, EEG1=50 * rng.normal(size=76800), EMG=20 * rng.normal(size=76800))
    text = cohort.read_text(encoding="utf-8").replace("wt0.edf", "wt0.npz")
    cohort.write_text(text, encoding="utf-8")
    done = measure_cohort(cohort, out, channels=ChannelOptions(rate_hz=128.0), options=OPTIONS)
    assert any("wt0.npz does not say when it started" in note for note in done.notes)
    assert "wt0" not in set(done.timing.animal) and "wt0" in set(done.architecture.animal)
    assert set(done.architecture[done.architecture.animal == "wt0"].phase) == {"recording"}


def test_without_lights_on_bins_count_from_the_start(cohort: Path, out: Path) -> None:
    cohort.write_text(cohort.read_text(encoding="utf-8").replace("08:00", ""), encoding="utf-8")
    done = pooled(cohort, out)
    assert not done.by_zeitgeber
    assert any("not known when the lights went on" in note for note in done.notes)


def test_names_with_markup_stay_text_and_what_failed_is_on_the_page(cohort: Path, out: Path) -> None:
    text = cohort.read_text(encoding="utf-8").replace("mutant", "<b>$x_1$ & co</b>")
    cohort.write_text(f"{text}gone.edf,wildtype,\n", encoding="utf-8")
    page = analyzed(cohort, out).page.read_text(encoding="utf-8")
    assert "<b>" not in page and "&lt;b&gt;$x_1$ &amp; co&lt;/b&gt;" in page
    assert "Not analysed" in page and "There is no recording" in page


def test_nothing_that_can_be_analysed_is_one_sentence_and_leaves_no_page(cohort: Path, out: Path) -> None:
    for path in cohort.parent.glob("*_scores.csv"):
        path.unlink()
    with pytest.raises(CohortError, match=r"None of the 6 animals of cohort.csv can be analysed; the first reason is"):
        pooled(cohort, out)
    assert not (out / "analysis.html").exists()


def test_a_folder_that_is_a_file_is_refused_before_anything_is_read(cohort: Path, out: Path) -> None:
    out.write_bytes(b"")
    with pytest.raises(OutputError, match="is a file"):
        analyzed(cohort, out)

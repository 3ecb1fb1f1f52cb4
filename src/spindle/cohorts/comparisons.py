"""What differs between the groups of a cohort: tests by `spindle.statistics`, with a sentence each."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import pandas as pd

from spindle.architecture import TRANSITIONS
from spindle.cohorts.pool import Pool
from spindle.drawing import LABELS
from spindle.hypnogram import STAGES
from spindle.options import AnalysisOptions
from spindle.statistics import (
    BinTests,
    GroupComparison,
    RepeatedMeasures,
    compare_groups,
    mixed_model,
    per_bin_tests,
    two_way_anova,
)
from spindle.statistics.cohort import ALPHA
from spindle.statistics.repeated import GROUP, INTERACTION, Term
from spindle.statistics.words import capital, f_test, p_value

QUANTITIES = {
    "fraction": ("the share of {}", "percentage points", 100.0),
    "bouts_per_h": ("the number of bouts of {} per hour", "", 1.0),
    "mean_bout_s": ("the mean duration of bouts of {}", "s", 1.0),
}
"""What is compared of each state: a parameter of `spindle.architecture`, its words, the unit and the factor."""

LATENCIES = ("latency_from_start_s", "latency_from_lights_on_s", "latency_from_lights_off_s")
SPECTRA = {
    "relative": ("share of power (% per bin)", 100.0),
    "relative_to_states": ("power relative to the mean of the states (1/Hz)", 1.0),
    "power": ("power ({}²/Hz)", 1.0),
    "db": ("power (dB of {}²/Hz)", 1.0),
}
"""Forms of spectra that groups can be compared by: words with a place for the unit, and the factor."""


@dataclass(frozen=True, kw_only=True)
class Curves:
    """Groups compared over bins: as a whole, and bin by bin.

    `shape_only` marks curves that add up to the same in every animal, as shares of power do over frequencies: groups
    can differ in their shape alone, and a test of the group over all bins says nothing.
    """

    title: str
    key: str
    overall: RepeatedMeasures
    bins: BinTests
    unit: str = ""
    shape_only: bool = False

    @property
    def terms(self) -> tuple[Term, ...]:
        """The terms that say something about the groups."""
        names = (INTERACTION,) if self.shape_only else (GROUP, INTERACTION)
        return tuple(self.overall.term(name) for name in names)

    def sentence(self) -> str:
        """Say what was found over all bins."""
        if self.overall.reason is not None or not self.shape_only:
            return self.overall.in_words(self.title, self.unit)
        shape = self.overall.term(INTERACTION)
        differ = "differs in shape" if shape.p < ALPHA else "does not differ demonstrably in shape"
        return f"{capital(self.title)} {differ} between groups ({self.overall.method}, {f_test(shape.test)})."

    def sentences(self) -> tuple[str, ...]:
        """Say what was found, what was left out, and in which bins groups differ."""
        return tuple(_unique((self.sentence(), *self.overall.notes, self.bins.in_words(self.title))))


@dataclass(frozen=True, kw_only=True)
class Single:
    """Groups compared by one value per animal."""

    state: str
    parameter: str
    quantity: str
    unit: str
    comparison: GroupComparison

    def sentence(self) -> str:
        """Say what was found."""
        return self.comparison.in_words(self.quantity, self.unit)


@dataclass(frozen=True, kw_only=True)
class Comparisons:
    """Every test of a cohort. `timing` goes by state, `spectra` by EEG (1, 2) and state."""

    singles: tuple[Single, ...]
    timing: dict[str, Curves]
    spectra: dict[tuple[int, str], Curves]
    warnings: tuple[str, ...]

    def tables(self) -> dict[str, pd.DataFrame]:
        """Return the tests as tables: one value per animal, over bins, and bin by bin."""
        curves = [*self.timing.values(), *self.spectra.values()]
        singles = [
            one.comparison.to_frame().assign(state=one.state, parameter=one.parameter, unit=one.unit)
            for one in self.singles
        ]
        overall = [one.overall.to_frame().assign(curve=one.key) for one in curves]
        bins = [one.bins.to_frame().assign(curve=one.key) for one in curves]
        return {
            "statistics_animals": _stacked(singles, ["parameter", "state", "unit"]),
            "statistics_curves": _stacked(overall, ["curve"]),
            "statistics_bins": _stacked(bins, ["curve"]),
        }

    def found(self) -> tuple[str, ...]:
        """Return the sentences of what differs at 0.05, for the top of the page."""
        singles = [one.sentence() for one in self.singles if _differs(one.comparison)]
        curves = [
            one.sentence()
            for one in (*self.timing.values(), *self.spectra.values())
            if any(term.p < ALPHA for term in one.terms)
        ]
        return tuple(singles + curves)


def compare(pooled: Pool, options: AnalysisOptions) -> Comparisons:
    """Make every comparison; what cannot be tested says why in its sentence."""
    timing = {stage.value: _timing(pooled, stage.value, options) for stage in STAGES}
    spectra = {
        (eeg, stage.value): _spectrum(pooled, eeg, stage.value, options)
        for eeg in eegs_of(pooled)
        for stage in STAGES
        if len(spectrum_rows(pooled, eeg, stage.value, options.spectrum))
    }
    curves = (*timing.values(), *spectra.values())
    warnings = _unique(one.overall.warning for one in curves if one.overall.warning)
    return Comparisons(
        singles=tuple(_singles(pooled, options)), timing=timing, spectra=spectra, warnings=tuple(warnings)
    )


def eegs_of(pooled: Pool) -> list[int]:
    """Which EEGs there are spectra of, 1 and 2."""
    return sorted(pooled.spectra["eeg"].unique().tolist()) if len(pooled.spectra) else []


def spectrum_rows(pooled: Pool, eeg: int, state: str, form: str) -> pd.DataFrame:
    """Return the spectra of one EEG and state: animal, group, bin (Hz), value; without animals that lack the state."""
    table = pooled.spectra
    rows = table[(table["eeg"] == eeg) & (table["state"] == state) & (table["form"] == form)].dropna(subset=["value"])
    factor = SPECTRA[form][1] if form in SPECTRA else 1.0
    return rows.assign(bin=rows["frequency_hz"], value=rows["value"] * factor)[["animal", "group", "bin", "value"]]


def timing_rows(pooled: Pool, state: str) -> pd.DataFrame:
    """Return a state's share per bin, in percent: animal, group, bin (h), value."""
    table = pooled.timing
    rows = table[(table["phase"] == "bin") & (table["state"] == state) & (table["parameter"] == "fraction")]
    return rows.assign(value=100 * rows["value"])[["animal", "group", "bin", "value"]].dropna(subset=["value"])


def _timing(pooled: Pool, state: str, options: AnalysisOptions) -> Curves:
    title = f"the share of {LABELS_IN_TEXT[state]}"
    curves = _curves(timing_rows(pooled, state), title, f"timing_{state}", options)
    return replace(curves, unit="percentage points")


def _spectrum(pooled: Pool, eeg: int, state: str, options: AnalysisOptions) -> Curves:
    words = SPECTRA[options.spectrum][0].format(pooled.unit or "unit")
    title = f"the {words} in EEG {eeg} during {LABELS_IN_TEXT[state]}"
    rows = spectrum_rows(pooled, eeg, state, options.spectrum)
    shape_only = options.spectrum == "relative"
    return _curves(rows, title, f"spectrum_eeg{eeg}_{state}", options, shape_only=shape_only)


def _curves(rows: pd.DataFrame, title: str, key: str, options: AnalysisOptions, *, shape_only: bool = False) -> Curves:
    thesis = options.statistics == "thesis"
    return Curves(
        title=title,
        key=key,
        overall=two_way_anova(rows) if thesis else mixed_model(rows),
        bins=per_bin_tests(rows, "none" if thesis else options.correction),
        shape_only=shape_only,
    )


def _singles(pooled: Pool, options: AnalysisOptions) -> Iterator[Single]:
    for parameter, (text, unit, factor) in QUANTITIES.items():
        for stage in STAGES:
            quantity = text.format(LABELS_IN_TEXT[stage.value])
            yield _single(pooled, stage.value, parameter, quantity, unit, factor)
    for before, after in TRANSITIONS:
        quantity = f"the number of transitions from {LABELS[before]} to {LABELS[after]} per hour"
        yield _single(pooled, f"{before}_to_{after}", "transitions_per_h", quantity, "", 1.0)
    for parameter in LATENCIES:
        words = parameter.removeprefix("latency_from_").removesuffix("_s").replace("_", " ")
        for state in ("nrem", "rem"):
            quantity = f"the latency of {LABELS_IN_TEXT[state]} from {words}"
            single = _single(pooled, state, parameter, quantity, "min", 1 / 60)
            if any(group.animals for group in single.comparison.groups):
                yield single


def _single(pooled: Pool, state: str, parameter: str, quantity: str, unit: str, factor: float) -> Single:
    table = pooled.architecture
    rows = table[(table["phase"] == "recording") & (table["state"] == state) & (table["parameter"] == parameter)]
    comparison = compare_groups(rows.assign(value=factor * rows["value"])[["animal", "group", "value"]])
    return Single(state=state, parameter=parameter, quantity=quantity, unit=unit, comparison=comparison)


def _differs(comparison: GroupComparison) -> bool:
    return any(pair.p_corrected < ALPHA for pair in comparison.pairs)


def _stacked(tables: list[pd.DataFrame], first: list[str]) -> pd.DataFrame:
    joined = pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=first)
    return joined[[*first, *(name for name in joined.columns if name not in first)]]


def _unique(sentences: Iterator[str] | tuple[str, ...]) -> list[str]:
    return list(dict.fromkeys(sentences))


def marked(p: float) -> str:
    """A p-value for a figure; empty where there is none."""
    return "" if math.isnan(p) else p_value(p)


LABELS_IN_TEXT = {"wake": "wake", "nrem": "NREM sleep", "rem": "REM sleep"}

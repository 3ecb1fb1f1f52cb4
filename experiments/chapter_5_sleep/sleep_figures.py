"""Figures 5.6, 5.7, 5.11, 5.12 and 5.13: spectra and sleep by each scorer, drawn as `spindle analyze` draws them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import time
from pathlib import Path

import numpy as np
import pandas as pd

from experiments.chapter_5_sleep.kept import EXPERTS, SOURCES, SPINDLE, KeptAnimal
from spindle.architecture import ArchitectureSettings, LightCycle, sleep_architecture
from spindle.cohorts.comparisons import Comparisons, compare
from spindle.cohorts.figures import SHOWN_TRANSITIONS, architecture_figure, timing_figure
from spindle.cohorts.looks import Drawn
from spindle.cohorts.measure import Measured
from spindle.cohorts.pool import Pool, pool
from spindle.cohorts.spectral_figures import preprocessing_figure, profiles_figure, spectra_figure
from spindle.cohorts.table import CohortTable
from spindle.figure_files import save_figure
from spindle.hypnogram import STAGES
from spindle.options import AnalysisOptions
from spindle.simulation.files import LIGHTS_ON
from spindle.spectra import SpectrumSettings, StateSpectra
from spindle.statistics import compare_scorers

OPTIONS = AnalysisOptions(drop_artifacts=True)
AS_THE_THESIS = AnalysisOptions(drop_artifacts=True, statistics="thesis")
CYCLE = LightCycle(lights_on=time(LIGHTS_ON.hour, LIGHTS_ON.minute))


def pool_of(chosen: Iterable[tuple[str, str, KeptAnimal, str]]) -> Pool:
    """Put scorings together; each is a group, a name for the animal, the animal, and one of `SOURCES`."""
    measured = [_measured(group, name, animal, source) for group, name, animal, source in chosen]
    groups = tuple(dict.fromkeys(one.group for one in measured))
    table = CohortTable(name="SIMULATED animals", rows=(), failed=(), groups=groups, notes=())
    return pool(table, dict(enumerate(measured)), (), None)


def draw_profiles(animals: Sequence[KeptAnimal], folder: Path) -> None:
    """Figures 5.6 and 5.7: spectral profiles of each cohort by its first expert."""
    pooled = pool_of((f"cohort {one.cohort}", one.name, one, EXPERTS[0]) for one in animals)
    _save(profiles_figure(pooled, 1), folder / "figure_5_6_profiles")
    _save(preprocessing_figure(pooled, 1), folder / "figure_5_7_preprocessing")


def draw_architecture(animals: Sequence[KeptAnimal], folder: Path) -> None:
    """Figure 5.11: architecture by each scorer, a figure for each cohort."""
    for cohort in sorted({one.cohort for one in animals}):
        pooled = _by_scorer(animals, cohort)
        drawn = architecture_figure(pooled, compare(pooled, OPTIONS), OPTIONS)
        _save(drawn, folder / f"figure_5_11_architecture_{cohort}")


def draw_differences(animals: Sequence[KeptAnimal], folder: Path) -> None:
    """Figures 5.12 and 5.13: the mutants of B beside the wildtypes of A, by each of `SOURCES`."""
    for source in SOURCES:
        pooled = _mutants(animals, source)
        comparisons = compare(pooled, OPTIONS)
        label = source.replace(", clean above ", "_").replace(" ", "_").replace(".", "")
        _save(timing_figure(pooled, comparisons, OPTIONS), folder / f"figure_5_12_timing_{label}")
        _save(spectra_figure(pooled, 1, comparisons, OPTIONS), folder / f"figure_5_13_spectra_{label}")


def differences(animals: Sequence[KeptAnimal]) -> pd.DataFrame:
    """What tells B from A by each source: p of the mixed model and of the thesis' ANOVA, and bins that differ."""
    rows = []
    for source in SOURCES:
        pooled = _mutants(animals, source)
        ours, theirs = compare(pooled, OPTIONS), compare(pooled, AS_THE_THESIS)
        for stage in STAGES:
            rows.append(_difference("timing", source, stage.value, ours, theirs))
            if (1, stage.value) in ours.spectra:
                rows.append(_difference("spectrum", source, stage.value, ours, theirs))
    return pd.DataFrame(rows)


def scorer_tests(animals: Sequence[KeptAnimal]) -> pd.DataFrame:
    """The thesis' 48 comparisons of scorers (5.4.5): hourly parameters of a cohort, unpaired t tests; paired beside."""
    rows = []
    for cohort in sorted({one.cohort for one in animals}):
        table = _by_scorer(animals, cohort).architecture
        for parameter, state in _parameters():
            here = (table["phase"] == "bin") & (table["parameter"] == parameter) & (table["state"] == state)
            frame = table[here].dropna(subset=["value"])
            frame = frame.assign(scorer=frame["group"].astype(str), animal=frame["animal"].str.partition(" by ")[0])
            row: dict[str, object] = {"cohort": cohort, "parameter": parameter, "state": state}
            for name, thesis in (("p", True), ("paired_p", False)):
                compared = compare_scorers(frame[["scorer", "animal", "value"]], thesis=thesis)
                row |= {f"{name} {pair.first} vs {pair.second}": pair.test.p for pair in compared.pairs}
                row[f"{SPINDLE} stands apart, {name}"] = compared.stands_apart(SPINDLE)
            rows.append(row)
    return pd.DataFrame(rows)


def _measured(group: str, name: str, animal: KeptAnimal, source: str) -> Measured:
    hypnogram = animal.seen_by(source)
    by_bin = {
        hours: sleep_architecture(
            hypnogram,
            start=animal.start,
            cycle=CYCLE,
            settings=ArchitectureSettings(bin_h=hours, clean_only=OPTIONS.drop_artifacts),
        )
        for hours in (OPTIONS.bin_hours, OPTIONS.timing_hours)
    }
    power = animal.power[SOURCES.index(source)]
    spectra = StateSpectra(
        channel="EEG1",
        unit="uV",
        settings=SpectrumSettings(),
        power=power,
        epochs=tuple(int((hypnogram.codes == stage.code).sum()) for stage in STAGES),
        band_power=np.zeros((0, len(hypnogram))),
        kept=hypnogram.scored & ~hypnogram.artifact,
    )
    return Measured(
        animal=name,
        group=group,
        epoch_s=hypnogram.epoch_s,
        epochs=len(hypnogram),
        scored=int(hypnogram.scored.sum()),
        artifacts=int((hypnogram.artifact & hypnogram.scored).sum()),
        start=animal.start.isoformat(),
        by_zeitgeber=True,
        unit="uV",
        notes=(),
        architecture=by_bin[OPTIONS.bin_hours].tidy(name),
        timing=by_bin[OPTIONS.timing_hours].tidy(name),
        spectra=spectra.tidy(name).assign(eeg=1),
        bands=spectra.tidy_bands(name).assign(eeg=1),
    )


def _by_scorer(animals: Sequence[KeptAnimal], cohort: str) -> Pool:
    sources = {**{expert: expert for expert in EXPERTS}, SPINDLE: SOURCES[len(EXPERTS)]}
    mine = [one for one in animals if one.cohort == cohort]
    return pool_of(
        (scorer, f"{one.name} by {scorer}", one, source) for scorer, source in sources.items() for one in mine
    )


def _mutants(animals: Sequence[KeptAnimal], source: str) -> Pool:
    groups = {"A": "wildtypes (A)", "B": "mutants (B)"}
    return pool_of((groups[one.cohort], one.name, one, source) for one in animals if one.cohort in groups)


def _parameters() -> list[tuple[str, str]]:
    each = [(name, stage.value) for name in ("fraction", "mean_bout_s", "bouts_per_h") for stage in STAGES]
    return each + [("transitions_per_h", kind) for kind in SHOWN_TRANSITIONS]


def _difference(what: str, source: str, state: str, ours: Comparisons, theirs: Comparisons) -> dict[str, object]:
    curves = [one.timing[state] if what == "timing" else one.spectra[1, state] for one in (ours, theirs)]
    return {
        "what": what,
        "source": source,
        "state": state,
        **{f"mixed {term.name} p": term.p for term in curves[0].terms},
        **{f"ANOVA {term.name} p": term.p for term in curves[1].terms},
        "bins": len(curves[1].bins.tests),
        "bins that differ": len(curves[1].bins.significant),
        "bins that differ, corrected": len(curves[0].bins.significant),
    }


def _save(drawn: Drawn, stem: Path) -> None:
    save_figure(drawn.figure, stem, drawn.data)

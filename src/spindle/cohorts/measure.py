"""One animal of a cohort: its architecture and its spectra as long tables, kept so that a second run is quick."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float

import latentia
from latentia.files import atomic_path
from spindle.architecture import ArchitectureSettings, LightCycle, SleepArchitecture, sleep_architecture
from spindle.cohorts.table import CohortRow
from spindle.errors import LabelError, OutputError
from spindle.hypnogram import Hypnogram
from spindle.labels import read_labels
from spindle.montage import choose_montages
from spindle.options import AnalysisOptions, ChannelOptions
from spindle.outputs import is_scores_csv, read_scores_csv
from spindle.reading import read_recording
from spindle.recording import EPOCH_S, Montage, Recording
from spindle.spectra import SpectrumSettings, clean_epochs, state_spectra

FORMAT = 1
"""Counts up when what is kept of an animal changes, so that older files are not taken for newer ones."""

MEASURING = ("light_hours", "dark_hours", "bin_hours", "timing_hours", "shortest_bout", "onset", "clean_above",
             "state_above", "drop_artifacts", "highest_hz")  # fmt: skip
"""The options that what is measured depends on; others only change how animals are compared."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Measured:
    """What is known of one animal.

    `architecture` and `timing` are tables of `SleepArchitecture.tidy` with bins of two lengths, `spectra` and `bands`
    those of `StateSpectra` with a column `eeg`, 1 or 2; empty where the epochs are not of 4 s. `by_zeitgeber` says
    whether bins are zeitgeber time or hours since the start.
    """

    animal: str
    group: str
    epoch_s: float
    epochs: int
    scored: int
    artifacts: int
    start: str
    by_zeitgeber: bool
    unit: str
    notes: tuple[str, ...]
    architecture: pd.DataFrame
    timing: pd.DataFrame
    spectra: pd.DataFrame
    bands: pd.DataFrame

    @property
    def hours(self) -> float:
        """Length of all epochs."""
        return self.epochs * self.epoch_s / 3600


@dataclass(frozen=True, kw_only=True)
class _Scoring:
    """A scoring with its probabilities, None where the file is an expert's and has none."""

    hypnogram: Hypnogram
    stage_probability: Float[np.ndarray, "epochs 3"] | None = None
    artifact_probability: Float[np.ndarray, " epochs"] | None = None


def measure(
    row: CohortRow,
    channels: ChannelOptions,
    options: AnalysisOptions,
    work: Path,
    *,
    advance: Callable[[float], None] = lambda share: None,
) -> Measured:
    """Measure one animal, or take what was measured before of the same files with the same options.

    Errors: those of reading the recording and its scores; LabelError where the two differ in length or the scores are
    of several experts; SettingError for a limit on probabilities that the scores do not have; OutputError.
    """
    kept = work / f"{_key(row, channels, options)}.json"
    measured = _restore(kept, row)
    if measured is None:
        measured = _measure(row, channels, options, advance)
        _keep(measured, kept)
    return measured


def _measure(
    row: CohortRow, channels: ChannelOptions, options: AnalysisOptions, advance: Callable[[float], None]
) -> Measured:
    recording = read_recording(row.recording, rate_hz=channels.rate_hz)
    montage = _montage(recording, row, channels)
    scoring = _scoring(row.scores, montage, recording)
    hypnogram = scoring.hypnogram
    keep = clean_epochs(
        hypnogram,
        artifact_probability=scoring.artifact_probability,
        stage_probability=scoring.stage_probability,
        clean_above=options.clean_above,
        state_above=options.state_above,
    )
    if options.clean_above is not None and scoring.artifact_probability is not None:
        unclean = 1 - np.nan_to_num(scoring.artifact_probability) <= options.clean_above
        hypnogram = hypnogram.with_artifact(unclean & hypnogram.scored)
    hourly, coarse = (
        _architecture(hypnogram, recording, row, options, h) for h in (options.bin_hours, options.timing_hours)
    )
    spectra, bands, units = _spectra(montage, hypnogram, keep, options, row.animal, advance)
    return Measured(
        animal=row.animal,
        group=row.group,
        epoch_s=hypnogram.epoch_s,
        epochs=len(hypnogram),
        scored=int(hypnogram.scored.sum()),
        artifacts=int((hypnogram.artifact & hypnogram.scored).sum()),
        start=recording.start.isoformat() if recording.start else "",
        by_zeitgeber=hourly.by_zeitgeber,
        unit=units,
        notes=_notes(row, recording.start, hypnogram),
        architecture=hourly.tidy(row.animal),
        timing=coarse.tidy(row.animal),
        spectra=spectra,
        bands=bands,
    )


def _montage(recording: Recording, row: CohortRow, channels: ChannelOptions) -> Montage:
    """Take the row's channels, else the options'; of a file with several animals the one that the row names."""
    montages = choose_montages(
        recording, eeg=row.eeg or channels.eeg, emg=row.emg or channels.emg, by_position=channels.by_position
    )
    if len(montages) == 1:
        return montages[0]
    for montage in montages:
        if montage.animal == row.animal:
            return montage
    animals = ", ".join(montage.animal for montage in montages)
    raise LabelError(
        f"{row.recording.name} holds several animals ({animals}); name one of them in the column animal, or its "
        "channels in the columns eeg and emg."
    )


def _scoring(path: Path, montage: Montage, recording: Recording) -> _Scoring:
    if is_scores_csv(path):
        saved = read_scores_csv(path)
        _check_length(saved.hypnogram, montage, path, recording)
        return _Scoring(
            hypnogram=saved.hypnogram,
            stage_probability=saved.stage_probability,
            artifact_probability=saved.artifact_probability,
        )
    experts = read_labels(path, epochs=montage.epochs, recording=recording.name)
    if len(experts) > 1:
        raise LabelError(f"{path.name} has the labels of {len(experts)} experts; an analysis needs those of one.")
    return _Scoring(hypnogram=experts[0])


def _check_length(hypnogram: Hypnogram, montage: Montage, path: Path, recording: Recording) -> None:
    """Refuse scores of another recording; epochs of another length are compared by the time that they cover."""
    lacking_s = montage.duration_s - len(hypnogram) * hypnogram.epoch_s
    if not -1e-3 <= lacking_s < hypnogram.epoch_s:
        raise LabelError(
            f"{path.name} has {len(hypnogram):,} epochs of {hypnogram.epoch_s:g} s, and {recording.name} lasts "
            f"{montage.duration_s:,.0f} s."
        )


def _architecture(
    hypnogram: Hypnogram, recording: Recording, row: CohortRow, options: AnalysisOptions, bin_h: float
) -> SleepArchitecture:
    cycle = None
    if row.lights_on is not None:
        cycle = LightCycle(lights_on=row.lights_on, light_h=options.light_hours, dark_h=options.dark_hours)
    settings = ArchitectureSettings(
        bin_h=bin_h,
        shortest_bout_epochs=options.shortest_bout,
        onset_epochs=options.onset,
        clean_only=options.drop_artifacts,
    )
    return sleep_architecture(hypnogram, start=recording.start, cycle=cycle, settings=settings)


def _spectra(
    montage: Montage,
    hypnogram: Hypnogram,
    keep: np.ndarray,
    options: AnalysisOptions,
    animal: str,
    advance: Callable[[float], None],
) -> tuple[pd.DataFrame, pd.DataFrame, str]:
    if hypnogram.epoch_s != EPOCH_S:
        return pd.DataFrame(), pd.DataFrame(), ""
    epochs = montage.epochs * len(montage.channels)
    done = 0

    def count(read: int) -> None:
        nonlocal done
        done += read
        advance(done / epochs)

    settings = SpectrumSettings(highest_hz=options.highest_hz, bands=bands_below(options.highest_hz))
    found = state_spectra(montage, hypnogram, keep=keep, settings=settings, advance=count)
    spectra = [one.tidy(animal).assign(eeg=place) for place, one in enumerate(found, start=1)]
    bands = [one.tidy_bands(animal).assign(eeg=place) for place, one in enumerate(found, start=1)]
    return pd.concat(spectra, ignore_index=True), pd.concat(bands, ignore_index=True), found[0].unit


def bands_below(highest_hz: float) -> tuple[Any, ...]:
    """The classical bands that spectra up to there hold whole."""
    return tuple(band for band in SpectrumSettings().bands if band.high_hz <= highest_hz)


def _notes(row: CohortRow, start: datetime | None, hypnogram: Hypnogram) -> tuple[str, ...]:
    notes = []
    if row.lights_on is not None and start is None:
        notes.append(
            f"{row.recording.name} does not say when it started, so '{row.animal}' has no zeitgeber time and is left "
            "out where bins are zeitgeber time."
        )
    missing = [stage for stage, share in hypnogram.fractions().items() if share == 0]
    if missing:
        notes.append(f"'{row.animal}' has no epoch of {' or '.join(missing)}.")
    if hypnogram.epoch_s != EPOCH_S:
        found = f"its scores have epochs of {hypnogram.epoch_s:g} s"
        notes.append(f"'{row.animal}' has no spectra: they need epochs of {EPOCH_S:g} s, and {found}.")
    return tuple(notes)


def _key(row: CohortRow, channels: ChannelOptions, options: AnalysisOptions) -> str:
    """Name what is measured: the scores' content, the recording by its size and date, and what was asked for.

    A day's recording is not read just to see that it has not changed.
    """
    state = row.recording.stat()
    told = {
        "format": FORMAT,
        "version": latentia.__version__,
        "scores": hashlib.sha256(row.scores.read_bytes()).hexdigest(),
        "recording": [str(row.recording.resolve()), state.st_size, state.st_mtime_ns],
        "row": [row.animal, str(row.lights_on), row.eeg, row.emg],
        "channels": asdict(channels),
        "options": {name: getattr(options, name) for name in MEASURING},
    }
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:20]


def _keep(measured: Measured, path: Path) -> None:
    frames = {name: value for name, value in vars(measured).items() if isinstance(value, pd.DataFrame)}
    plain = {name: value for name, value in vars(measured).items() if name not in frames}
    tables = {name: frame.to_dict("list") for name, frame in frames.items()}
    try:
        with atomic_path(path) as temporary:
            temporary.write_text(json.dumps({"plain": plain, "tables": tables}), encoding="utf-8")
    except OSError as error:
        raise OutputError(f"{path} cannot be written: {error.strerror or error}.") from None


def _restore(path: Path, row: CohortRow) -> Measured | None:
    """Read what was kept; None where there is nothing, or nothing that can be read."""
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
        plain = {**kept["plain"], "notes": tuple(kept["plain"]["notes"]), "group": row.group}
        return Measured(**plain, **{name: pd.DataFrame(columns) for name, columns in kept["tables"].items()})
    except (OSError, ValueError, KeyError, TypeError):
        return None

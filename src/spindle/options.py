"""The options that several commands share: one place for their names, defaults and help.

A command takes such records as parameters, and `latentia.command_line` makes its flags from their fields. The functions
of the same names in Python have the same parameters with the same defaults; a test compares them.
"""

from __future__ import annotations

from argparse import ArgumentTypeError
from collections.abc import Collection, Iterable
from dataclasses import dataclass, fields
from datetime import time
from pathlib import Path
from typing import Any, Literal

from latentia.command_line.options import option
from spindle.errors import SettingError
from spindle.outputs import Format

MethodName = Literal["spindle", "faster", "scoprism", "autoscore"]
"""SPINDLE, and the three methods that the thesis compares it with (`spindle.baselines`)."""

CohortName = Literal["A", "B", "C", "D"]
"""A cohort of the thesis' Table 5.2."""


def parse_formats(value: str | Iterable[str]) -> tuple[Format, ...]:
    """Read formats, one by one or between commas. Errors: ArgumentTypeError, which names those there are."""
    parts = value.split(",") if isinstance(value, str) else value
    names = [name.strip().lower() for name in parts]
    for name in names:
        if name not in list(Format):
            raise ArgumentTypeError(f"'{name}' is no format; there are {', '.join(Format)}")
    return tuple(Format(name) for name in dict.fromkeys(names))


@dataclass(frozen=True, kw_only=True)
class ChannelOptions:
    """Channels."""

    eeg: tuple[str, ...] = option((), "an EEG channel by its name; give it twice for two EEGs", metavar="NAME")
    emg: str | None = option(None, "the EMG channel by its name", metavar="NAME")
    by_position: bool = option(False, "take channels 1 and 2 as EEG and 3 as EMG; of two, the second is the EMG")
    rate_hz: float | None = option(
        None, "samples per second, for a file that does not say it: NPZ, CSV or Parquet", metavar="HZ"
    )


@dataclass(frozen=True, kw_only=True)
class MethodOptions:
    """Method."""

    method: MethodName = option("spindle", "SPINDLE, or one of three older methods to compare it with")
    model: Path | None = option(
        None, "a model made by `spindle train`, instead of the one that comes with the package", metavar="FILE"
    )
    transitions: Path | None = option(
        None,
        "probabilities of transitions, instead of the model's: 3 lines of 3 numbers, from and to wake, NREM, REM",
        metavar="FILE",
    )
    thesis: bool = option(False, "decode as in the thesis: equal transitions, full evidence, standardised once")
    artifact_threshold: float = option(0.5, "an epoch is an artifact above this probability", metavar="SHARE")

    def __post_init__(self) -> None:
        if not 0 < self.artifact_threshold < 1:
            raise SettingError(f"The artifact threshold must lie between 0 and 1, not at {self.artifact_threshold:g}.")
        check_method(self.method, **changed(self, but=("method", "model")))


def changed(options: Any, *, but: Collection[str] = ()) -> dict[str, bool]:
    """Tell of each field of a record of options, save those of `but`, whether it differs from its default."""
    return {one.name: getattr(options, one.name) != one.default for one in fields(options) if one.name not in but}


def check_method(method: MethodName, **given: bool) -> None:
    """Refuse options that another method than SPINDLE has no use for; `given` says which were. Errors: SettingError."""
    named = [f"--{name.replace('_', '-')}" for name, is_given in given.items() if is_given]
    if method != "spindle" and named:
        raise SettingError(f"The method {method} has no use for {' and '.join(named)}; leave out one or the other.")


@dataclass(frozen=True, kw_only=True)
class DensityOptions:
    """Artifacts by a density."""

    density: Path | None = option(
        None, "find artifacts by a density made by `spindle train --density`, not by the network", metavar="FILE"
    )
    density_threshold: float | None = option(
        None, "log density below which an epoch is an artifact, instead of the file's: nats per number", metavar="NATS"
    )
    density_layers: int = option(2, "layers of the density, from the top, that tell artifacts", metavar="COUNT")
    density_samples: int = option(1, "draws per epoch; more take longer and make less noise", metavar="COUNT")

    def __post_init__(self) -> None:
        usual = (self.density_threshold, self.density_layers, self.density_samples) == (None, 2, 1)
        if self.density is None and not usual:
            raise SettingError("The density's options want its file: --density FILE, made by spindle train --density.")


@dataclass(frozen=True, kw_only=True)
class ResultOptions:
    """Results."""

    out: Path = option(Path("out"), "folder for the results; it is made where it does not exist", metavar="FOLDER")
    formats: tuple[Format, ...] = option(
        tuple(Format), "formats of the hypnogram, between commas", metavar="NAMES", parse=parse_formats
    )
    report: bool = option(True, "write a report that opens in any browser")
    figure: bool = option(False, "write a picture for papers and talks, as PNG and SVG")


@dataclass(frozen=True, kw_only=True)
class BatchOptions:
    """Several recordings."""

    list: Path | None = option(
        None, "recordings to score: a text with one on each line, or a table with a column 'recording'", metavar="FILE"
    )
    workers: int = option(1, "recordings scored at a time, each by a process of its own", metavar="COUNT")
    cluster: str | None = option(None, "score on a Dask cluster, given its scheduler's address", metavar="ADDRESS")
    again: bool = option(False, "score also those whose results are there already")

    def __post_init__(self) -> None:
        if self.workers < 1:
            raise SettingError(f"There must be at least one worker, not {self.workers}.")


@dataclass(frozen=True, kw_only=True)
class TrainingOptions:
    """Training."""

    seed: int = option(0, "decides the first weights, the order of epochs and what is held out", metavar="NUMBER")
    passes: int = option(30, "times through all epochs, at most", metavar="COUNT")
    patience: int = option(3, "stop after so many passes that did not help on held-out epochs", metavar="COUNT")
    learning_rate: float = option(5e-5, "step size of the optimiser, Adam", metavar="RATE")
    batch: int = option(100, "epochs per step", metavar="COUNT")
    rows: Literal["narrow", "wide"] = option("narrow", "rows of the spectrogram: 0.5-12 Hz, or 0.5-24 Hz in pairs")
    augment: bool = option(False, "vary the electrodes, for a model that other laboratories will use")
    threads: int | None = option(None, "processor threads; as many as torch chooses", metavar="COUNT")
    accelerator: Literal["auto", "cpu", "cuda", "mps"] = option("auto", "where to compute")
    precision: Literal["32-true", "bf16-mixed", "16-mixed"] = option("32-true", "arithmetic of the training")
    name: str = option("own recordings", "what the model calls itself in reports", metavar="TEXT")

    def __post_init__(self) -> None:
        counts = {"passes": self.passes, "patience": self.patience, "batch": self.batch, "threads": self.threads or 1}
        for name, value in counts.items():
            if value < 1:
                raise SettingError(f"--{name} must be 1 or more, not {value}.")
        if not 0 < self.learning_rate < 1:
            raise SettingError(f"The learning rate must lie between 0 and 1, not at {self.learning_rate:g}.")
        if self.seed < 0:
            raise SettingError(f"The seed must be 0 or more, not {self.seed}.")


def parse_clock(value: str) -> str:
    """Check a time of day, such as 07:30. Errors: ArgumentTypeError."""
    try:
        time.fromisoformat(value.strip().zfill(5))
    except ValueError:
        raise ArgumentTypeError(f"'{value}' is no time of day, such as 07:30") from None
    return value.strip().zfill(5)


@dataclass(frozen=True, kw_only=True)
class AnalysisOptions:
    """Analysis."""

    lights_on: str | None = option(
        None, "when the lights go on, where the table does not say it", metavar="HH:MM", parse=parse_clock
    )
    light_hours: float = option(12.0, "hours of light", metavar="HOURS")
    dark_hours: float = option(12.0, "hours of dark", metavar="HOURS")
    bin_hours: float = option(1.0, "length of the bins of bouts and transitions (Fig. 5.11)", metavar="HOURS")
    timing_hours: float = option(2.0, "length of the bins of the day's course (Fig. 5.12)", metavar="HOURS")
    shortest_bout: int = option(1, "shorter runs of a state are no bouts", metavar="EPOCHS")
    onset: int = option(1, "so many epochs of a state end the search for its first one", metavar="EPOCHS")
    clean_above: float | None = option(
        None,
        "an epoch is clean above this probability (0.5 and 0.7 in the thesis), instead of by the flags of its scores",
        metavar="SHARE",
    )
    state_above: float = option(0.0, "spectra use epochs whose state is more probable than this", metavar="SHARE")
    drop_artifacts: bool = option(False, "leave artifacts out of shares as well, as in Fig. 5.12")
    highest_hz: float = option(25.0, "upper end of the spectra, less than 64 Hz", metavar="HZ")
    spectrum: Literal["relative", "relative_to_states", "power", "db"] = option(
        "relative", "what groups are compared by: share of the state's power, of the states' mean, power, or decibels"
    )
    statistics: Literal["mixed", "thesis"] = option(
        "mixed", "mixed model, or two-way ANOVA and uncorrected t tests as in the thesis"
    )
    correction: Literal["holm", "fdr_bh", "none"] = option(
        "holm", "how p-values of bins are corrected for their number; the thesis corrects nothing"
    )
    reference: str | None = option(
        None, "the group that others are compared with (default: the table's first)", metavar="GROUP"
    )

    def __post_init__(self) -> None:
        for name in ("light_hours", "dark_hours", "bin_hours", "timing_hours", "shortest_bout", "onset"):
            if not getattr(self, name) > 0:
                raise SettingError(f"--{name.replace('_', '-')} must be more than 0, not {getattr(self, name):g}.")
        for name in ("bin_hours", "timing_hours"):
            if getattr(self, name) > self.light_hours + self.dark_hours:
                raise SettingError(
                    f"--{name.replace('_', '-')} {getattr(self, name):g} is longer than the light cycle of "
                    f"{self.light_hours + self.dark_hours:g} h."
                )
        for name, value in (("clean-above", self.clean_above or 0.0), ("state-above", self.state_above)):
            if not 0 <= value < 1:
                raise SettingError(f"--{name} must lie between 0 and 1, not at {value:g}.")
        if not 0.5 <= self.highest_hz < 64:
            raise SettingError(f"--highest-hz must lie between 0.5 and less than 64, not at {self.highest_hz:g}.")


@dataclass(frozen=True, kw_only=True)
class SimulationOptions:
    """Simulation."""

    out: Path | None = option(
        None,
        "the EDF file, or the folder for several (default: simulated.edf, cohort_A or laboratories)",
        metavar="PATH",
    )
    hours: float = option(24.0, "length of each recording; the longest one of laboratories", metavar="HOURS")
    seed: int = option(0, "another number gives other animals; the same one the same bytes", metavar="NUMBER")
    cohort: CohortName | None = option(None, "all animals of a cohort of the thesis' Table 5.2")
    laboratories: int = option(0, "one animal each of so many laboratories that differ in everything", metavar="COUNT")
    shortest_hours: float = option(0.3, "the shortest recording of laboratories", metavar="HOURS")
    workers: int = option(1, "recordings simulated at a time, each by a process of its own", metavar="COUNT")

    def __post_init__(self) -> None:
        if not 0 < self.hours <= 24 * 31:
            raise SettingError(f"A recording can last up to 31 days; --hours {self.hours:g} does not fit.")
        if self.laboratories < 0 or self.workers < 1 or self.seed < 0:
            raise SettingError("Seed and number of laboratories are 0 or more, workers 1 or more.")
        if self.cohort and self.laboratories:
            raise SettingError("A simulation is of a cohort or of laboratories, not of both.")
        if self.laboratories and not 0 < self.shortest_hours <= self.hours:
            raise SettingError(
                f"The shortest recording, {self.shortest_hours:g} h, must be more than 0 and no longer than the "
                f"longest, {self.hours:g} h (--hours)."
            )

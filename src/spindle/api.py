"""The commands from Python, with the names and defaults of the command line.

`spindle.score`, `spindle.train`, `spindle.learning_curve`, `spindle.evaluate`, `spindle.analyze`, `spindle.simulate`
and `spindle.report` are these functions, and `spindle.score_many` is `spindle score` with several recordings. They say
nothing on the screen and raise a `latentia.errors.LatentiaError`, mostly of its branch `SpindleError`, where the
command line prints one sentence.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from latentia.errors import LatentiaError
from latentia.folders import make_folder, remove_if_empty
from spindle.agreement import Evaluation
from spindle.agreement import evaluate as compare
from spindle.baselines import BaselineModel, learn_model, save_baseline
from spindle.batch import ScoringOptions, Show, score_recordings
from spindle.batch_files import find_recordings
from spindle.batch_summary import Row
from spindle.curve import CurveSettings, LearningCurve, measure_curve
from spindle.errors import ChannelError, SettingError
from spindle.hypnogram import Hypnogram
from spindle.labelled_files import LabelledFile, find_labelled, read_all_labelled, read_all_signals
from spindle.labels import read_labels
from spindle.markov import Transitions
from spindle.model_file import SpindleModel, load_model, starter_model
from spindle.montage import choose_montage, choose_montages
from spindle.options import (
    AnalysisOptions,
    BatchOptions,
    ChannelOptions,
    CohortName,
    DensityOptions,
    MethodName,
    MethodOptions,
    ResultOptions,
    SimulationOptions,
    changed,
    check_method,
)
from spindle.outputs import is_scores_csv, read_scores_csv, report_of
from spindle.reading import read_recording
from spindle.recording import Montage, Recording
from spindle.report_page import write_report
from spindle.scoring import AnyMethod, Method, Progress, load_method, restore_scores, score, score_montage
from spindle.simulation.folders import simulate_files
from spindle.training import DATA, TrainingConfig, TrainingProgress
from spindle.training import train as train_networks

if TYPE_CHECKING:
    from spindle.cohorts.analysis import Analysis

__all__ = [
    "Compared",
    "analyze",
    "compare_files",
    "evaluate",
    "learn_on_files",
    "learning_curve",
    "model_to_start_from",
    "report",
    "score",
    "score_many",
    "simulate",
    "train",
    "train_on_files",
]

STARTER, NOTHING = "starter", "nothing"
"""Names of what a training starts from: the model that comes with the package, and new weights."""


def score_many(
    recordings: Sequence[Path | str],
    *,
    channels: ChannelOptions | None = None,
    method: MethodOptions | None = None,
    density: DensityOptions | None = None,
    results: ResultOptions | None = None,
    workers: int = 1,
    cluster: str | None = None,
    again: bool = False,
    progress: Show = lambda what, share, detail: None,
) -> tuple[Row, ...]:
    """Score recordings, and folders of such, as the command line does, and return a row for each animal.

    Results go to `results.out`, with a `summary.csv`; those that are there already are kept, unless `again`. The four
    records have the fields of the command line's options. What goes wrong with a recording is in its row.
    Errors: those of `spindle.batch_files.find_recordings` and `spindle.batch.score_recordings`.
    """
    options = ScoringOptions(
        channels=channels or ChannelOptions(),
        method=method or MethodOptions(),
        density=density or DensityOptions(),
        results=results or ResultOptions(),
    )
    batch = BatchOptions(workers=workers, cluster=cluster, again=again)
    return score_recordings(find_recordings([Path(one) for one in recordings]), options, batch, progress=progress)


def train(
    recordings: Sequence[Path | str],
    *,
    labels: Sequence[Path | str] = (),
    run: Path | str = "training",
    resume: bool = False,
    base: Path | str | SpindleModel | None = None,
    method: MethodName = "spindle",
    eeg: Sequence[str] = (),
    emg: str | None = None,
    by_position: bool = False,
    rate_hz: float | None = None,
    config: TrainingConfig | None = None,
) -> SpindleModel | BaselineModel:
    """Train a model on labelled recordings, or on folders of such, and keep it in the folder `run`.

    Labels stand beside each recording, or are given in the same order. `base` is a model to start from, "starter" the
    one that comes with the package. The fields of `config` are the command line's options under "Training".
    Another `method` than SPINDLE uses only the name in `config`, and neither `resume` nor `base`.
    Errors: those of reading, of `spindle.training.train` and of `learn_on_files`.
    """
    settings = config or TrainingConfig()
    check_method(method, resume=resume, base=base is not None, **changed(settings, but=("name",)))
    files = find_labelled([Path(one) for one in recordings], [Path(one) for one in labels])
    channels = ChannelOptions(eeg=tuple(eeg), emg=emg, by_position=by_position, rate_hz=rate_hz)
    if method != "spindle":
        return learn_on_files(method, files, channels, Path(run), name=settings.name)
    return train_on_files(files, channels, settings, Path(run), resume=resume, base=base)


def learn_on_files(
    method: MethodName,
    files: Sequence[LabelledFile],
    channels: ChannelOptions,
    run: Path,
    *,
    name: str,
    progress: Progress = lambda what, share: None,
) -> BaselineModel:
    """Learn one of the methods that SPINDLE is compared with, and keep it as METHOD.json in the folder `run`.

    Errors: SettingError where that file exists, or a state has no epoch; OutputError; those of reading.
    """
    target = run / f"{method}.json"
    if target.exists():
        raise SettingError(f"{target} exists already; name another folder.")
    named = ", ".join(file.recording.name for file in files[:5]) + (", …" if len(files) > 5 else "")
    recordings = read_all_signals(files, channels, progress=progress)
    model = learn_model(method, recordings, name=name, data=f"{len(files)} labelled recordings ({named})")
    make_folder(run)
    save_baseline(model, target)
    return model


def train_on_files(
    files: Sequence[LabelledFile],
    channels: ChannelOptions,
    config: TrainingConfig,
    run: Path,
    *,
    resume: bool = False,
    base: Path | str | SpindleModel | None = None,
    progress: Progress = lambda what, share: None,
    on_progress: Callable[[TrainingProgress], None] = lambda state: None,
) -> SpindleModel:
    """Train on these files; `progress` tells of reading, `on_progress` of training."""
    recordings = read_all_labelled(files, channels, config.rows, progress=progress)
    started_from = model_to_start_from(base)
    try:
        return train_networks(recordings, config, run, resume=resume, base=started_from, on_progress=on_progress)
    except LatentiaError:
        remove_if_empty(run / DATA, run)
        raise


def learning_curve(
    recordings: Sequence[Path | str],
    *,
    animals: Sequence[int] = (1, 2, 4),
    repeats: int = 3,
    base: Path | str | SpindleModel = STARTER,
    out: Path | str = "learning-curve",
    eeg: Sequence[str] = (),
    emg: str | None = None,
    by_position: bool = False,
    rate_hz: float | None = None,
    config: TrainingConfig | None = None,
) -> LearningCurve:
    """Measure what learning from one, two, four animals brings on others, and keep curve and models in `out`.

    Recordings, or folders of such, have their labels beside them. The same call goes on after an interruption.
    Errors: those of reading and of `spindle.curve.measure_curve`.
    """
    from spindle.curve_figure import write_curve  # matplotlib and pandas, which nothing else here needs

    settings = CurveSettings(
        sizes=tuple(animals),
        repeats=repeats,
        base=model_to_start_from(base),
        config=config or TrainingConfig(),
    )
    channels = ChannelOptions(eeg=tuple(eeg), emg=emg, by_position=by_position, rate_hz=rate_hz)
    curve = measure_curve(find_labelled([Path(one) for one in recordings]), channels, settings, Path(out))
    write_curve(curve, Path(out))
    return curve


def evaluate(
    scoring: Path | str,
    labels: Path | str | Sequence[Path | str],
    *,
    eeg: Sequence[str] = (),
    emg: str | None = None,
    by_position: bool = False,
    rate_hz: float | None = None,
    method: MethodName = "spindle",
    model: Path | str | SpindleModel | BaselineModel | None = None,
    transitions: Path | str | Transitions | None = None,
    artifact_threshold: float = 0.5,
    thesis: bool = False,
) -> Evaluation:
    """Compare with experts: a recording, which is scored now, or saved scores, `NAME_scores.csv`.

    Label files may hold one expert or several. With saved scores there is no figure before decoding, and options that
    are for scoring are refused. Errors: LabelError, also for labels of another length; and those of `score`.
    """
    files = [Path(labels)] if isinstance(labels, str | Path) else [Path(one) for one in labels]
    channels = ChannelOptions(eeg=tuple(eeg), emg=emg, by_position=by_position, rate_hz=rate_hz)
    usual = not (model or transitions or thesis) and artifact_threshold == Method.artifact_threshold
    usual = usual and method == "spindle"
    load = None if usual else partial(load_method, model, transitions, artifact_threshold, thesis=thesis, method=method)
    return compare_files(Path(scoring), files, channels, load).evaluation


@dataclass(frozen=True, kw_only=True)
class Compared:
    """An evaluation and what it compares, for pictures. `montage` is None where scores were saved."""

    evaluation: Evaluation
    scored: Hypnogram
    experts: tuple[Hypnogram, ...]
    name: str
    montage: Montage | None = None
    start: datetime | None = None


def compare_files(
    scoring: Path,
    labels: Sequence[Path],
    channels: ChannelOptions,
    load: Callable[[], AnyMethod] | None,
    *,
    progress: Progress = lambda what, share: None,
) -> Compared:
    """Compare as `evaluate` does; `load` gives a method other than the usual one, once the labels are known to fit."""
    if is_scores_csv(scoring):
        if channels != ChannelOptions() or load is not None:
            raise SettingError(f"{scoring.name} holds scores already; channels, method and density are for recordings.")
        saved = read_scores_csv(scoring)
        experts = _experts(labels, len(saved.hypnogram), scoring)
        judged = compare(saved.hypnogram, experts, stage_probability=saved.stage_probability)
        return Compared(evaluation=judged, scored=saved.hypnogram, experts=experts, name=scoring.name)
    recording = read_recording(scoring, rate_hz=channels.rate_hz)
    montage = choose_montage(recording, eeg=channels.eeg, emg=channels.emg, by_position=channels.by_position)
    experts = _experts(labels, montage.epochs, scoring)
    scores = score_montage(montage, (load or load_method)(), name=recording.name, progress=progress)
    network = scores.network_probability
    judged = compare(
        scores.hypnogram,
        experts,
        network_probability=None if np.isnan(network).all() else network,
        stage_probability=scores.stage_probability,
    )
    return Compared(
        evaluation=judged,
        scored=scores.hypnogram,
        experts=experts,
        name=recording.name,
        montage=montage,
        start=recording.start,
    )


def simulate(
    out: Path | str | None = None,
    *,
    hours: float = 24.0,
    seed: int = 0,
    cohort: CohortName | None = None,
    laboratories: int = 0,
    shortest_hours: float = 0.3,
    workers: int = 1,
) -> list[Path]:
    """Simulate one mouse, or the animals of a cohort or of laboratories, and return the paths of the EDF+ files.

    `out` is a file for one mouse and a folder for several animals. Errors: SettingError; OutputError where a file
    would replace one that is not simulated.
    """
    options = SimulationOptions(
        out=None if out is None else Path(out),
        hours=hours,
        seed=seed,
        cohort=cohort,
        laboratories=laboratories,
        shortest_hours=shortest_hours,
        workers=workers,
    )
    return simulate_files(options)


def report(
    recording: Path | str | Recording,
    scores: Path | str,
    *,
    out: Path | str | None = None,
    eeg: Sequence[str] = (),
    emg: str | None = None,
    by_position: bool = False,
    rate_hz: float | None = None,
    progress: Progress = lambda what, share: None,
) -> Path:
    """Write the report of saved scores, `NAME_scores.csv`, and return its path; states changed by hand are kept.

    Without `out` it is `NAME_report.html` beside the scores. Errors: those of reading; LabelError where the scores
    have another number of epochs than the recording; OutputError.
    """
    saved = Path(scores)
    target = Path(out) if out is not None else report_of(saved)
    opened = recording if isinstance(recording, Recording) else read_recording(Path(recording), rate_hz=rate_hz)
    montage = _montage_of(saved, choose_montages(opened, eeg=eeg, emg=emg, by_position=by_position))
    restored = restore_scores(read_scores_csv(saved), montage, opened, source=saved.name, progress=progress)
    make_folder(target.parent)
    write_report(restored, target)
    return target


def analyze(
    cohort: Path | str,
    *,
    out: Path | str = "analysis",
    scores: Path | str | None = None,
    eeg: Sequence[str] = (),
    emg: str | None = None,
    by_position: bool = False,
    rate_hz: float | None = None,
    settings: AnalysisOptions | None = None,
    progress: Progress = lambda what, share: None,
) -> Analysis:
    """Compare groups of scored animals and write tables, figures and a page to the folder `out`.

    `cohort` is a table of recordings and groups, `spindle.cohorts.table` says which; `eeg` and `emg` are for its rows
    without their own. The fields of `settings` are the command line's options under "Analysis". An animal that cannot
    be analysed is one of `Analysis.pool.failed`. Errors: CohortError, SettingError, OutputError.
    """
    from spindle.cohorts.analysis import analyze_cohort  # statsmodels takes a second, which scoring need not wait for

    channels = ChannelOptions(eeg=tuple(eeg), emg=emg, by_position=by_position, rate_hz=rate_hz)
    folder = None if scores is None else Path(scores)
    return analyze_cohort(
        Path(cohort), Path(out), scores=folder, channels=channels, options=settings, progress=progress
    )


def _experts(files: Sequence[Path], epochs: int, scoring: Path) -> tuple[Hypnogram, ...]:
    return tuple(expert for file in files for expert in read_labels(file, epochs=epochs, recording=scoring.name))


def _montage_of(scores: Path, montages: Sequence[Montage]) -> Montage:
    """Find the animal that saved scores are of, by the end of their name: NAME_ANIMAL_scores.csv."""
    stem = scores.stem.removesuffix("_scores")
    found = [one for one in montages if len(montages) == 1 or stem.endswith(f"_{one.animal}")]
    if len(found) != 1:
        animals = ", ".join(montage.animal for montage in montages)
        raise ChannelError(f"The recording holds several animals ({animals}); name the EEG and EMG of one.")
    return found[0]


def model_to_start_from(base: Path | str | SpindleModel | None) -> SpindleModel | None:
    """Load the model that is named by its file, "starter", or "nothing". Errors: ModelError."""
    if base is None or isinstance(base, SpindleModel):
        return base
    if str(base) == NOTHING:
        return None
    return starter_model() if str(base) == STARTER else load_model(Path(base).expanduser())

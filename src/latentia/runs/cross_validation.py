"""Cross-validation: one training for each fold of the training images, side by side, and what they give on average.

The test images have no part in it: folds are taken from the images that a data set gives for training and validation,
and the best weights of a fold are those that do best on its held-out images.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import joblib
import torch

from latentia.errors import LatentiaError, LostWorkerError, SettingError, TrainingError
from latentia.runs.configuration import Configuration
from latentia.runs.fold import Fold
from latentia.runs.folder import RunFolder
from latentia.runs.settings import plain
from latentia.runs.training import train
from latentia.training import Progress, hardware, source_version, write_record
from latentia.workers import parallel_backend, threads_each

COUNTERS = ("pass", "step", "seconds", "loss")
"""What a history has besides figures of the held-out images."""


@dataclass(frozen=True, kw_only=True)
class FoldResult:
    """The best evaluation of one fold's training, on the images held out from it."""

    number: int
    figures: Mapping[str, float]
    step: int
    """Where in the training it was."""
    seconds: float
    """Spent on training."""


@dataclass(frozen=True, kw_only=True)
class CrossValidation:
    """Results of all folds, in their order."""

    folds: tuple[FoldResult, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the figures."""
        return tuple(self.folds[0].figures)

    def mean(self, name: str) -> float:
        """Mean of a figure over the folds."""
        return statistics.fmean(fold.figures[name] for fold in self.folds)

    def deviation(self, name: str) -> float:
        """Standard deviation of a figure over the folds, as of a sample of them (n − 1)."""
        return statistics.stdev(fold.figures[name] for fold in self.folds)


def cross_validate(
    configuration: Configuration,
    folder: Path,
    *,
    folds: int = 5,
    workers: int = 1,
    cluster: str | None = None,
    resume: bool = False,
    on_fold: Callable[[FoldResult], None] = lambda result: None,
    on_progress: Callable[[Progress], None] | None = None,
) -> CrossValidation:
    """Train on all folds but one, for each of them, in `folder`/fold-1, fold-2 and so on.

    `workers` trainings run at a time, each in a process of its own with its share of the processor's cores; with the
    address of a Dask scheduler as `cluster` they run on its workers, which must see the data and the folder under the
    same names. `on_fold` is told of each that ends, in the order of their ends; with one worker, `on_progress` follows
    the training itself. With `resume`, folds that are done are not trained again, and interrupted ones go on.
    The results are also written to `folder`/cross-validation.json.

    Errors: SettingError for fewer than 2 folds or settings that do not fit; those of `train`, and for what is in the
    folder already before any training begins; TrainingError where a process was killed.
    """
    if workers < 1:
        raise SettingError(f"There must be at least one worker, not {workers}.")
    each = [replace(configuration, fold=fold) for fold in Fold.all(folds)]
    for number, one in enumerate(each, start=1):  # all before any: a training may take hours
        RunFolder(path=fold_folder(folder, number)).check(one, resume=resume)
    # Dask's workers go by their own number of threads.
    threads = None if cluster else threads_each(workers)
    if workers == 1 and cluster is None:
        results = (_train_fold(one, folder, resume, None, on_progress) for one in each)
        return _gather(results, configuration, folder, on_fold)
    try:
        with parallel_backend(cluster):
            parallel = joblib.Parallel(n_jobs=-1 if cluster else workers, return_as="generator_unordered")
            done = parallel(joblib.delayed(_train_fold)(one, folder, resume, threads) for one in each)
            return _gather(done, configuration, folder, on_fold)
    except LostWorkerError as error:
        raise TrainingError(
            "A process that trained a fold came to its end from outside, as happens where memory is too small; fewer "
            "workers need less of it. The same command with --resume goes on."
        ) from error


def fold_folder(folder: Path, number: int) -> Path:
    """Where the run of a fold is."""
    return folder / f"fold-{number}"


def _train_fold(
    configuration: Configuration,
    folder: Path,
    resume: bool,
    threads: int | None = None,
    on_progress: Callable[[Progress], None] | None = None,
) -> FoldResult | LatentiaError:
    """Train one fold; give the problem where there is one, which a process would otherwise hand on as a traceback."""
    if threads is not None:
        torch.set_num_threads(threads)
    fold = configuration.fold
    assert fold is not None
    try:
        outcome = train(
            configuration,
            fold_folder(folder, fold.number),
            resume=resume,
            pictures=False,
            on_progress=on_progress or (lambda progress: None),
        )
    except LatentiaError as problem:
        return problem
    best = outcome.history[outcome.best]
    figures = {name: value for name, value in best.items() if name not in COUNTERS}
    return FoldResult(number=fold.number, figures=figures, step=int(best["step"]), seconds=outcome.seconds)


def _gather(
    results: Iterator[FoldResult | LatentiaError],
    configuration: Configuration,
    folder: Path,
    on_fold: Callable[[FoldResult], None],
) -> CrossValidation:
    done: list[FoldResult] = []
    problems: list[LatentiaError] = []
    for result in results:  # to the end: the other folds are worth having when one fails
        if isinstance(result, LatentiaError):
            problems.append(result)
        else:
            on_fold(result)
            done.append(result)
    if problems:
        raise problems[0]
    validation = CrossValidation(folds=tuple(sorted(done, key=lambda one: one.number)))
    _write(validation, configuration, folder / "cross-validation.json")
    return validation


def _write(validation: CrossValidation, configuration: Configuration, path: Path) -> None:
    record = {
        "folds": [asdict(fold) for fold in validation.folds],
        "mean": {name: validation.mean(name) for name in validation.names},
        "standard_deviation": {name: validation.deviation(name) for name in validation.names},
        "config": plain(configuration),
        "source": source_version(Path(__file__)),
        "hardware": hardware(),
    }
    write_record(record, path)

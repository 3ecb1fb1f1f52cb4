"""Many recordings, scored one after the other, side by side, or on a cluster; what is done stays done.

One recording never costs another: what goes wrong with it becomes a sentence, and a process that dies over it takes
nothing else with it. Results that are complete, and just what would be made now, are not made again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from latentia.command_line.screen import sentence_of
from latentia.errors import LatentiaError
from latentia.folders import check_output_folder, make_folder
from spindle.batch_record import RecordingState, Settings, forget, kept_rows, write_record
from spindle.batch_summary import Outcome, Row, check_summary, write_summary
from spindle.chosen_method import load_chosen
from spindle.errors import OutputError
from spindle.montage import choose_montages
from spindle.options import BatchOptions, ChannelOptions, DensityOptions, MethodOptions, ResultOptions
from spindle.outputs import Format, write_outputs
from spindle.reading import read_recording
from spindle.recording import Montage, Recording
from spindle.scores import Scores

if TYPE_CHECKING:
    from spindle.scoring import AnyMethod

Show = Callable[[str, float, str], None]
"""Called with what is being done, the share of it that is done, 0 to 1, and a detail to show beside it."""

LOST = (
    "The process that scored it came to its end from outside, twice, as happens where memory is too small; fewer "
    "workers need less of it."
)

_Options = TypeVar("_Options", ChannelOptions, MethodOptions, DensityOptions, ResultOptions)

_Failure = (LatentiaError, OSError, MemoryError)
"""What may go wrong with one recording, and need not with the next."""


@dataclass(frozen=True, kw_only=True)
class ScoringOptions:
    """All that decides the results of a recording."""

    channels: ChannelOptions = field(default_factory=ChannelOptions)
    method: MethodOptions = field(default_factory=MethodOptions)
    density: DensityOptions = field(default_factory=DensityOptions)
    results: ResultOptions = field(default_factory=ResultOptions)

    def absolute(self) -> ScoringOptions:
        """The same with names of files that hold in every working folder."""
        return ScoringOptions(
            channels=_with_absolute_paths(self.channels),
            method=_with_absolute_paths(self.method),
            density=_with_absolute_paths(self.density),
            results=_with_absolute_paths(self.results),
        )


def score_recordings(
    recordings: Sequence[Path],
    options: ScoringOptions,
    batch: BatchOptions,
    *,
    on_rows: Callable[[tuple[Row, ...]], None] = lambda rows: None,
    progress: Show = lambda what, share, detail: None,
) -> tuple[Row, ...]:
    """Score recordings and write their results and `summary.csv`; return a row for each animal, in their order.

    `on_rows` is told of each recording when it is done. Without `batch.again`, results that are complete and were made
    from the same recording with the same settings are kept. Workers of a cluster must see recordings, models and the
    folder for results under the same names.

    Errors: OutputError where results cannot be written at all; ModelError; SettingError for a cluster that is not
    there. What is wrong with a recording is in its row.
    """
    out = options.results.out
    check_output_folder(out)
    check_summary(out)
    settings = Settings.of(options.channels, options.method, options.density, options.results)
    found: dict[int, tuple[Row, ...]] = {}

    def take(place: int, rows: tuple[Row, ...]) -> None:
        found[place] = tuple(replace(row, recording=str(recordings[place])) for row in rows)
        on_rows(found[place])
        progress("Scoring recordings", len(found) / len(recordings), "")

    for place, path in enumerate(recordings):
        if not batch.again and (rows := kept_rows(path, out, settings)):
            take(place, rows)
    left = [place for place in range(len(recordings)) if place not in found]
    make_folder(out)
    if batch.workers == 1 and batch.cluster is None:
        scorer = FileScorer(options)
        for place in left:
            done, name = len(found) / len(recordings), recordings[place].name
            scorer.progress = lambda what, _, done=done, name=name: progress(  # type: ignore[misc]
                "Scoring recordings", done, f", {name}: {what.lower()}"
            )
            take(place, scorer.score(recordings[place], settings))
    else:
        for place, rows in _side_by_side([recordings[place] for place in left], options, batch, settings):
            take(left[place], rows)
    ordered = tuple(row for place in sorted(found) for row in found[place])
    write_summary(ordered, out)
    return ordered


class FileScorer:
    """Scores one file after the other with one method, which is loaded when the first file could be opened."""

    def __init__(
        self,
        options: ScoringOptions,
        *,
        on_scores: Callable[[Scores, list[Path]], None] = lambda scores, files: None,
        progress: Callable[[str, float], None] = lambda what, share: None,
    ) -> None:
        self.options = options
        self.on_scores = on_scores
        self.progress = progress
        self._method: AnyMethod | None = None

    def score(self, path: Path, settings: Settings | None = None) -> tuple[Row, ...]:
        """Score all animals of a file, and give their rows; what is wrong with one does not stop the others.

        With `settings`, a record says when all results are complete. Errors: those of loading the method, without
        which there is no next recording either.
        """
        channels, out = self.options.channels, self.options.results.out
        try:
            recording = read_recording(path, rate_hz=channels.rate_hz)
            montages = choose_montages(recording, eeg=channels.eeg, emg=channels.emg, by_position=channels.by_position)
            _check_labels_stay(path, self.options.results)
            state = RecordingState.of(path)
            forget(path, out)
        except _Failure as error:
            return (Row.failed(path, problem_of(error)),)
        # Only now, so that a wrong name is said at once, without waiting for torch.
        method = self._method = self._method or load_chosen(self.options.method, self.options.density)
        files: list[Path] = []
        rows = tuple(self._score_animal(path, recording, montage, method, files) for montage in montages)
        if settings is not None and all(row.outcome is Outcome.SCORED for row in rows):
            write_record(path, out, settings, state, rows, files)
        return rows

    def _score_animal(
        self, path: Path, recording: Recording, montage: Montage, method: AnyMethod, files: list[Path]
    ) -> Row:
        from spindle.scoring import score_montage

        started = time.perf_counter()
        stem = f"{path.stem}_{montage.animal}" if montage.animal else path.stem
        try:
            scores = score_montage(
                montage,
                method,
                name=recording.name,
                start=recording.start,
                notes=recording.notes,
                progress=self.progress,
            )
            self.progress("Writing results", 0.0)
            written = write_results(scores, self.options.results, stem)
        except _Failure as error:
            return Row.failed(path, problem_of(error), montage.animal)
        files += written
        self.on_scores(scores, written)
        return Row.scored(path, scores, time.perf_counter() - started)


def write_results(scores: Scores, results: ResultOptions, stem: str) -> list[Path]:
    """Write what was asked for; the report, if any, comes first in the list. Errors: OutputError."""
    make_folder(results.out)
    files = write_outputs(scores, results.out, results.formats, stem)
    if results.figure:
        from spindle.figures import draw_scoring

        for kind in ("png", "svg"):
            figure = results.out / f"{stem}_figure.{kind}"
            draw_scoring(scores, figure)
            files.append(figure)
    if results.report:
        from spindle.report_page import write_report

        report = results.out / f"{stem}_report.html"
        write_report(scores, report)
        files.insert(0, report)
    return files


def problem_of(error: Exception) -> str:
    """What went wrong with a recording, in one sentence."""
    return "There is not enough memory for it." if isinstance(error, MemoryError) else sentence_of(error)


@dataclass(frozen=True, kw_only=True)
class _Task:
    path: Path
    options: ScoringOptions
    settings: Settings
    threads: int | None


def _side_by_side(
    recordings: Sequence[Path], options: ScoringOptions, batch: BatchOptions, settings: Settings
) -> Iterator[tuple[int, tuple[Row, ...]]]:
    """Score on several processes; yield the place of each recording and its rows, in the order of their ends."""
    from latentia.workers import share_out, threads_each

    threads = None if batch.cluster else threads_each(batch.workers)  # a cluster's workers know their own share
    # Workers may live longer than this call, in the working folder of another.
    options = options.absolute()
    tasks = [_Task(path=path.absolute(), options=options, settings=settings, threads=threads) for path in recordings]
    for place, rows in share_out(_score_task, tasks, workers=batch.workers, cluster=batch.cluster):
        yield place, (Row.failed(recordings[place], LOST),) if rows is None else rows


def _score_task(task: _Task) -> tuple[Row, ...]:
    import torch

    if task.threads is not None:
        torch.set_num_threads(min(task.threads, torch.get_num_threads()))
    return FileScorer(task.options).score(task.path, task.settings)


def _with_absolute_paths(options: _Options) -> _Options:
    values = {one.name: getattr(options, one.name) for one in fields(options)}
    paths: dict[str, Any] = {name: value.absolute() for name, value in values.items() if isinstance(value, Path)}
    return replace(options, **paths)


def _check_labels_stay(path: Path, results: ResultOptions) -> None:
    """Refuse to replace an expert's events.tsv, which BIDS puts where this result would go."""
    events = results.out / f"{path.stem}_events.tsv"
    ours = [results.out / f"{path.stem}{suffix}" for suffix in ("_scores.csv", "_report.html", "_hypnogram.edf")]
    if Format.BIDS in results.formats and events.exists() and not any(one.exists() for one in ours):
        raise OutputError(f"{events} exists and may be an expert's; name another folder with --out.")

"""`spindle score`: recordings in, hypnograms and reports out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from latentia.command_line.options import argument
from latentia.command_line.progress import progress_bar
from latentia.command_line.screen import complain, say, show, title
from latentia.folders import check_output_folder
from spindle.batch import FileScorer, ScoringOptions, score_recordings
from spindle.batch_files import find_recordings, is_folder_of_recordings
from spindle.batch_summary import SUMMARY, Outcome, Row, summary_table
from spindle.chosen_method import check_density
from spindle.errors import SettingError
from spindle.options import BatchOptions, ChannelOptions, DensityOptions, MethodOptions, ResultOptions
from spindle.scores import Scores
from spindle.summary import in_plain_words, rem_in_words

STARTER_NOTE = (
    "The starter model has seen simulated animals only. One that you train on two labelled animals of your own would "
    "do better: spindle train --help."
)

OTHER_METHOD_NOTE = (
    "What {method} goes by was learned from simulated animals only. It can learn from labelled animals of your own: "
    "spindle train --method {method} --help."
)


@dataclass(frozen=True, kw_only=True)
class Arguments:
    """Recordings."""

    recordings: tuple[Path, ...] = argument(
        "RECORDING", "EDF, BDF, NPZ, CSV, Parquet, or what MNE-Python reads; or a folder of recordings", least=0
    )


def run(
    arguments: Arguments,
    channels: ChannelOptions,
    method: MethodOptions,
    density: DensityOptions,
    results: ResultOptions,
    batch: BatchOptions,
) -> int:
    """Score recordings: wake, NREM, REM and artifacts for every 4 seconds, with probabilities and a report.

    Without --eeg and --emg the channels are read from their labels, where exactly one reading makes sense. A file
    with several animals gives results for each. What goes wrong with one recording does not stop the next. Of several
    recordings, those whose results are there already are kept, so that the same command goes on after an interruption.
    """
    if not arguments.recordings and batch.list is None:
        raise SettingError("RECORDING must be named; see spindle score --help.")
    check_density(method, density)
    recordings = find_recordings(arguments.recordings, batch.list)
    options = ScoringOptions(channels=channels, method=method, density=density, results=results)
    alone = len(arguments.recordings) == 1 and batch.list is None and batch.cluster is None
    if alone and not is_folder_of_recordings(arguments.recordings[0]):
        return _score_one(recordings[0], options)
    return _score_many(recordings, options, batch)


def _score_one(path: Path, options: ScoringOptions) -> int:
    """Score one recording and tell all about it."""
    check_output_folder(options.results.out)
    with progress_bar() as bar:
        rows = FileScorer(options, on_scores=tell, progress=bar).score(path)
    for row in rows:
        _say_problem(row)
    if options.method.model is None and any(row.outcome is Outcome.SCORED for row in rows):
        say(_model_note(options.method))
    return 2 if any(row.outcome is Outcome.FAILED for row in rows) else 0


def _score_many(recordings: list[Path], options: ScoringOptions, batch: BatchOptions) -> int:
    """Score several recordings, with a line for each and a table at the end."""
    done = failed = kept = 0

    def on_rows(rows: tuple[Row, ...]) -> None:
        nonlocal done, failed, kept
        done += 1
        failed += any(row.outcome is Outcome.FAILED for row in rows)
        kept += all(row.outcome is Outcome.KEPT for row in rows)
        for row in rows:
            _say_problem(row)
            if row.outcome is Outcome.SCORED:
                say(f"{row.title}: scored in {row.seconds:.1f} s.")

    try:
        with progress_bar() as bar:
            rows = score_recordings(recordings, options, batch, on_rows=on_rows, progress=bar)
    except KeyboardInterrupt:
        told = f"Interrupted. {done} of {len(recordings)} recordings are done; the same command goes on with the rest."
        raise KeyboardInterrupt(told) from None
    show([summary_table(rows)])
    if kept:
        say(f"{_counted(kept)} scored before with the same settings, and kept; --again scores them again.")
    out = options.results.out
    say(f"This table, with what was assumed of each recording, is {out / SUMMARY}; all results are in {out}.")
    if options.method.model is None and any(row.outcome is Outcome.SCORED for row in rows):
        say(_model_note(options.method))
    if failed and len(recordings) > 1:
        complain(f"{failed} of {len(recordings)} recordings could not be scored.", program="spindle")
    return 2 if failed else 0


def tell(scores: Scores, files: list[Path]) -> None:
    """Say what was found, what was assumed, and where the results are."""
    title(scores.title)
    for sentence in (*scores.notes, *in_plain_words(scores), rem_in_words(scores)):
        say(sentence, indent=2)
    if files and files[0].suffix == ".html":
        say(f"The report is {files[0]}; open it in a browser.", indent=2)
        files = files[1:]
    if files:
        say(f"For other programs, in {files[0].parent}: {', '.join(path.name for path in files)}.", indent=2)


def _model_note(method: MethodOptions) -> str:
    """What to know of the model that comes with the package."""
    return STARTER_NOTE if method.method == "spindle" else OTHER_METHOD_NOTE.format(method=method.method)


def _say_problem(row: Row) -> None:
    """Say what went wrong, with the recording's name where the sentence lacks it."""
    if row.outcome is Outcome.FAILED:
        name = Path(row.recording).name
        complain(row.problem if name in row.problem else f"{row.title}: {row.problem}", program="spindle")


def _counted(recordings: int) -> str:
    return "One recording was" if recordings == 1 else f"{recordings:,} recordings were"

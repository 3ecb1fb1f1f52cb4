"""`spindle analyze`: sleep architecture and spectra of a cohort, compared between groups."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from latentia.command_line.options import argument, option
from latentia.command_line.progress import progress_bar
from latentia.command_line.screen import complain, say
from latentia.folders import check_output_folder
from spindle.options import AnalysisOptions, ChannelOptions

MOST_SAID = 12
"""Findings that the screen lists; the page has them all."""


@dataclass(frozen=True, kw_only=True)
class Arguments:
    """What is analysed."""

    cohort: Path = argument("COHORT", "a table with the columns recording and group, as CSV, one animal per row")
    out: Path = option(Path("analysis"), "folder for tables, figures and the page", metavar="FOLDER")
    scores: Path | None = option(
        None, "folder with the scores, NAME_scores.csv (default: beside each recording)", metavar="FOLDER"
    )


def run(arguments: Arguments, channels: ChannelOptions, analysis: AnalysisOptions) -> int:
    """Compare groups of scored animals: shares, bouts and transitions, their course over the day, and spectra.

    The table may also have the columns animal, lights_on (HH:MM), scores, eeg and emg; its paths are relative to it.
    What is wrong with one animal does not stop the others. A second run measures only what has changed.
    """
    check_output_folder(arguments.out)
    from spindle.api import analyze

    with progress_bar() as progress:
        done = analyze(
            arguments.cohort,
            out=arguments.out,
            scores=arguments.scores,
            eeg=channels.eeg,
            emg=channels.emg,
            by_position=channels.by_position,
            rate_hz=channels.rate_hz,
            settings=analysis,
            progress=progress,
        )
    for row in done.pool.failed:
        complain(row.reason, program="spindle")
    counts = ", ".join(f"{group} {count}" for group, count in done.pool.counts().items())
    say(f"Animals: {counts}.")
    for sentence in (*done.pool.notes, *done.comparisons.warnings):
        say(sentence)
    found = done.comparisons.found()
    for sentence in found[:MOST_SAID]:
        say(sentence)
    if len(found) > MOST_SAID:
        say(f"The page has {len(found) - MOST_SAID} findings more.")
    if not found:
        say("No test has p < 0.05.")
    say(f"The page is {done.page}; open it in a browser. Tables and figures are beside it.")
    return 2 if done.pool.failed else 0

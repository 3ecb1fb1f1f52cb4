"""The command line `spindle`; a command is a file of `spindle.commands`."""

from __future__ import annotations

from collections.abc import Sequence

from latentia.command_line.program import Program

COMMANDS = {
    "score": "score recordings: wake, NREM, REM and artifacts, with probabilities and a report",
    "train": "train a model on recordings that you labelled",
    "learning-curve": "see what labelling more animals would bring",
    "evaluate": "compare a scoring with the labels of experts",
    "analyze": "compare groups of scored animals: architecture, timing and spectra of sleep",
    "simulate": "simulate recordings with known states",
    "report": "write the report of a scoring again",
    "serve": "serve the web service: uploads, scoring, corrections and cohorts in a browser",
    "worker": "work on the jobs of a web service, on this or another machine",
    "remote": "use a web service from here: upload, score, download",
    "backup": "keep everything that a web service has in one file",
    "restore": "put a web service back from its backup",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run `spindle` with these words, or with the command line's own; return the exit code."""
    program = Program(
        name="spindle",
        summary="Score rodent sleep from EEG and EMG: wake, NREM, REM and artifacts.",
        commands=COMMANDS,
        package="spindle.commands",
        settings_example="emg: EMG neck",
    )
    return program.main(argv)

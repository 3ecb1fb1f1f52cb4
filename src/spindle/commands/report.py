"""`spindle report`: the report of a scoring, again, from its saved scores."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

from latentia.command_line.options import argument, option
from latentia.command_line.progress import progress_bar
from latentia.command_line.screen import say
from latentia.folders import check_output_file
from spindle.options import ChannelOptions
from spindle.outputs import report_of


@dataclass(frozen=True, kw_only=True)
class Arguments:
    """What the report is on."""

    recording: Path = argument("RECORDING", "the recording that was scored")
    scores: Path = argument("SCORES", "its saved scores, NAME_scores.csv")
    out: Path | None = option(
        None, "the report's file (default: NAME_report.html beside the scores)", metavar="FILE.html"
    )


def run(arguments: Arguments, channels: ChannelOptions) -> int:
    """Write the report of a scoring again, for instance after you changed states by hand.

    Of a file with several animals, the end of the scores' name says which one is meant.
    """
    target = arguments.out or report_of(arguments.scores)
    check_output_file(target)
    from spindle.api import report

    with progress_bar() as progress:
        written = report(arguments.recording, arguments.scores, out=target, **asdict(channels), progress=progress)
    say(f"The report is {written}; open it in a browser.")
    return 0

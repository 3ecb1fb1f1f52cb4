"""`spindle evaluate`: a scoring against the labels of experts."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from latentia.command_line.options import argument, option
from latentia.command_line.progress import progress_bar
from latentia.command_line.screen import say, show
from latentia.folders import check_output_file
from spindle.agreement_tables import render, write_evaluation_csv, write_evaluation_json
from spindle.options import ChannelOptions, MethodOptions

if TYPE_CHECKING:
    from spindle.agreement import Evaluation


@dataclass(frozen=True, kw_only=True)
class Arguments:
    """What is compared."""

    scoring: Path = argument("RECORDING", "a recording, which is scored now, or scores that are saved: NAME_scores.csv")
    labels: tuple[Path, ...] = argument("LABELS", "labels of one expert or more, in one file or several")


@dataclass(frozen=True, kw_only=True)
class FileOptions:
    """Files."""

    json: Path | None = option(None, "write every figure as JSON", metavar="FILE")
    csv: Path | None = option(None, "write every figure as a table", metavar="FILE")


def run(arguments: Arguments, channels: ChannelOptions, method: MethodOptions, files: FileOptions) -> int:
    """Compare a scoring with experts: accuracy, precision, recall and F1 of each state, artifacts, confusion.

    Of a recording the states are judged before and after decoding; saved scores hold only what is decoded.
    """
    for path in (files.json, files.csv):
        if path is not None:
            check_output_file(path)
    from spindle.api import evaluate_files
    from spindle.scoring import load_method

    load = None if method == MethodOptions() else partial(load_method, **asdict(method))
    with progress_bar() as progress:
        evaluation = evaluate_files(arguments.scoring, arguments.labels, channels, load, progress=progress)
    show(render(evaluation))
    _write(evaluation, files)
    return 0


def _write(evaluation: Evaluation, files: FileOptions) -> None:
    if files.json is not None:
        write_evaluation_json(evaluation, files.json)
        say(f"Every figure is in {files.json}.")
    if files.csv is not None:
        write_evaluation_csv(evaluation, files.csv)
        say(f"Every figure is in {files.csv}.")

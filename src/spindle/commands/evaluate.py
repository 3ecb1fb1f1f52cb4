"""`spindle evaluate`: a scoring against the labels of experts."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from latentia.command_line.options import argument, option
from latentia.command_line.progress import progress_bar
from latentia.command_line.screen import say, show
from latentia.folders import check_output_file, check_output_folder, make_folder
from spindle.agreement_tables import render, write_evaluation_csv, write_evaluation_json
from spindle.chosen_method import check_density, load_chosen
from spindle.errors import SettingError
from spindle.options import ChannelOptions, DensityOptions, MethodOptions

if TYPE_CHECKING:
    from spindle.agreement import Evaluation
    from spindle.agreement_strip import Strip
    from spindle.api import Compared


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
    figures: Path | None = option(
        None,
        "draw confusion, reliability and 10 minutes of all hypnograms into a folder, as PNG, SVG and CSV",
        metavar="FOLDER",
    )
    from_hour: float | None = option(
        None, "where the 10 minutes begin, in hours after the start (default: a typical place)", metavar="HOURS"
    )

    def __post_init__(self) -> None:
        if self.from_hour is not None and self.figures is None:
            raise SettingError("--from-hour says what is drawn; name a folder for the figures with --figures.")


def run(
    arguments: Arguments,
    channels: ChannelOptions,
    method: MethodOptions,
    density: DensityOptions,
    files: FileOptions,
) -> int:
    """Compare a scoring with experts: accuracy, precision, recall and F1 of each state, artifacts, confusion.

    Of a recording the states are judged before and after decoding; saved scores hold only what is decoded, and no
    signals to draw.
    """
    check_density(method, density)
    for path in (files.json, files.csv):
        if path is not None:
            check_output_file(path)
    if files.figures is not None:
        check_output_folder(files.figures)
    from spindle.api import compare_files

    usual = method == MethodOptions() and density == DensityOptions()
    load = None if usual else partial(load_chosen, method, density)
    with progress_bar() as progress:
        compared = compare_files(arguments.scoring, arguments.labels, channels, load, progress=progress)
        strip = None if files.figures is None else _strip(compared, files)
    show(render(compared.evaluation))
    _write(compared.evaluation, files)
    if files.figures is not None and strip is not None:
        _draw(compared.evaluation, strip, files.figures, arguments.scoring.stem.removesuffix("_scores"))
    return 0


def _write(evaluation: Evaluation, files: FileOptions) -> None:
    if files.json is not None:
        write_evaluation_json(evaluation, files.json)
        say(f"Every figure is in {files.json}.")
    if files.csv is not None:
        write_evaluation_csv(evaluation, files.csv)
        say(f"Every figure is in {files.csv}.")


def _strip(compared: Compared, files: FileOptions) -> Strip:
    """Cut the excerpt before anything is written, because it may begin after the end of the recording."""
    from spindle.agreement_strip import cut_strip

    return cut_strip(
        compared.scored,
        compared.experts,
        title=compared.name,
        montage=compared.montage,
        recorded_at=compared.start,
        from_hour=files.from_hour,
    )


def _draw(evaluation: Evaluation, strip: Strip, folder: Path, stem: str) -> None:
    from spindle.agreement_figures import write_figures

    make_folder(folder)
    written = write_figures(evaluation, strip, folder, stem)
    pictures = ", ".join(path.name for path in written if path.suffix == ".png")
    say(f"Figures are in {folder}: {pictures}; each also as SVG, and its numbers as CSV.")

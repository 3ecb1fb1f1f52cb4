"""`spindle learning-curve`: what labelling more animals would bring."""

from __future__ import annotations

from argparse import ArgumentTypeError
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from latentia.command_line.options import argument, option
from latentia.command_line.progress import progress_bar
from latentia.command_line.screen import say, show
from latentia.folders import check_output_folder
from spindle.options import ChannelOptions, TrainingOptions

if TYPE_CHECKING:
    from spindle.training import TrainingProgress


def parse_sizes(value: str | Iterable[int]) -> tuple[int, ...]:
    """Read numbers between commas. Errors: ArgumentTypeError."""
    try:
        return tuple(int(one) for one in (value.split(",") if isinstance(value, str) else value))
    except ValueError as error:
        raise ArgumentTypeError(f"'{value}' is not whole numbers between commas") from error


@dataclass(frozen=True, kw_only=True)
class Arguments:
    """Recordings and labels."""

    recordings: tuple[Path, ...] = argument(
        "RECORDING", "one for each animal, with its labels beside it, NAME_labels.csv; or a folder of such"
    )
    animals: tuple[int, ...] = option(
        (1, 2, 4),
        "numbers of animals to learn from, between commas; the others test",
        metavar="COUNTS",
        parse=parse_sizes,
    )
    repeats: int = option(3, "times that other animals are taken for learning", metavar="COUNT")
    base: str = option(
        "starter", "the model to start from: starter, a file, or nothing for new weights", metavar="MODEL", flag="from"
    )
    out: Path = option(Path("learning-curve"), "folder for the curve and its models", metavar="FOLDER")


def run(arguments: Arguments, channels: ChannelOptions, training: TrainingOptions) -> int:
    """See how agreement with your labels grows with the number of animals that a model learns from.

    Models learn from one, two and four of the animals, or as many as you say; each is compared with the experts on
    animals that none of them learned from, beside the model that is not trained at all. The same command goes on after
    an interruption.
    """
    check_output_folder(arguments.out)
    from spindle.api import model_to_start_from
    from spindle.curve import CurveSettings, measure_curve
    from spindle.curve_figure import curve_table, measures_in_words, write_curve
    from spindle.labelled_files import check_labelled, find_labelled
    from spindle.spectrogram import RowChoice
    from spindle.training import TrainingConfig

    files = find_labelled(arguments.recordings)
    try:
        with progress_bar() as bar:
            for place, file in enumerate(files):
                bar("Looking at recordings", place / len(files))
                check_labelled(file, channels)

            def on_progress(what: str, state: TrainingProgress) -> None:
                bar(f"{what}: {state.network} network", state.progress.step / state.progress.steps)

            settings = CurveSettings(
                sizes=arguments.animals,
                repeats=arguments.repeats,
                base=model_to_start_from(arguments.base),
                config=TrainingConfig(**{**asdict(training), "rows": RowChoice(training.rows)}),
            )
            curve = measure_curve(
                files,
                channels,
                settings,
                arguments.out,
                progress=bar,
                on_progress=on_progress,
                on_measures=lambda measures: say(measures_in_words(measures)),
            )
    except KeyboardInterrupt:
        raise KeyboardInterrupt("Interrupted. The same command goes on.") from None
    paths = write_curve(curve, arguments.out)
    show([curve_table(curve)])
    say(curve.in_words)
    say(f"The curve is {paths[0]}; every figure is in {paths[-1]}.")
    return 0

"""`latentia train-segmentation`: a U-Net or one of its relatives by a configuration."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from latentia.command_line.options import argument, option
from latentia.command_line.progress import progress_bar
from latentia.command_line.screen import say
from latentia.commands.train import teller
from latentia.configs import SEGMENTATION, packaged

if TYPE_CHECKING:
    from latentia.data.segmentation_sets import SegmentationSet

SHOWN = 3
"""Names of images with an empty mask in a sentence."""


@dataclass(frozen=True, kw_only=True)
class SegmentationOptions:
    """Run."""

    configuration: str = argument(
        "CONFIG", f"a YAML file, or one that is packaged: {', '.join(packaged(SEGMENTATION))}"
    )
    set: tuple[str, ...] = option(
        (), "change a setting, such as training.steps=100; give it as often as you like", metavar="SETTING=VALUE"
    )
    out: Path | None = option(
        None, "folder of the run, one training each (default: runs/NAME of the configuration)", metavar="FOLDER"
    )
    resume: bool = option(False, "go on with the interrupted training in that folder")


def run(options: SegmentationOptions) -> int:
    """Train a model that marks what is looked for in images, by images with masks.

    The weights with the lowest loss on the validation images are kept. An interrupted training goes on with the same
    command and --resume.
    """
    from latentia.runs.segmentation import read_segmentation_configuration, train_segmentation

    configuration = read_segmentation_configuration(options.configuration, options.set)
    folder = options.out or Path("runs") / Path(options.configuration).stem
    with progress_bar() as bar:
        try:
            outcome = train_segmentation(
                configuration, folder, resume=options.resume, on_data=_introduce, on_progress=teller(bar)
            )
        except KeyboardInterrupt:
            raise KeyboardInterrupt("Interrupted. The same command with --resume goes on.") from None
    best = outcome.history[outcome.best]
    say(
        f"The best model, of step {best['step']:.0f}, has a Dice of {best['dice']:.1%} and a Jaccard of "
        f"{best['jaccard']:.1%} on the validation images; it is in {folder}."
    )
    return 0


def _introduce(training: SegmentationSet, validation: SegmentationSet) -> None:
    say(f"{training.name}: {len(training)} training and {len(validation)} validation images.")
    for one, name in ((training, "training"), (validation, "validation")):
        if one.empty:
            more = "" if len(one.empty) <= SHOWN else ", …"
            names = ", ".join(one.empty[:SHOWN])
            say(f"Empty masks, which stay, among the {name} images: {len(one.empty)} ({names}{more}).")

"""`latentia cross-validate`: a training for each fold of the training images, and what they give on average."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rich.table import Table

from latentia.command_line.options import option
from latentia.command_line.progress import progress_bar
from latentia.command_line.screen import say, show
from latentia.commands.options import require_least
from latentia.commands.train import Arguments, teller

if TYPE_CHECKING:
    from latentia.runs.cross_validation import CrossValidation, FoldResult


@dataclass(frozen=True, kw_only=True)
class FoldOptions:
    """Folds."""

    folds: int = option(5, "equal parts of the training images, each of which is held out once", metavar="COUNT")
    out: Path | None = option(
        None, "folder of the runs (default: runs/NAME-folds of the configuration)", metavar="FOLDER"
    )
    resume: bool = option(False, "go on with the interrupted cross-validation in that folder")
    workers: int = option(1, "trainings at a time, each in a process of its own", metavar="COUNT")
    cluster: str | None = option(
        None, "train on a Dask cluster instead, given its scheduler's address", metavar="ADDRESS"
    )

    def __post_init__(self) -> None:
        require_least(1, workers=self.workers)
        require_least(2, folds=self.folds)


def run(arguments: Arguments, options: FoldOptions) -> int:
    """Train a model once for each fold, and give mean and standard deviation of what the held-out images give.

    The best weights of a fold are those that do best on its held-out images; the test images have no part in it. What
    was interrupted goes on with the same command and --resume.
    """
    from latentia.runs import read_configuration
    from latentia.runs.cross_validation import cross_validate

    configuration = read_configuration(arguments.configuration, arguments.set)
    folder = options.out or Path("runs") / f"{Path(arguments.configuration).stem}-folds"
    done = 0
    with progress_bar() as bar:

        def on_fold(result: FoldResult) -> None:
            nonlocal done
            done += 1
            say(
                f"Fold {result.number}: score {result.figures['score']:.4g} at step {result.step}, after "
                f"{result.seconds:.0f} s of training."
            )
            bar("Training folds", done / options.folds)

        try:
            validation = cross_validate(
                configuration,
                folder,
                folds=options.folds,
                workers=options.workers,
                cluster=options.cluster,
                resume=options.resume,
                on_fold=on_fold,
                on_progress=teller(bar) if options.workers == 1 else None,
            )
        except KeyboardInterrupt:
            raise KeyboardInterrupt("Interrupted. The same command with --resume goes on.") from None
    show([_table(validation)])
    say(f"Every figure is in {folder / 'cross-validation.json'}, a run for each fold in {folder}.")
    return 0


def _table(validation: CrossValidation) -> Table:
    table = Table()
    table.add_column("held-out images")
    for fold in validation.folds:
        table.add_column(f"fold {fold.number}", justify="right")
    table.add_column("mean", justify="right")
    table.add_column("standard deviation", justify="right")
    for name in validation.names:
        each = [f"{fold.figures[name]:.4g}" for fold in validation.folds]
        table.add_row(
            name.replace("_", " "), *each, f"{validation.mean(name):.4g}", f"{validation.deviation(name):.2g}"
        )
    return table

"""`spindle train`: a model from recordings that somebody labelled."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from latentia.command_line.options import argument, option
from latentia.command_line.progress import Bar, progress_bar
from latentia.command_line.screen import say
from latentia.folders import check_output_folder
from spindle.errors import SettingError
from spindle.options import ChannelOptions, MethodName, TrainingOptions, changed, check_method

if TYPE_CHECKING:
    from spindle.labelled_files import LabelledFile
    from spindle.model_file import ModelCard
    from spindle.training import TrainingProgress

MOST_LISTED = 24
"""Recordings that are listed one by one: as many as the thesis' largest training set."""


@dataclass(frozen=True, kw_only=True)
class Arguments:
    """Recordings and labels."""

    recordings: tuple[Path, ...] = argument(
        "RECORDING", "a recording with its labels beside it, NAME_labels.csv, or a folder of such"
    )
    labels: tuple[Path, ...] = option(
        (), "labels that are not beside their recording; once for each, in the same order", metavar="FILE"
    )
    run: Path = option(
        Path("training"), "folder for the model, its record and its history; one training of a kind", metavar="FOLDER"
    )
    resume: bool = option(False, "go on with the interrupted training in that folder")
    base: str | None = option(
        None,
        "a model to start from: a file, or starter for the one that comes with the package",
        metavar="MODEL",
        flag="from",
    )
    method: MethodName = option("spindle", "SPINDLE, or one of three older methods to compare it with")
    density: Literal["small", "large"] | None = option(
        None, "train a density for artifacts instead: small for processors, large for a graphics card"
    )


def run(arguments: Arguments, channels: ChannelOptions, training: TrainingOptions) -> int:
    """Train a model on recordings that you labelled; two animals with a day each were enough in the thesis.

    With --density it is a density that finds artifacts, for `spindle score --density`; the folder may be the same.
    An interrupted training goes on with the same command and --resume, and ends with the same model.
    """
    given = {"resume": arguments.resume, "from": arguments.base is not None, **changed(training, but=("name",))}
    check_method(arguments.method, density=arguments.density is not None, **given)
    check_output_folder(arguments.run)
    _check_density(arguments, training)
    from spindle.labelled_files import find_labelled

    files = find_labelled(arguments.recordings, arguments.labels)
    if arguments.method != "spindle":
        with progress_bar() as show:
            _look(files, channels, show)
            return _learn(arguments.method, files, channels, arguments.run, training.name, show)
    try:
        with progress_bar() as show:
            _look(files, channels, show)
            train = _train_networks if arguments.density is None else _train_density
            card = train(arguments, files, channels, training, show)
    except KeyboardInterrupt:
        told = "Interrupted. The same command with --resume goes on from the last checkpoint."
        raise KeyboardInterrupt(told) from None
    for note in card.notes:
        say(note)
    if arguments.density is None:
        path = arguments.run / "model.safetensors"
        say(f"The model is {path}. To score with it: spindle score RECORDING --model {path}")
    else:
        path = arguments.run / "density.safetensors"
        say(f"The density is {path}. To find artifacts by it: spindle score RECORDING --density {path}")
    return 0


def _look(files: Sequence[LabelledFile], channels: ChannelOptions, show: Bar) -> None:
    """Check every header and label file before the first recording is read, and say what there is."""
    from spindle.labelled_files import check_labelled

    sentences = []
    for place, file in enumerate(files):
        show("Looking at recordings", place / len(files))
        sentences.append(check_labelled(file, channels))
    for sentence in sentences if len(files) <= MOST_LISTED else [f"{len(files)} labelled recordings."]:
        say(sentence)


def _train_networks(
    arguments: Arguments, files: Sequence[LabelledFile], channels: ChannelOptions, training: TrainingOptions, show: Bar
) -> ModelCard:
    from spindle.api import train_on_files
    from spindle.spectrogram import RowChoice
    from spindle.training import TrainingConfig

    model = train_on_files(
        files,
        channels,
        TrainingConfig(**{**asdict(training), "rows": RowChoice(training.rows)}),
        arguments.run,
        resume=arguments.resume,
        base=arguments.base,
        progress=show,
        on_progress=_teller(show),
    )
    return model.card


def _train_density(
    arguments: Arguments, files: Sequence[LabelledFile], channels: ChannelOptions, training: TrainingOptions, show: Bar
) -> ModelCard:
    from spindle.density import DensityConfig, train_density_on_files
    from spindle.spectrogram import RowChoice

    same = ("seed", "passes", "patience", "threads", "accelerator", "precision")
    config = DensityConfig(
        size=arguments.density or "small",
        rows=RowChoice(training.rows),
        name=f"density of {training.name}",
        **{name: getattr(training, name) for name in same},
    )
    model = train_density_on_files(
        files,
        channels,
        config,
        arguments.run,
        resume=arguments.resume,
        progress=show,
        on_progress=_teller(show),
    )
    return model.card


def _check_density(arguments: Arguments, training: TrainingOptions) -> None:
    """Refuse options that a density would pass over in silence."""
    usual = TrainingOptions()
    changed = [
        name for name in ("learning_rate", "batch", "augment") if getattr(training, name) != getattr(usual, name)
    ]
    named = [*(["from"] if arguments.base is not None else []), *changed]
    if arguments.density is not None and named:
        options = ", ".join(f"--{name.replace('_', '-')}" for name in named)
        raise SettingError(f"A density starts anew and has a rate and batches of its own; leave out {options}.")


def _learn(
    method: MethodName, files: Sequence[LabelledFile], channels: ChannelOptions, run: Path, name: str, show: Bar
) -> int:
    from spindle.api import learn_on_files

    model = learn_on_files(method, files, channels, run, name=name, progress=show)
    for figure, value in model.card.figures.items():
        say(f"{figure.removeprefix('mean_f1_')} EEG: mean F1 {value:.3f} on these recordings.")
    path = run / f"{method}.json"
    say(f"The model is {path}; of two EEGs it uses: {model.method.use.value}.")
    say(f"To score with it: spindle score RECORDING --method {method} --model {path}")
    return 0


def _teller(show: Bar) -> Callable[[TrainingProgress], None]:
    """Move the bar with each step, and say the figures of each pass."""

    def tell(state: TrainingProgress) -> None:
        at = state.progress
        what = f"Training the {state.network} network, pass {at.pass_number + 1} of up to {at.passes}"
        show(what, at.step / at.steps, f", loss {at.loss:.3f}")
        if at.evaluation is not None:
            figures = ", ".join(
                f"{name.replace('_', ' ')} {value:.3f}" for name, value in at.evaluation.figures.items()
            )
            say(f"Pass {at.pass_number + 1} of the {state.network} network: loss {at.loss:.3f}, {figures}.")

    return tell

"""`latentia train`: a model by a configuration."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from latentia.command_line.options import argument, option
from latentia.command_line.progress import Bar, progress_bar
from latentia.command_line.screen import say
from latentia.configs import packaged

if TYPE_CHECKING:
    from latentia.data import DataSet
    from latentia.runs import Configuration
    from latentia.runs.training import AnySet
    from latentia.training import Progress

BITS, RECONSTRUCTION = "bits_per_dimension", "reconstruction"
MOST_LAYERS_IN_A_LINE = 6
"""With more, the line of the bar has room for their sum alone."""


@dataclass(frozen=True, kw_only=True)
class Arguments:
    """Configuration."""

    configuration: str = argument("CONFIG", f"a YAML file, or one that is packaged: {', '.join(packaged())}")
    set: tuple[str, ...] = option(
        (), "change a setting, such as training.steps=100; give it as often as you like", metavar="SETTING=VALUE"
    )


@dataclass(frozen=True, kw_only=True)
class TrainOptions:
    """Run."""

    out: Path | None = option(
        None, "folder of the run, one training each (default: runs/NAME of the configuration)", metavar="FOLDER"
    )
    resume: bool = option(False, "go on with the interrupted training in that folder")
    pictures: bool = option(True, "draw samples and reconstructions after each evaluation")
    tensorboard: bool = option(False, "write all figures for TensorBoard, to tensorboard in the folder")


def run(arguments: Arguments, options: TrainOptions) -> int:
    """Train a model of images, sentences or clips by a configuration.

    An interrupted training goes on with the same command and --resume, and ends with the same model. On several
    graphics cards or machines: torchrun --nproc-per-node COUNT -m latentia train CONFIG.
    """
    from latentia.runs import RunFolder, read_configuration, train
    from latentia.training import is_first_process
    from latentia.training.tensorboard import TensorBoard

    configuration = read_configuration(arguments.configuration, arguments.set)
    folder = options.out or Path("runs") / Path(arguments.configuration).stem
    with ExitStack() as stack:
        # Of several processes, one reports.
        tell = teller(stack.enter_context(progress_bar()) if is_first_process() else Bar(None))
        tensorboard = stack.enter_context(TensorBoard(folder / "tensorboard")) if options.tensorboard else None

        def on_progress(progress: Progress) -> None:
            tell(progress)
            if tensorboard is not None:
                tensorboard(progress)

        try:
            outcome = train(
                configuration,
                folder,
                resume=options.resume,
                pictures=options.pictures,
                on_data=_introduce(options, configuration, begun=RunFolder(path=folder).configuration.is_file()),
                on_progress=on_progress,
            )
        except KeyboardInterrupt:
            told = "Interrupted. The same command with --resume goes on from the last checkpoint."
            raise KeyboardInterrupt(told) from None
    if is_first_process():
        best = outcome.history[outcome.best]
        score = f"{best[BITS]:.3f} bits/dim" if BITS in best else f"{best['score']:.4g}{_unit(best)}"
        say(
            f"After {outcome.steps} steps ({outcome.skipped} of them skipped), the best validation score was {score} "
            f"at step {best['step']:.0f}."
        )
        say(f"The run is {folder}. To measure its model: latentia evaluate {folder}")
    return 0


def _introduce(options: TrainOptions, configuration: Configuration, *, begun: bool) -> Callable[[AnySet, AnySet], None]:
    """Say what is trained on, and what is not as one may expect."""
    from latentia.data import SequenceSet
    from latentia.training import is_first_process

    def introduce(training: AnySet, validation: AnySet) -> None:
        if not is_first_process():
            return
        if options.resume and not begun:
            say("There is no training yet to go on with: it begins.")
        if isinstance(training, SequenceSet) or isinstance(validation, SequenceSet):
            _introduce_sequences(training, validation)
        else:
            _introduce_images(training, validation, configuration, pictures=options.pictures)

    return introduce


def _introduce_images(images: DataSet, validation: DataSet, configuration: Configuration, *, pictures: bool) -> None:
    from latentia.data import FieldSet
    from latentia.data.archives import sizes
    from latentia.models.vq_vae import VQVAEConfig
    from latentia.uses.colours import DRAWN_CHANNELS

    is_field = isinstance(images, FieldSet)
    what = f"snapshots of {sizes(images.format.shape)}" if is_field else f"images of {images.format}"
    say(f"{images.name}: {len(images)} training and {len(validation)} validation {what}.")
    if pictures and not is_field and images.format.channels not in DRAWN_CHANNELS:
        say(f"No pictures are drawn of images with {images.format.channels} channels.")

    model = configuration.model
    if isinstance(model, VQVAEConfig) and model.embeddings > len(images) * model.places(images.format):
        say(
            f"Warning: the codebook has {model.embeddings} vectors; the {len(images)} training images have "
            f"{len(images) * model.places(images.format)} places for them, too few for all to be used."
        )


def _introduce_sequences(training: AnySet, validation: AnySet) -> None:
    """Say too what the files hold and the sets do not."""
    from latentia.data import SequenceSet

    say(f"{training.name}: {len(training)} training and {len(validation)} validation {training.format}.")
    told: set[tuple[str, int]] = set()
    for one, name in ((training, "training"), (validation, "validation")):
        # What is left out of a file that both come from is told once.
        left_out = [what for what in one.left_out.items() if what not in told] if isinstance(one, SequenceSet) else []
        if left_out:
            say(f"Left out of the {name} data: {', '.join(f'{what} ({count})' for what, count in left_out)}.")
        told.update(left_out)


def teller(show: Bar) -> Callable[[Progress], None]:
    """Move the bar with each step, and say the figures of each evaluation."""

    def tell(progress: Progress) -> None:
        if progress.evaluation is not None:
            figures = progress.evaluation.figures
            say(f"Step {progress.run_step}: validation {_in_words(figures)}{_skipped(progress)}.")
            if layers := _each("divergence_", figures):
                say(f"nats per layer, top first: {_row(layers, '.2f')}", indent=2)
            if shares := _each("active_units_", figures):
                say(f"active units per layer: {_row(shares, '.0%')}", indent=2)
        elif progress.figures:
            show(
                "Training",
                progress.run_step / progress.run_steps,
                f", {_in_words(progress.figures)}{_skipped(progress)}",
            )

    return tell


def _in_words(figures: Mapping[str, float]) -> str:
    if RECONSTRUCTION in figures:
        return _bound_in_words(figures)
    if BITS not in figures:
        return ", ".join(f"{name.replace('_', ' ')} {value:.4g}" for name, value in figures.items())
    from latentia.evaluation.latent_usage import ACTIVE_NATS

    nats = _each("divergence_", figures)
    active = sum(one > ACTIVE_NATS for one in nats)
    each = f" ({_row(nats, '.0f')})" if 1 < len(nats) <= MOST_LAYERS_IN_A_LINE else ""
    return f"{figures[BITS]:.3f} bits/dim, divergence {sum(nats):.1f} nats{each}, {active} of {len(nats)} layers active"


def _unit(figures: Mapping[str, float]) -> str:
    return " nats" if RECONSTRUCTION in figures else ""


def _bound_in_words(figures: Mapping[str, float]) -> str:
    """Say the bound of a model of sequences and its terms by the names of thesis A's tables."""
    told = (
        f"−ELBO {figures['negative_elbo']:.4g} nats, RC {figures[RECONSTRUCTION]:.4g}, KL {figures['divergence']:.3g}"
    )
    # Without dropout nothing is dropped, and sequences of one step are fed nothing.
    return f"{told}, {figures['drop']:.0%} dropped" if figures["drop"] > 0 else told


def _each(kind: str, figures: Mapping[str, float]) -> list[float]:
    return [value for name, value in figures.items() if name.startswith(kind)]


def _row(values: Sequence[float], form: str) -> str:
    return " ".join(format(value, form) for value in values)


def _skipped(progress: Progress) -> str:
    return f", {progress.skipped} steps skipped" if progress.skipped else ""

"""`latentia prior`: the second stage of a VQ-VAE, a prior over its codes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from latentia.command_line.options import argument, option
from latentia.command_line.progress import progress_bar
from latentia.command_line.screen import say

if TYPE_CHECKING:
    from latentia.training import Progress


@dataclass(frozen=True, kw_only=True)
class Arguments:
    """Prior."""

    run: Path = argument("RUN", "the folder of a VQ-VAE's training")
    set: tuple[str, ...] = option(
        (),
        "change a setting of the prior or its training, such as prior.layers=10 or training.passes=5, or say where "
        "the run's data are now, as in data.folder=../cifar10",
        metavar="SETTING=VALUE",
    )
    device: Literal["auto", "cpu", "cuda", "mps"] = option("auto", "where to compute the codes")
    resume: bool = option(False, "go on with the interrupted training of the prior")


def run(arguments: Arguments) -> int:
    """Learn a PixelCNN over the codes of a trained VQ-VAE, by which new images can be drawn.

    With prior.classes=10 it learns each class of labelled images, with prior.conditioned=true what goes with known
    pixels. It becomes part of the run: sample, evaluate and impute use it.
    """
    from latentia.commands.options import device_of, of_images
    from latentia.runs import load_run
    from latentia.runs.prior import read_prior_configuration, train_prior
    from latentia.runs.trained import CHANGEABLE
    from latentia.training import is_first_process

    of_data = tuple(change for change in arguments.set if change.startswith(CHANGEABLE))
    configuration = read_prior_configuration([change for change in arguments.set if change not in of_data])
    trained = of_images(load_run(arguments.run, of_data), "prior")
    trained.model.to(device_of(arguments.device))
    with progress_bar() as bar:

        def tell(progress: Progress) -> None:
            if not is_first_process():  # of several, one reports
                return
            if progress.evaluation is not None:
                figures = progress.evaluation.figures
                say(f"Step {progress.run_step}: validation {figures['bits_per_code']:.3f} bits per code.")
            elif progress.figures:
                bar("Training", progress.run_step / progress.run_steps, f", {progress.loss:.3f} nats per code")

        try:
            outcome = train_prior(trained, configuration, resume=arguments.resume, on_progress=tell)
        except KeyboardInterrupt:
            raise KeyboardInterrupt("Interrupted. The same command with --resume goes on.") from None
    if is_first_process():
        best = outcome.history[outcome.best]
        say(f"The best was {best['bits_per_code']:.3f} bits per code, at step {best['step']:.0f}.")
        say(f"To draw images: latentia sample {arguments.run}")
    return 0

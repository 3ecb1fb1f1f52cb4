"""`latentia sample`: images, sentences or clips from the prior."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from latentia.command_line.options import option
from latentia.commands.options import ModelOptions, refuse, require_least, temperatures
from latentia.commands.results import write_drawn
from latentia.commands.sequence_uses import write_samples
from latentia.errors import SettingError

if TYPE_CHECKING:
    from latentia.runs import Run

IMAGE_TEMPERATURES = (0.7, 0.85, 1.0)


@dataclass(frozen=True, kw_only=True)
class SampleOptions:
    """Samples."""

    count: int = option(8, "images, sentences or clips at each temperature", metavar="COUNT")
    temperatures: tuple[float, ...] = option(
        (),
        "what scales the standard deviations of an image's prior, or divides the logits of words, between commas; 0 "
        "takes what is likeliest (default: 0.7,0.85,1 for images, 0,0.5,1 for sentences, 0,1 for clips)",
        parse=temperatures,
        metavar="NUMBERS",
    )
    longest: int | None = option(
        None, "words of a sentence at most, or frames of a clip (default: as in training)", metavar="COUNT"
    )
    label: int | None = option(
        None, "images of this class alone, where the model's prior is one of classes", metavar="NUMBER"
    )
    draw_pixels: bool = option(False, "draw pixels too, instead of showing the most probable ones")

    def __post_init__(self) -> None:
        require_least(1, count=self.count, longest=1 if self.longest is None else self.longest)


def run(arguments: ModelOptions, options: SampleOptions) -> int:
    """Draw images, sentences or clips at several temperatures, with the same latent noise at each.

    Images are written as a picture and as arrays, clips as strips of frames and as arrays, sentences as text.
    """
    from latentia.runs import Run
    from latentia.uses import draw_samples, sample

    run = arguments.load()
    if not isinstance(run, Run):
        refuse(run, "images", {"label": options.label is not None, "draw-pixels": options.draw_pixels})
        write_samples(run, arguments, options.count, options.temperatures, options.longest)
        return 0
    refuse(run, "sentences and clips", {"longest": options.longest is not None})
    name = "samples"
    if options.label is not None:
        _keep_to_class(run, options.label)
        name = f"samples-of-class-{options.label}"
    samples = sample(
        run.model,
        options.count,
        temperatures=options.temperatures or IMAGE_TEMPERATURES,
        draw_pixels=options.draw_pixels,
        batch=arguments.batch,
        seed=arguments.seed,
    )
    write_drawn(arguments, run, "samples", name, samples, draw_samples)
    return 0


def _keep_to_class(run: Run, label: int) -> None:
    """Make the model's prior that of one class. Errors: SettingError where there is none of that class."""
    from latentia.models.base import PriorOfClass
    from latentia.models.vq_vae import VQVAE

    model = run.model
    if not isinstance(model, VQVAE) or model.prior is None or not model.prior.classes:
        raise SettingError(
            f"--label {label}: the model of {run.folder.path} has no prior of classes; `latentia prior` learns one for "
            "a VQ-VAE of labelled images, with prior.classes."
        )
    model.prior = PriorOfClass(model.prior, label)

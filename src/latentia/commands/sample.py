"""`latentia sample`: images from the prior."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from latentia.command_line.options import option
from latentia.commands.options import ModelOptions, require_least, temperatures
from latentia.commands.results import write_drawn
from latentia.errors import SettingError

if TYPE_CHECKING:
    from latentia.runs import Run


@dataclass(frozen=True, kw_only=True)
class SampleOptions:
    """Samples."""

    count: int = option(8, "images at each temperature", metavar="COUNT")
    temperatures: tuple[float, ...] = option(
        (0.7, 0.85, 1.0),
        "what scales the standard deviations of the prior, between commas",
        parse=temperatures,
        metavar="NUMBERS",
    )
    label: int | None = option(
        None, "images of this class alone, where the model's prior is one of classes", metavar="NUMBER"
    )
    draw_pixels: bool = option(False, "draw pixels too, instead of showing the most probable ones")

    def __post_init__(self) -> None:
        require_least(1, count=self.count)


def run(arguments: ModelOptions, options: SampleOptions) -> int:
    """Draw images at several temperatures, the same latent noise at each; as a picture and as arrays."""
    from latentia.uses import draw_samples, sample

    run = arguments.load_images("sample")
    name = "samples"
    if options.label is not None:
        _keep_to_class(run, options.label)
        name = f"samples-of-class-{options.label}"
    samples = sample(
        run.model,
        options.count,
        temperatures=options.temperatures,
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

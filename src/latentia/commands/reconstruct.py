"""`latentia reconstruct`: images encoded and decoded again."""

from __future__ import annotations

from dataclasses import dataclass

from latentia.command_line.options import option
from latentia.command_line.screen import say
from latentia.commands.imputed import write_imputation
from latentia.commands.known import KnownOptions
from latentia.commands.options import RunOptions, whole_numbers
from latentia.commands.results import write_drawn


@dataclass(frozen=True, kw_only=True)
class ImageOptions:
    """Images."""

    images: tuple[int, ...] = option(
        tuple(range(8)), "their places in the split, from 0 and between commas", parse=whole_numbers, metavar="PLACES"
    )


def run(arguments: RunOptions, options: ImageOptions) -> int:
    """Encode images with all layers and decode them again; as a picture and as arrays.

    Of a model that takes known pixels, both reconstructions: without any, and with those of the run's own masks.
    """
    from latentia.models.base import MultitaskModel
    from latentia.uses import draw_reconstruction, impute, reconstruct

    run = arguments.load()
    common = {"batch": arguments.batch, "seed": arguments.seed}
    if isinstance(run.model, MultitaskModel) and run.model.decoders != "plain":
        values, masks = arguments.values(run, options.images), KnownOptions().masks(run, options.images, arguments.seed)
        both = impute(run.model, values, masks, samples=0, field=run.fields() is not None, **common)
        write_imputation(arguments, run, "reconstructions", "reconstructions", both)
        return 0
    images = arguments.images(run, options.images)
    reconstruction = reconstruct(run.model, images, **common)
    write_drawn(arguments, run, "reconstructions", "reconstructions", reconstruction, draw_reconstruction)
    error = float(reconstruction.squared_error.mean())
    say(f"The mean squared error is {error:.4g} squared levels, of {run.model.image_format.levels} levels.")
    return 0

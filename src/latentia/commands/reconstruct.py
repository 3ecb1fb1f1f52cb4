"""`latentia reconstruct`: images encoded and decoded again."""

from __future__ import annotations

from dataclasses import dataclass

from latentia.command_line.options import option
from latentia.command_line.screen import say
from latentia.commands.options import RunOptions, whole_numbers
from latentia.commands.results import write_results


@dataclass(frozen=True, kw_only=True)
class ImageOptions:
    """Images."""

    images: tuple[int, ...] = option(
        tuple(range(8)), "their places in the split, from 0 and between commas", parse=whole_numbers, metavar="PLACES"
    )


def run(arguments: RunOptions, options: ImageOptions) -> int:
    """Encode images with all layers and decode them again; as a picture and as arrays."""
    from latentia.uses import draw_reconstruction, reconstruct

    run = arguments.load()
    images = arguments.images(run, options.images)
    reconstruction = reconstruct(run.model, images, batch=arguments.batch, seed=arguments.seed)
    picture = draw_reconstruction(reconstruction, run.model.image_format.levels)
    write_results(arguments.folder("reconstructions"), "reconstructions", picture, reconstruction)
    error = float(reconstruction.squared_error.mean())
    say(f"The mean squared error is {error:.4g} squared levels, of {run.model.image_format.levels} levels.")
    return 0

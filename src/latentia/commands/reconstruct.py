"""`latentia reconstruct`: images encoded and decoded again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from latentia.command_line.options import option
from latentia.command_line.screen import say
from latentia.commands.imputation_results import write_imputation
from latentia.commands.known import KnownOptions, knew_nothing_at_times
from latentia.commands.options import RunOptions, whole_numbers
from latentia.commands.results import write_drawn

if TYPE_CHECKING:
    from latentia.runs import Run

FIRST = 8
"""Images, where none are named."""


@dataclass(frozen=True, kw_only=True)
class ImageOptions:
    """Images."""

    images: tuple[int, ...] | None = option(
        None,
        f"their places in the split, from 0 and between commas (default: the first {FIRST}, or as many as there are)",
        parse=whole_numbers,
        metavar="PLACES",
    )

    def of(self, run: Run, arguments: RunOptions) -> tuple[int, ...]:
        """Give the places."""
        return arguments.first(run, FIRST) if self.images is None else self.images


def run(arguments: RunOptions, options: ImageOptions) -> int:
    """Encode images with all layers and decode them again; as a picture and as arrays.

    Of a model that takes known pixels, both reconstructions: without any, and with those of the run's own masks.
    """
    from latentia.models.base import MultitaskModel
    from latentia.uses import draw_reconstruction, impute, reconstruct

    run = arguments.load_images("reconstruct")
    places, batch, seed = options.of(run, arguments), arguments.batch, arguments.seed
    if isinstance(run.model, MultitaskModel) and run.model.decoders != "plain":
        both = impute(
            run.model,
            arguments.values(run, places),
            KnownOptions().masks(run, places, seed),
            samples=0,
            batch=batch,
            seed=seed,
            field=run.fields() is not None,
            may_know_nothing=knew_nothing_at_times(run),
        )
        write_imputation(arguments, run, "reconstructions", "reconstructions", both)
        return 0
    images = arguments.images(run, places)
    reconstruction = reconstruct(run.model, images, batch=batch, seed=seed)
    write_drawn(arguments, run, "reconstructions", "reconstructions", reconstruction, draw_reconstruction)
    error = float(reconstruction.squared_error.mean())
    say(f"The mean squared error is {error:.4g} squared levels, of {run.model.image_format.levels} levels.")
    return 0

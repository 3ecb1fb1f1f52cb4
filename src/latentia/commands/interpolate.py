"""`latentia interpolate`: from one image to another."""

from __future__ import annotations

from dataclasses import dataclass

from latentia.command_line.options import option
from latentia.commands.options import RunOptions, require_least, whole_numbers
from latentia.commands.results import write_drawn
from latentia.errors import SettingError


@dataclass(frozen=True, kw_only=True)
class InterpolationOptions:
    """Interpolation."""

    images: tuple[int, ...] = option(
        (0, 1),
        "places in the split, from 0; first and last of each pair, between commas",
        parse=whole_numbers,
        metavar="PLACES",
    )
    layer: int = option(1, "the lowest layer that is interpolated; 1 is the top", metavar="NUMBER")
    temperature: float = option(1.0, "for the layers below, which are drawn", metavar="NUMBER")
    frames: int = option(7, "images between the two", metavar="COUNT")

    def __post_init__(self) -> None:
        require_least(1, layer=self.layer, frames=self.frames)
        if len(self.images) % 2:
            there = "there is 1" if len(self.images) == 1 else f"there are {len(self.images)}"
            raise SettingError(f"--images wants pairs of places, first and last; {there}.")


def run(arguments: RunOptions, options: InterpolationOptions) -> int:
    """Go from one image to another: latent variables down to a layer are interpolated, those below are drawn."""
    from latentia.uses import draw_interpolation, interpolate

    run = arguments.load_images("interpolate")
    images = arguments.images(run, options.images)
    result = interpolate(
        run.model,
        images[0::2],
        images[1::2],
        layer=options.layer,
        temperature=options.temperature,
        frames=options.frames,
        batch=arguments.batch,
        seed=arguments.seed,
    )
    name = f"interpolation-layer-{options.layer}"
    write_drawn(arguments, run, "interpolation", name, result, draw_interpolation)
    return 0

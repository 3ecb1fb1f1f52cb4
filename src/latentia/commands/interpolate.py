"""`latentia interpolate`: from one image, sentence or clip to another."""

from __future__ import annotations

from dataclasses import dataclass

from latentia.command_line.options import option
from latentia.commands.options import RunOptions, refuse, require_least, whole_numbers
from latentia.commands.own_sentences import own_sentences
from latentia.commands.results import write_drawn
from latentia.commands.sequence_uses import write_interpolation
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
    sentence: tuple[str, ...] = option(
        (), "two sentences of your own instead, where the run is of sentences; give it twice", metavar="TEXT"
    )
    layer: int = option(1, "the lowest layer that is interpolated; 1 is the top", metavar="NUMBER")
    temperature: float = option(1.0, "for the layers below, which are drawn", metavar="NUMBER")
    frames: int = option(7, "images, sentences or clips between the two", metavar="COUNT")

    def __post_init__(self) -> None:
        require_least(1, layer=self.layer, frames=self.frames)
        if len(self.images) % 2:
            there = "there is 1" if len(self.images) == 1 else f"there are {len(self.images)}"
            raise SettingError(f"--images wants pairs of places, first and last; {there}.")
        if len(self.sentence) % 2:
            raise SettingError(f"--sentence wants pairs, first and last; {len(self.sentence)} given.")


def run(arguments: RunOptions, options: InterpolationOptions) -> int:
    """Go from one image to another: latent variables down to a layer are interpolated, those below are drawn.

    From one sentence or clip to another, the means of their posteriors are interpolated and said without noise.
    """
    from latentia.runs import Run
    from latentia.uses import draw_interpolation, interpolate

    run = arguments.load()
    own = own_sentences(run, options.sentence)
    if not isinstance(run, Run):
        refuse(run, "images", {"layer": options.layer != 1, "temperature": options.temperature != 1.0})
        ends = arguments.sequences(run, options.images) if own is None else own
        write_interpolation(run, arguments, ends, options.frames)
        return 0
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

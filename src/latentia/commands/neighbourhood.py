"""`latentia neighbourhood`: images around an image."""

from __future__ import annotations

from dataclasses import dataclass

from latentia.command_line.options import option
from latentia.commands.options import RunOptions, temperatures, whole_numbers
from latentia.commands.results import write_drawn
from latentia.errors import SettingError

KEPT_LAYERS = (1, 2, 4)
AROUND = 8
"""Samples that make a 3×3 grid with the image in its centre."""


@dataclass(frozen=True, kw_only=True)
class NeighbourhoodOptions:
    """Neighbourhood."""

    image: int = option(0, "its place in the split, from 0", metavar="PLACE")
    kept_layers: tuple[int, ...] = option(
        (),
        "how many layers are the image's own, from the top, between commas; 0 keeps none "
        "(default: 1, 2 and 4, where there are)",
        parse=whole_numbers,
        metavar="NUMBERS",
    )
    temperatures: tuple[float, ...] = option(
        (0.8, 0.9, 1.0), "for the layers below, which are drawn, between commas", parse=temperatures, metavar="NUMBERS"
    )

    def __post_init__(self) -> None:
        if len(set(self.kept_layers)) < len(self.kept_layers):
            raise SettingError(f"--kept-layers wants each number once, not {','.join(map(str, self.kept_layers))}.")


def run(arguments: RunOptions, options: NeighbourhoodOptions) -> int:
    """Draw images around one: its topmost layers are kept, those below drawn, for a grid of both choices."""
    from latentia.uses import draw_neighbourhood, neighbourhood

    run = arguments.load_images("neighbourhood")
    layers = len(run.model.latent_shapes)
    kept_layers = options.kept_layers or tuple(number for number in KEPT_LAYERS if number <= layers)
    around = neighbourhood(
        run.model,
        arguments.images(run, (options.image,)),
        kept_layers=kept_layers,
        temperatures=options.temperatures,
        count=AROUND,
        batch=arguments.batch,
        seed=arguments.seed,
    )
    name = f"neighbourhood-{options.image}"
    write_drawn(arguments, run, "neighbourhood", name, around, draw_neighbourhood)
    return 0

"""`latentia sample`: images from the prior."""

from __future__ import annotations

from dataclasses import dataclass

from latentia.command_line.options import option
from latentia.commands.options import ModelOptions, require_least, temperatures
from latentia.commands.results import write_drawn


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
    draw_pixels: bool = option(False, "draw pixels too, instead of showing the most probable ones")

    def __post_init__(self) -> None:
        require_least(1, count=self.count)


def run(arguments: ModelOptions, options: SampleOptions) -> int:
    """Draw images at several temperatures, the same latent noise at each; as a picture and as arrays."""
    from latentia.uses import draw_samples, sample

    run = arguments.load()
    samples = sample(
        run.model,
        options.count,
        temperatures=options.temperatures,
        draw_pixels=options.draw_pixels,
        batch=arguments.batch,
        seed=arguments.seed,
    )
    write_drawn(arguments, run, "samples", "samples", samples, draw_samples)
    return 0

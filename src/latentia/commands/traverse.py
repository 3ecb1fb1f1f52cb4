"""`latentia traverse`: what each latent dimension of a model stands for."""

from __future__ import annotations

from dataclasses import dataclass

from latentia.command_line.options import option
from latentia.command_line.screen import say
from latentia.commands.options import RunOptions, SplitName, numbers, require_least, whole_numbers
from latentia.commands.results import write_drawn

FIRST = 2
"""Images that are traversed, where none are named."""


@dataclass(frozen=True, kw_only=True)
class TraverseRunOptions(RunOptions):
    """Run."""

    split: SplitName = option("validation", "which part of its data is meant")


@dataclass(frozen=True, kw_only=True)
class TraverseOptions:
    """Traversal."""

    images: tuple[int, ...] | None = option(
        None,
        f"places in the split of the images to start from, from 0 and between commas (default: the first {FIRST})",
        parse=whole_numbers,
        metavar="PLACES",
    )
    to: tuple[float, ...] = option(
        (-2.0, -1.5, -1.0, -0.5, 0.0, 0.5, 1.0, 1.5, 2.0),
        "where each latent dimension goes, in standard deviations of the prior, between commas",
        parse=numbers,
        metavar="NUMBERS",
    )
    ranking: int = option(256, "how many of the split's first images decide the order of dimensions", metavar="COUNT")

    def __post_init__(self) -> None:
        require_least(1, ranking=self.ranking)


def run(arguments: TraverseRunOptions, options: TraverseOptions) -> int:
    """Move one latent dimension at a time around images, and draw what comes of it; for Gaussian VAEs and β-VAEs.

    Dimensions are in the order of their divergence; those that say nothing about images are left out.
    """
    from latentia.uses import draw_traversal, traverse

    run = arguments.load_images("traverse")
    places = arguments.first(run, FIRST) if options.images is None else options.images
    traversal = traverse(
        run.model,
        arguments.images(run, places),
        ranked_by=arguments.images(run, arguments.first(run, options.ranking)),
        values=options.to,
        batch=arguments.batch,
    )
    write_drawn(arguments, run, "traversal", "traversal", traversal, draw_traversal)
    shown, dimensions = len(traversal.dimensions), len(traversal.divergence_nats)
    left_out = f"; {dimensions - shown} of {dimensions} are dead and left out" if shown < dimensions else ""
    nats = ", ".join(f"{place}: {traversal.divergence_nats[place]:.2f}" for place in traversal.dimensions.tolist())
    say(f"Nats of the latent dimensions: {nats}{left_out}.")
    return 0

"""`latentia reconstruct`: images, sentences or clips encoded and decoded again."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from latentia.command_line.options import option
from latentia.command_line.screen import say
from latentia.commands.imputation_results import write_imputation
from latentia.commands.known import KnownOptions, knew_nothing_at_times
from latentia.commands.options import RunOptions, require_least, whole_numbers
from latentia.commands.own_sentences import own_sentences
from latentia.commands.results import write_drawn
from latentia.commands.sequence_uses import write_reconstructions
from latentia.errors import SettingError

if TYPE_CHECKING:
    from latentia.runs import Run, SequenceRun

FIRST = 8
"""Images, sentences or clips, where none are named."""


@dataclass(frozen=True, kw_only=True)
class ImageOptions:
    """Images."""

    images: tuple[int, ...] | None = option(
        None,
        f"their places in the split, from 0 and between commas (default: the first {FIRST}, or as many as there are)",
        parse=whole_numbers,
        metavar="PLACES",
    )

    def of(self, run: Run | SequenceRun, arguments: RunOptions) -> tuple[int, ...]:
        """Give the places."""
        return arguments.first(run, FIRST) if self.images is None else self.images


@dataclass(frozen=True, kw_only=True)
class ReconstructOptions(ImageOptions):
    """What is reconstructed: images, sentences or clips."""

    first: int | None = option(None, "the first of the split, so many of them", metavar="COUNT")
    text: Path | None = option(
        None,
        "sentences of your own instead, a file with one on each line, where the run is of sentences",
        metavar="FILE",
    )
    sentence: tuple[str, ...] = option(
        (), "a sentence of your own instead; give it as often as you like", metavar="TEXT"
    )

    def __post_init__(self) -> None:
        require_least(1, first=1 if self.first is None else self.first)
        given = [f"--{name}" for name in ("images", "first") if getattr(self, name) is not None]
        if self.text is not None or self.sentence:
            given.append("--text" if self.text is not None else "--sentence")
        if len(given) > 1:
            raise SettingError(f"Give one of --images, --first, and sentences of your own, not {' and '.join(given)}.")

    def places(self, run: Run | SequenceRun, arguments: RunOptions) -> tuple[int, ...]:
        """Give the places in the split."""
        return self.of(run, arguments) if self.first is None else tuple(range(self.first))


def run(arguments: RunOptions, options: ReconstructOptions) -> int:
    """Encode images with all layers and decode them again; as a picture and as arrays.

    Of a model that takes known pixels, both reconstructions: without any, and with those of the run's own masks.
    Sentences and clips are said again from the mean of their posterior, without teacher forcing: sentences as text,
    clips as strips of frames and as arrays.
    """
    from latentia.runs import Run

    run = arguments.load()
    own = own_sentences(run, options.sentence, options.text)
    if isinstance(run, Run):
        _reconstruct_images(run, arguments, options.places(run, arguments))
    else:
        given = arguments.sequences(run, options.places(run, arguments)) if own is None else own
        write_reconstructions(run, arguments, given)
    return 0


def _reconstruct_images(run: Run, arguments: RunOptions, places: tuple[int, ...]) -> None:
    from latentia.models.base import MultitaskModel
    from latentia.uses import draw_reconstruction, impute, reconstruct

    batch, seed = arguments.batch, arguments.seed
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
        return
    images = arguments.images(run, places)
    reconstruction = reconstruct(run.model, images, batch=batch, seed=seed)
    write_drawn(arguments, run, "reconstructions", "reconstructions", reconstruction, draw_reconstruction)
    error = float(reconstruction.squared_error.mean())
    say(f"The mean squared error is {error:.4g} squared levels, of {run.model.image_format.levels} levels.")

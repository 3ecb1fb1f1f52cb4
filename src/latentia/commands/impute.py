"""`latentia impute`: images from their known pixels."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from latentia.command_line.options import option
from latentia.commands.imputation_results import with_known_pixels, write_imputation
from latentia.commands.known import KnownOptions, knew_nothing_at_times
from latentia.commands.options import HIGHEST_TEMPERATURE, RunOptions, require_least
from latentia.commands.reconstruct import ImageOptions
from latentia.errors import SettingError

if TYPE_CHECKING:
    from torch import Tensor

    from latentia.commands.known import Masks
    from latentia.runs import Run


@dataclass(frozen=True, kw_only=True)
class ImputeOptions(ImageOptions):
    """Images."""

    image: Path | None = option(
        None,
        "an image of your own instead: a picture, or an NPZ file with an array 'values' and NaN where nothing is "
        "known; with --sensors or --mask, nothing else of it is looked at",
        metavar="FILE",
    )
    samples: int = option(8, "draws from the prior for each image; 0 for none", metavar="COUNT")
    temperature: float = option(1.0, "what scales the prior's standard deviation", metavar="NUMBER")

    def __post_init__(self) -> None:
        require_least(0, samples=self.samples)
        if not 0 <= self.temperature <= HIGHEST_TEMPERATURE:
            raise SettingError(f"--temperature is 0 to {HIGHEST_TEMPERATURE}, not {self.temperature:g}.")


def run(arguments: RunOptions, options: ImputeOptions, known: KnownOptions) -> int:
    """Fill in images of which some pixels are known, and say how sure that is; as a picture and as arrays."""
    from latentia.uses import impute

    run = arguments.load_images("impute")
    model = with_known_pixels(run)
    if options.image is None:
        images = options.of(run, arguments)
        values, name = arguments.values(run, images), "imputation"
        masks = known.masks(run, images, arguments.seed)
    else:
        values, masks = _own(run, options.image, known, arguments.seed)
        name = f"imputation-{options.image.stem}"
    imputation = impute(
        model,
        values,
        masks,
        samples=options.samples,
        temperature=options.temperature,
        batch=arguments.batch,
        seed=arguments.seed,
        field=run.fields() is not None,
        may_know_nothing=knew_nothing_at_times(run),
    )
    write_imputation(arguments, run, "imputation", name, imputation)
    return 0


def _own(run: Run, file: Path, known: KnownOptions, seed: int) -> tuple[Tensor, Masks]:
    """Read the user's image; where nothing is known it becomes NaN."""
    import torch

    from latentia.data.single import read_values

    values = read_values(file, run.model.image_format, run.fields())
    there = values.isfinite().all(1, keepdim=True)
    if not known.given and not there.all():
        return values, there
    masks = known.masks(run, (0,), seed)
    if known.fixed and masks.shape == there.shape:  # of other masks the library says what is wrong
        values = values.masked_fill(~masks, torch.nan)
    return values, masks

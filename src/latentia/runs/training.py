"""A run from its configuration to its model: what `latentia train` does, for programs too."""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from jaxtyping import Integer, Shaped
from torch import Tensor, nn

from latentia.data import DataSet, FieldSet, ShuffledImages, Split, pixels_of
from latentia.errors import DataError
from latentia.files import atomic_path
from latentia.models.base import LatentVariableModel, MultitaskModel
from latentia.randomness import seeded
from latentia.runs.configuration import Configuration, Training
from latentia.runs.folder import RunFolder
from latentia.runs.model_file import save_model
from latentia.training import Outcome, Progress, Task, fit
from latentia.training.density import density_task
from latentia.training.multitask import Balanced, MultitaskTraining, multitask_task
from latentia.uses import FieldColours, draw_reconstruction, draw_samples, reconstruct, sample, write_png
from latentia.uses.colours import DRAWN_CHANNELS, in_colours

PICTURED = 8
"""Samples at each temperature, and reconstructions, in a picture."""
TEMPERATURES = (0.7, 0.85, 1.0)


def train(
    configuration: Configuration,
    folder: Path,
    *,
    resume: bool = False,
    pictures: bool = True,
    on_data: Callable[[DataSet, DataSet], None] = lambda images, validation: None,
    on_progress: Callable[[Progress], None] = lambda progress: None,
) -> Outcome:
    """Train a model and keep it in `folder`, with all that it takes to do so again.

    After each evaluation the folder has another line of history, and pictures of samples and reconstructions by the
    weights that were evaluated; where these are the best so far, they become the folder's model. With `resume`, an
    interrupted run goes on and ends with the weights that an uninterrupted one would have, to the bit on the same
    machine; where nothing was begun, it begins. `on_data` is told of the images before the first step. Of several
    processes (`torchrun`), the first alone writes.

    Errors: DataError and SettingError for data and settings that do not fit, before anything is written; OutputError
    and OSError where the folder cannot be written; CheckpointError where its checkpoint is damaged; TrainingError
    where the loss stays not finite.
    """
    place = RunFolder(path=folder)
    place.check(configuration, resume=resume)
    images, validation = configuration.load(Split.TRAIN), configuration.images(Split.VALIDATION)
    batches = ShuffledImages(
        image_set=images,
        batch=configuration.training.batch,
        seed=configuration.seed,
        flip=configuration.transforms.flip,
        binarise=configuration.transforms.binarise,
    )
    if batches.image_format != validation.format:
        raise DataError(
            f"{images.name} has training images of {batches.image_format} and validation images of {validation.format}."
        )
    with seeded(configuration.seed):
        model: LatentVariableModel = configuration.model.build(batches.image_format)
    held_out = validation.tensor(slice(None))
    task = _task(model, batches, held_out, configuration.training)
    data = {str(one.split): one.sha256 for one in (images, validation)}
    place.check_data(data)
    on_data(images, validation)
    colours = FieldColours(fields=validation) if isinstance(validation, FieldSet) else None
    drawn = pictures and (colours is not None or images.format.channels in DRAWN_CHANNELS)
    keeper = _Keeper(
        configuration=configuration,
        folder=place,
        data=data,
        pictured=pixels_of(validation, slice(PICTURED)) if drawn else None,
        colours=colours,
        on_progress=on_progress,
    )
    return fit(
        task,
        configuration.training.loop(configuration.seed),
        checkpoint=place.checkpoint,
        resume=resume,
        on_progress=keeper.keep,
        on_evaluation=keeper.keep_model,
    )


def _task(
    model: LatentVariableModel,
    batches: ShuffledImages,
    held_out: Shaped[Tensor, "images channels height width"],
    training: Training,
) -> Task[Tensor]:
    if isinstance(training, MultitaskTraining):
        assert isinstance(model, MultitaskModel)  # as configurations see to
        return multitask_task(model, batches, held_out, training)
    return density_task(model, batches, held_out, training)


@dataclass(kw_only=True)
class _Keeper:
    """Writes to the folder of a run what its training reports."""

    configuration: Configuration
    folder: RunFolder
    data: Mapping[str, str]
    pictured: Integer[Tensor, "images channels height width"] | None
    colours: FieldColours | None
    on_progress: Callable[[Progress], None]
    claimed: bool = field(default=False, init=False)

    def keep(self, progress: Progress) -> None:
        """Take a report of the loop. The first one says that training has begun: until then nothing is written."""
        if not self.claimed:
            self.folder.claim(self.configuration, self.data)
            self.claimed = True
        if progress.evaluation is not None:
            self._write_history(progress.history)
        self.on_progress(progress)

    def keep_model(self, module: nn.Module, progress: Progress) -> None:
        """Keep weights that were evaluated, if they are the best, and draw with them."""
        model = module.model if isinstance(module, Balanced) else module
        assert isinstance(model, LatentVariableModel)
        if progress.is_best:
            save_model(model, self.configuration.model, self.folder.model)
        if self.pictured is not None:
            self._draw(model, self.pictured, progress.run_step)

    def _draw(
        self, model: LatentVariableModel, images: Integer[Tensor, "images channels height width"], step: int
    ) -> None:
        levels = model.image_format.levels
        self.folder.pictures.mkdir(exist_ok=True)
        if not isinstance(model, MultitaskModel) or model.has_prior:
            samples = in_colours(sample(model, PICTURED, temperatures=TEMPERATURES), self.colours)
            write_png(draw_samples(samples, levels), self.folder.pictures / f"samples-{step:08d}.png")
        reconstruction = in_colours(reconstruct(model, images), self.colours)
        path = self.folder.pictures / f"reconstructions-{step:08d}.png"
        write_png(draw_reconstruction(reconstruction, levels), path)

    def _write_history(self, rows: tuple[Mapping[str, float], ...]) -> None:
        with atomic_path(self.folder.history) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, list(rows[-1]))
            writer.writeheader()
            writer.writerows(rows)

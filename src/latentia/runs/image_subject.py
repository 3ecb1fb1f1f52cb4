"""What a training is about where it is about images: data, task, model file and pictures."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from torch import Tensor, nn

from latentia.data import DataSet, FieldSet, ShuffledImages, Split, pixels_of
from latentia.errors import DataError
from latentia.models.base import LatentVariableModel, MultitaskModel
from latentia.models.recurrent_vae import RecurrentVAEConfig
from latentia.randomness import seeded
from latentia.runs.configuration import Configuration
from latentia.runs.model_file import save_model
from latentia.training import Task
from latentia.training.density import DensityTraining, density_task
from latentia.training.multitask import Balanced, MultitaskTraining, multitask_task
from latentia.uses import FieldColours, draw_reconstruction, draw_samples, reconstruct, sample, write_png
from latentia.uses.colours import DRAWN_CHANNELS, in_colours

PICTURED = 8
"""Samples at each temperature, and reconstructions, in a picture."""
TEMPERATURES = (0.7, 0.85, 1.0)


@dataclass(frozen=True, kw_only=True)
class ImageSubject:
    """Images to train on and to validate with; `SequenceSubject` answers the same questions."""

    configuration: Configuration
    training: DataSet
    validation: DataSet

    @staticmethod
    def of(configuration: Configuration) -> ImageSubject:
        """Load the data. Errors: DataError."""
        training, validation = configuration.load(Split.TRAIN), configuration.images(Split.VALIDATION)
        return ImageSubject(configuration=configuration, training=training, validation=validation)

    def task(self) -> Task[Tensor]:
        """Make the model and its task. Errors: DataError and SettingError where data and settings do not fit."""
        config, settings, images = self.configuration.model, self.configuration.training, self.training
        assert not isinstance(config, RecurrentVAEConfig)  # as configurations see to
        transforms, seed = self.configuration.transforms, self.configuration.seed
        batches = ShuffledImages(
            image_set=images, batch=settings.batch, seed=seed, flip=transforms.flip, binarise=transforms.binarise
        )
        if batches.image_format != self.validation.format:
            raise DataError(
                f"{images.name} has training images of {batches.image_format} and validation images of "
                f"{self.validation.format}."
            )
        with seeded(seed):
            model: LatentVariableModel = config.build(batches.image_format)
        held_out = self.validation.tensor(slice(None))
        if isinstance(settings, MultitaskTraining):
            assert isinstance(model, MultitaskModel)  # as configurations see to
            return multitask_task(model, batches, held_out, settings)
        assert isinstance(settings, DensityTraining)
        return density_task(model, batches, held_out, settings)

    def save(self, module: nn.Module, path: Path) -> None:
        """Write the model file. Errors: OSError."""
        config = self.configuration.model
        assert not isinstance(config, RecurrentVAEConfig)
        save_model(_model(module), config, path)

    def draw(self, module: nn.Module, folder: Path, name: str) -> None:
        """Draw samples and reconstructions, where such images can be drawn. Errors: OSError."""
        model, images = _model(module), self.validation
        colours = FieldColours(fields=images) if isinstance(images, FieldSet) else None
        if colours is None and images.format.channels not in DRAWN_CHANNELS:
            return
        levels = model.image_format.levels
        folder.mkdir(exist_ok=True)
        if not isinstance(model, MultitaskModel) or model.has_prior:
            samples = in_colours(sample(model, PICTURED, temperatures=TEMPERATURES), colours)
            write_png(draw_samples(samples, levels), folder / f"samples-{name}.png")
        reconstruction = in_colours(reconstruct(model, pixels_of(images, slice(PICTURED))), colours)
        write_png(draw_reconstruction(reconstruction, levels), folder / f"reconstructions-{name}.png")


def _model(module: nn.Module) -> LatentVariableModel:
    model = module.model if isinstance(module, Balanced) else module
    assert isinstance(model, LatentVariableModel)
    return model

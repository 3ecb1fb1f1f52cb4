"""Runs that are trained: how a model comes out of its folder again, with its data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from latentia.data import DataSet, FieldSet, NpzFields, SequenceSet, Split, Vocabulary
from latentia.errors import DataError, SettingError
from latentia.evaluation.bits_per_dimension import Weights
from latentia.models.base import LatentVariableModel, SequenceModel
from latentia.models.recurrent_vae import RecurrentVAEConfig
from latentia.models.vq_vae import VQVAE
from latentia.runs.configuration import Configuration, changed
from latentia.runs.folder import LOCATES, RunFolder
from latentia.runs.model_file import load_model
from latentia.runs.prior_file import attach_prior
from latentia.runs.sequence_file import load_sequence_model
from latentia.runs.settings import flat, plain
from latentia.sequences import VideoFormat

CHANGEABLE = ("data.", "transforms.")
"""Sections that can be changed of a run that is trained."""

DIVIDES = tuple(f"data.{name}" for name in ("test", "validation", "shuffle", "validation_persons", "test_persons"))
"""What moves images or sequences between the parts of a data set."""


@dataclass(frozen=True, kw_only=True)
class Run:
    """A trained model of images with the configuration that it was trained by."""

    folder: RunFolder
    configuration: Configuration
    model: LatentVariableModel
    _loaded: dict[Split, DataSet] = field(default_factory=dict, init=False, repr=False, compare=False)

    @property
    def weights(self) -> Weights:
        """Whether the model's weights are the moving average."""
        return _weights(self.configuration)

    def images(self, split: Split) -> DataSet:
        """Load one split of the run's data, once.

        Errors: DataError where its images are not of the model's format, or are fields that are scaled otherwise than
        those that the model was trained on.
        """
        if split not in self._loaded:
            self._loaded[split] = self._checked(split)
        return self._loaded[split]

    def _checked(self, split: Split) -> DataSet:
        images = self.configuration.images(split)
        self.check_format(images)
        if isinstance(images, FieldSet):
            train = images if split is Split.TRAIN else self.images(Split.TRAIN)
            if train.sha256 != self.folder.training_checksum():
                raise DataError(
                    f"{train.name} has other training snapshots than {self.folder.path} was trained on, so that its "
                    "values are scaled otherwise."
                )
        return images

    def check_format(self, images: DataSet) -> None:
        """Errors: DataError where images are not of the model's format."""
        if images.format != self.model.image_format:
            raise DataError(
                f"The model of {self.folder.path} is for images of {self.model.image_format}; {images.name} has "
                f"{images.format}."
            )

    def fields(self) -> FieldSet | None:
        """Give the training snapshots, which know scale and solid, where the data are fields. Errors: DataError."""
        images = self.images(Split.TRAIN) if isinstance(self.configuration.data, NpzFields) else None
        return images if isinstance(images, FieldSet) else None


@dataclass(frozen=True, kw_only=True)
class SequenceRun:
    """A trained model of sentences or clips with the configuration that it was trained by."""

    folder: RunFolder
    configuration: Configuration
    model: SequenceModel
    vocabulary: Vocabulary | None
    """The words of the sentences; None where the run is of clips."""
    _loaded: dict[Split, SequenceSet] = field(default_factory=dict, init=False, repr=False, compare=False)

    @property
    def weights(self) -> Weights:
        """Whether the model's weights are the moving average."""
        return _weights(self.configuration)

    def sequences(self, split: Split) -> SequenceSet:
        """Load one split of the run's data, once.

        Errors: DataError where its clips are not of the model's format, or its sentences not in the model's words.
        """
        if split not in self._loaded:
            self._loaded[split] = self._checked(split)
        return self._loaded[split]

    def _checked(self, split: Split) -> SequenceSet:
        found, wanted = self.configuration.sequences(split), self.model.sequence_format
        if isinstance(wanted, VideoFormat):
            if not isinstance(found.format, VideoFormat) or found.format.frame != wanted.frame:
                raise DataError(f"The model of {self.folder.path} is for {wanted}; {found.name} has {found.format}.")
        elif found.vocabulary != self.vocabulary:
            raise DataError(
                f"The model of {self.folder.path} knows the {wanted.words} words of the sentences that it was trained "
                f"on; the training sentences of {found.name} have other words."
            )
        return found


def load_run(path: Path, changes: Sequence[str] = ()) -> Run | SequenceRun:
    """Load the model of a run, in evaluation mode, and its configuration with `changes`, such as `data.folder=…`.

    Errors: CheckpointError where the folder holds no run, or one of another kind or without a model yet;
    SettingError where a change is no setting, or would divide the data that the run was trained on another way.
    """
    for change in changes:
        if not change.startswith(CHANGEABLE):
            raise SettingError(f"Of a trained run only settings of the data can be changed, not {change}.")
    folder = RunFolder(path=path)
    trained = folder.read_configuration()
    configuration = changed(trained, changes, str(folder.configuration)) if changes else trained
    _check_division(trained, configuration, changes, path)
    folder.check_model()
    if isinstance(trained.model, RecurrentVAEConfig):
        found = load_sequence_model(folder.model, trained.model)
        return SequenceRun(folder=folder, configuration=configuration, model=found.model, vocabulary=found.vocabulary)
    model = load_model(folder.model, trained.model)
    if isinstance(model, VQVAE):
        attach_prior(model, path, folder.model)
    return Run(folder=folder, configuration=configuration, model=model)


def _check_division(trained: Configuration, now: Configuration, changes: Sequence[str], path: Path) -> None:
    """Errors: SettingError where a change moves data between splits, and other data are not named."""
    before, after = flat(plain(trained)), flat(plain(now))
    named = {change.partition("=")[0].strip(): change for change in changes}
    if any(name in LOCATES and name not in DIVIDES and isinstance(after[name], str) for name in named):
        return
    for name, change in named.items():
        # A file of its own moves nothing, unless what it takes the place of was a part of the training file.
        file = isinstance(after.get(name), str) and (isinstance(before[name], str) or not before[name])
        if name in DIVIDES and not file:
            raise SettingError(
                f"{change} would move {trained.things} between those that {path} was trained on and those that measure "
                "it."
            )


def _weights(configuration: Configuration) -> Weights:
    return "last" if configuration.training.average_decay is None else "average"

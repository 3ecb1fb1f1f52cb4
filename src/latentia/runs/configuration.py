"""The configuration of a run: data, model, training and seed, read from YAML without guesses."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any, TypeVar

from latentia.configs import find_configuration
from latentia.data import DataSet, ImageSet, NpzFields, SequenceSet, Split
from latentia.errors import SettingError
from latentia.models.recurrent_vae import RecurrentVAEConfig
from latentia.runs.choices import (
    DATA_SETS,
    MODELS,
    TRAININGS,
    ImageData,
    ModelConfig,
    MultitaskConfig,
    SequenceData,
    Training,
    objective_of,
    things_of,
)
from latentia.runs.fold import Fold
from latentia.runs.settings import name_in, plain, read
from latentia.runs.yaml_text import change_value, read_yaml

Record = TypeVar("Record")


@dataclass(frozen=True, kw_only=True)
class Transforms:
    """What happens to images between their files and the model."""

    flip: bool = False
    """Mirror training images left to right with probability ½ (Table A.1, "Horizontal flip data augmentation")."""
    binarise: bool = False
    """Draw each pixel as 0 or 1 with probability value / (levels − 1): anew at each step of training, once for
    evaluation."""


@dataclass(frozen=True, kw_only=True)
class Configuration:
    """All that decides a run, besides the bytes of the data and the code."""

    data: ImageData | SequenceData = field(metadata={"choice": DATA_SETS})
    model: ModelConfig = field(metadata={"choice": MODELS})
    training: Training = field(metadata={"choice": TRAININGS})
    transforms: Transforms = Transforms()
    fold: Fold | None = None
    """In cross-validation, which part of the training images is held out, instead of the data's own validation."""
    seed: int = 0

    def __post_init__(self) -> None:
        if self.seed < 0:
            raise SettingError(f"seed must be 0 or more, not {self.seed}.")
        self._check_model()
        if isinstance(self.data, SequenceData):
            for name, given in (("fold", self.fold is not None), ("transforms", self.transforms != Transforms())):
                if given:
                    raise SettingError(f"{name} is for images; {self._told_data} holds {self.things}.")
        if isinstance(self.data, NpzFields) and not isinstance(self.model, MultitaskConfig):
            raise SettingError(
                "data.set npz_fields holds real numbers, which are for a model.kind multitask_gaussian_vae or vq_vae; "
                "the others are densities of whole numbers."
            )
        if isinstance(self.data, NpzFields) and self.transforms.binarise:
            raise SettingError("transforms.binarise is for images; data.set npz_fields holds real numbers.")

    def _check_model(self) -> None:
        """Errors: SettingError where model, objective and data do not go together."""
        kind, wanted = name_in(MODELS, self.model), objective_of(type(self.model))
        if not isinstance(self.training, TRAININGS.kinds[wanted]):
            raise SettingError(f"A {kind} is trained with training.objective {wanted}.")
        recurrent = isinstance(self.model, RecurrentVAEConfig)
        if recurrent != isinstance(self.data, SequenceData):
            of = "sentences and clips" if recurrent else "images"
            raise SettingError(f"A {kind} is a model of {of}; {self._told_data} holds {self.things}.")

    @property
    def things(self) -> str:
        """What the data are: images, sentences or clips."""
        return things_of(self.data)

    @property
    def _told_data(self) -> str:
        return f"data.{DATA_SETS.key} {name_in(DATA_SETS, self.data)}"

    def load(self, split: Split) -> DataSet:
        """Load the images of one split. Errors: DataError, also where there are none; SettingError for sequences."""
        if isinstance(self.data, SequenceData):
            raise SettingError(f"{self._told_data} holds {self.things}, no images.")
        return self.data.load(split) if self.fold is None else self.fold.load(self.data, split)

    def images(self, split: Split) -> DataSet:
        """Load the images of one split as they are evaluated. Errors: as `load`."""
        images = self.load(split)
        return images.drawn_binary(self.seed) if self.transforms.binarise and isinstance(images, ImageSet) else images

    def sequences(self, split: Split) -> SequenceSet:
        """Load the sentences or clips of one split. Errors: DataError as sources have it; SettingError for images."""
        if not isinstance(self.data, SequenceData):
            raise SettingError(f"{self._told_data} holds images, no sequences.")
        return self.data.load(split)


def read_configuration(name: str, changes: Sequence[str] = ()) -> Configuration:
    """Read a YAML file, or the packaged configuration of that name, with `changes` such as `training.steps=100`.

    Errors: SettingError where there is no such file, or a setting is unknown, misspelt, missing or of another type;
    it begins with the file's name, or with `--set` and the change that brings it about.
    """
    values = read_yaml(find_configuration(name).read_bytes(), name)
    if values is None:
        raise SettingError(f"{name} is empty; a configuration has data, model and training.")
    return read_changed(Configuration, values, changes, name)


def _with_objective(values: Any) -> Any:
    """Say by which objective a model is trained, where nothing else is said."""
    if not isinstance(values, dict):
        return values
    model, training = values.get("model"), values.get("training")
    if not isinstance(model, dict) or not isinstance(training, dict) or TRAININGS.key in training:
        return values
    kind = MODELS.kinds.get(str(model.get(MODELS.key)))
    return values if kind is None else {**values, "training": {TRAININGS.key: objective_of(kind), **training}}


def configuration_of(values: Any, name: str) -> Configuration:
    """Make a configuration of plain values. Errors: SettingError, which begins with the file's `name`."""
    try:
        configuration: Configuration = read(Configuration, _with_objective(values))
    except SettingError as error:
        raise SettingError(f"{name}: {error}") from error
    return configuration


def changed(configuration: Configuration, changes: Sequence[str], name: str) -> Configuration:
    """Give a configuration with changes such as `data.folder=…`, of the same kind of data.

    Errors: SettingError, which begins with `--set` and the change.
    """
    values = plain(configuration)
    kind = values["data"][DATA_SETS.key]
    for change in changes:
        section, _, value = change.partition("=")
        if section.strip() == f"data.{DATA_SETS.key}" and value.strip() != kind:
            raise SettingError(
                f"--set {change}: of a trained run only settings of the same kind of data can be changed; "
                f"data.{DATA_SETS.key} is {kind}."
            )
    return read_changed(Configuration, values, changes, name)


def read_changed(kind: type[Record], values: Any, changes: Sequence[str], name: str) -> Record:
    """Change plain values and read them as a record.

    Errors: SettingError, which begins with the file or the change that it is due to.
    """
    steps = [(name, values)]
    for change in changes:
        steps.append((f"--set {change}", deepcopy(steps[-1][1])))
        change_value(steps[-1][1], change)
    try:
        record: Record = read(kind, _completed(kind, steps[-1][1]))
    except SettingError as error:
        due = next(source for source, values in steps if _refusal(kind, values) == str(error))
        raise SettingError(f"{due}: {error}") from error
    return record


def _completed(kind: type, values: Any) -> Any:
    return _with_objective(values) if kind is Configuration else values


def _refusal(kind: type, values: Any) -> str | None:
    try:
        read(kind, _completed(kind, values))
    except SettingError as error:
        return str(error)
    return None

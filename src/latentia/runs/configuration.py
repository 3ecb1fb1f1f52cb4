"""The configuration of a run: data, model, training and seed, read from YAML without guesses.

Names in a file are looked up in the closed mappings below; there is no way to name code.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any, TypeVar, get_args

import yaml

from latentia.configs import find_configuration
from latentia.data import (
    CelebA,
    CelebAHQ,
    Cifar10,
    DataSet,
    DataSource,
    ImageFolder,
    ImageNet32,
    ImageSet,
    Mnist,
    NpzFields,
    NpzImages,
    Omniglot,
    Split,
)
from latentia.errors import SettingError
from latentia.models.gaussian_vae import GaussianVAEConfig
from latentia.models.ladder_vae import LadderVAEConfig
from latentia.models.multitask_gaussian_vae import MultitaskGaussianVAEConfig
from latentia.models.vq_vae import VQVAEConfig
from latentia.runs.fold import Fold
from latentia.runs.settings import Choice, plain, read
from latentia.training.density import DensityTraining
from latentia.training.multitask import MultitaskTraining

DATA_SETS = Choice(
    key="set",
    kinds={
        "cifar10": Cifar10,
        "imagenet32": ImageNet32,
        "celeba": CelebA,
        "celeba_hq": CelebAHQ,
        "mnist": Mnist,
        "omniglot": Omniglot,
        "image_folder": ImageFolder,
        "npz": NpzImages,
        "npz_fields": NpzFields,
    },
)
SDN_VAE, IAF_VAE = "SDN-VAE is kind ladder_vae with model.sdn", "IAF-VAE+ is kind ladder_vae without model.sdn"
MODELS = Choice(
    key="kind",
    kinds={
        "ladder_vae": LadderVAEConfig,
        "gaussian_vae": GaussianVAEConfig,
        "multitask_gaussian_vae": MultitaskGaussianVAEConfig,
        "vq_vae": VQVAEConfig,
    },
    other_names={
        "sdnvae": SDN_VAE,
        "sdn": SDN_VAE,
        "iafvae": IAF_VAE,
        "iaf": IAF_VAE,
        "scvae": "a semi-conditional VAE is kind multitask_gaussian_vae or vq_vae with model.decoders multi or single",
    },
)
ModelConfig = LadderVAEConfig | GaussianVAEConfig | MultitaskGaussianVAEConfig | VQVAEConfig
MultitaskConfig = MultitaskGaussianVAEConfig | VQVAEConfig
Record = TypeVar("Record")
BOUND, TASKS = "bound", "tasks"
TRAININGS = Choice(key="objective", kinds={BOUND: DensityTraining, TASKS: MultitaskTraining}, default=BOUND)
Training = DensityTraining | MultitaskTraining


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

    data: DataSource | NpzFields = field(metadata={"choice": DATA_SETS})
    model: ModelConfig = field(metadata={"choice": MODELS})
    training: Training = field(metadata={"choice": TRAININGS})
    transforms: Transforms = Transforms()
    fold: Fold | None = None
    """In cross-validation, which part of the training images is held out, instead of the data's own validation."""
    seed: int = 0

    def __post_init__(self) -> None:
        if self.seed < 0:
            raise SettingError(f"seed must be 0 or more, not {self.seed}.")
        multitask = isinstance(self.model, MultitaskConfig)
        if multitask != isinstance(self.training, MultitaskTraining):
            kind = next(name for name, kind in MODELS.kinds.items() if type(self.model) is kind)
            raise SettingError(f"A {kind} is trained with training.objective {TASKS if multitask else BOUND}.")
        if isinstance(self.data, NpzFields) and not multitask:
            raise SettingError(
                "data.set npz_fields holds real numbers, which are for a model.kind multitask_gaussian_vae or vq_vae; "
                "the others are densities of whole numbers."
            )
        if isinstance(self.data, NpzFields) and self.transforms.binarise:
            raise SettingError("transforms.binarise is for images; data.set npz_fields holds real numbers.")

    def load(self, split: Split) -> DataSet:
        """Load the images of one split. Errors: DataError, also where there are none."""
        return self.data.load(split) if self.fold is None else self.fold.load(self.data, split)

    def images(self, split: Split) -> DataSet:
        """Load the images of one split as they are evaluated. Errors: DataError, also where there are none."""
        images = self.load(split)
        return images.drawn_binary(self.seed) if self.transforms.binarise and isinstance(images, ImageSet) else images


def read_configuration(name: str, changes: Sequence[str] = ()) -> Configuration:
    """Read a YAML file, or the packaged configuration of that name, with `changes` such as `training.steps=100`.

    Errors: SettingError where there is no such file, or a setting is unknown, misspelt, missing or of another type;
    it begins with the file's name, or with `--set` and the change that brings it about.
    """
    values = _read_yaml(find_configuration(name).read_bytes(), name)
    if values is None:
        raise SettingError(f"{name} is empty; a configuration has data, model and training.")
    return read_changed(Configuration, values, changes, name)


def _with_objective(values: Any) -> Any:
    """Say that a multitask model is trained on its tasks, where nothing else is said."""
    if not isinstance(values, dict):
        return values
    model, training = values.get("model"), values.get("training")
    if not isinstance(model, dict) or not isinstance(training, dict) or TRAININGS.key in training:
        return values
    if MODELS.kinds.get(str(model.get(MODELS.key))) not in get_args(MultitaskConfig):
        return values
    return {**values, "training": {TRAININGS.key: TASKS, **training}}


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


def write_yaml(configuration: Any) -> str:
    """Give the YAML text of a configuration or another record of settings, with every setting, defaults too."""
    return str(yaml.safe_dump(plain(configuration), sort_keys=False, allow_unicode=True))


class _Loader(yaml.SafeLoader):  # type: ignore[misc]  # yaml comes without types
    """Refuses a setting that is given twice, where YAML would silently take the last."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        """Make the mapping of a node."""
        names = [key.value for key, _ in node.value]
        for name in names:
            if names.count(name) > 1:
                raise SettingError(f"'{name}' is given twice, the second time by line {node.end_mark.line}.")
        mapping: dict[Hashable, Any] = super().construct_mapping(node, deep)
        return mapping


def _read_yaml(text: str | bytes, name: str) -> Any:
    try:
        return yaml.load(text, _Loader)
    except SettingError as error:
        raise SettingError(f"{name}: {error}") from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" in line {mark.line + 1}" if mark else ""
        cause = getattr(error, "problem", None) or getattr(error, "reason", "it is no text")
        raise SettingError(f"{name}: there is no YAML{where}: {cause}.") from error


def read_changed(kind: type[Record], values: Any, changes: Sequence[str], name: str) -> Record:
    """Change plain values and read them as a record.

    Errors: SettingError, which begins with the file or the change that it is due to.
    """
    steps = [(name, values)]
    for change in changes:
        steps.append((f"--set {change}", deepcopy(steps[-1][1])))
        _change(steps[-1][1], change)
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


def _change(values: Any, change: str) -> None:
    """Set one value, as in `training.steps=100`."""
    name, equals, text = change.partition("=")
    *sections, last = name.strip().split(".")
    if not equals or not last:
        raise SettingError(f"--set {change}: a change is written as section.setting=value.")
    inner = _settings(values, change)
    for section in sections:
        inner[section] = inner.get(section) or {}
        inner = _settings(inner[section], change)
    inner[last] = _read_yaml(text, f"--set {change}")


def _settings(values: Any, change: str) -> dict[str, Any]:
    if not isinstance(values, dict):
        raise SettingError(f"--set {change}: what is to be changed holds no settings.")
    return values

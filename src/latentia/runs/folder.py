"""The folder of a run: what is in it, who may write to it, and how a trained model comes out of it again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from latentia.data import DataSet, FieldSet, NpzFields, Split
from latentia.errors import CheckpointError, DataError, SettingError
from latentia.evaluation.bits_per_dimension import Weights
from latentia.files import atomic_path, remove_unfinished
from latentia.folders import check_output_folder, make_folder
from latentia.models.base import LatentVariableModel
from latentia.models.vq_vae import VQVAE
from latentia.runs.configuration import Configuration, changed, read_configuration, write_yaml
from latentia.runs.model_file import load_model
from latentia.runs.prior_file import attach_prior
from latentia.runs.settings import flat, plain
from latentia.training import continued, run_record, write_record

MAY_CHANGE = (
    *(f"training.{name}" for name in ("steps", "passes", "patience", "checkpoint_steps", "accelerator")),
    *("data.folder", "data.file"),
)
"""What a resumed run may change: how long it goes on, on which machine, and where its data lie, whose checksum stays
the same."""

CHANGEABLE = ("data.", "transforms.")
"""Sections that can be changed of a run that is trained."""

DIVIDES, LOCATES = ("data.test", "data.validation", "data.shuffle"), ("data.folder", "data.file")
"""What moves images between the parts of a data set, and what names another one."""


@dataclass(frozen=True, kw_only=True)
class RunFolder:
    """Places in the folder of a run."""

    path: Path

    @property
    def configuration(self) -> Path:
        """The configuration, with every setting."""
        return self.path / "config.yaml"

    @property
    def record(self) -> Path:
        """What it takes to run it again: configuration, seed, data, code, hardware, versions."""
        return self.path / "record.json"

    @property
    def checkpoint(self) -> Path:
        """Everything the training needs to go on."""
        return self.path / "checkpoint.safetensors"

    @property
    def model(self) -> Path:
        """The weights of the best evaluation so far."""
        return self.path / "model.safetensors"

    @property
    def history(self) -> Path:
        """A line for each evaluation."""
        return self.path / "history.csv"

    @property
    def pictures(self) -> Path:
        """Samples and reconstructions at each evaluation."""
        return self.path / "pictures"

    def check(self, configuration: Configuration, *, resume: bool) -> None:
        """Make sure that a training may use this folder, and leave it as it is.

        Errors: SettingError where the folder holds another training, or its own has other settings; CheckpointError
        where it holds a model but nothing to go on from; OutputError where it cannot be written.
        """
        check_output_folder(self.path)
        if not self.configuration.is_file():
            if any(not path.name.startswith(".") for path in self.path.glob("*")):
                raise SettingError(f"{self.path} holds other files and no training; name another folder with --out.")
            return
        if not resume:
            raise SettingError(
                f"{self.path} holds a training already; go on with it by --resume, or name another folder with --out."
            )
        if self.model.is_file() and not self.checkpoint.is_file():
            raise CheckpointError(
                f"{self.path} holds a model but no checkpoint.safetensors to go on from; to train anew, name another "
                "folder with --out."
            )
        before, now = flat(plain(self.read_configuration())), flat(plain(configuration))
        for name in now:
            if before.get(name) != now[name] and name not in MAY_CHANGE:
                raise SettingError(
                    f"The training in {self.path} cannot go on with other settings: {name} was {before.get(name)} and "
                    f"is now {now[name]}."
                )

    def check_data(self, data: Mapping[str, str]) -> None:
        """Errors: SettingError where a training was begun here on other data than these, checksums by split."""
        if self.record.is_file() and self._read_record()["data_sha256"] != dict(data):
            raise SettingError(f"The training in {self.path} was begun on other data; name another folder with --out.")

    def training_checksum(self) -> str:
        """Checksum of the training images. Errors: CheckpointError where the record is damaged."""
        return str(self._read_record()["data_sha256"].get(Split.TRAIN))

    def claim(self, configuration: Configuration, data: Mapping[str, str]) -> None:
        """Write the configuration and the record, or note in it that the run goes on. Errors: OutputError, OSError."""
        make_folder(self.path)
        for path in (self.configuration, self.record, self.checkpoint, self.model, self.history):
            remove_unfinished(path)
        with atomic_path(self.configuration) as temporary:
            temporary.write_text(write_yaml(configuration), encoding="utf-8")
        now = run_record(config=plain(configuration), seed=configuration.seed, data=data, source=Path(__file__))
        if self.record.is_file():
            now = continued(self._read_record(), now)
        write_record(now, self.record)

    def _read_record(self) -> dict[str, Any]:
        try:
            record = json.loads(self.record.read_text(encoding="utf-8"))
        except ValueError as error:
            raise CheckpointError(f"{self.record} is damaged: it is not JSON.") from error
        if not isinstance(record, dict) or "data_sha256" not in record:
            raise CheckpointError(f"{self.record} is no record of a run.")
        return record

    def read_configuration(self) -> Configuration:
        """Errors: CheckpointError where there is no run; SettingError where its configuration is not understood."""
        if not self.configuration.is_file():
            what = "no run of latentia: it has no config.yaml" if self.path.is_dir() else "no folder of a run"
            raise CheckpointError(f"{self.path} is {what}.")
        return read_configuration(str(self.configuration))


@dataclass(frozen=True, kw_only=True)
class Run:
    """A trained model with the configuration that it was trained by."""

    folder: RunFolder
    configuration: Configuration
    model: LatentVariableModel
    _loaded: dict[Split, DataSet] = field(default_factory=dict, init=False, repr=False, compare=False)

    @property
    def weights(self) -> Weights:
        """Whether the model's weights are the moving average."""
        return "last" if self.configuration.training.average_decay is None else "average"

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
        if images.format != self.model.image_format:
            raise DataError(
                f"The model of {self.folder.path} is for images of {self.model.image_format}; {images.name} has "
                f"{images.format}."
            )
        if isinstance(images, FieldSet):
            train = images if split is Split.TRAIN else self.images(Split.TRAIN)
            if train.sha256 != self.folder.training_checksum():
                raise DataError(
                    f"{train.name} has other training snapshots than {self.folder.path} was trained on, so that its "
                    "values are scaled otherwise."
                )
        return images

    def fields(self) -> FieldSet | None:
        """Give the training snapshots, which know scale and solid, where the data are fields. Errors: DataError."""
        images = self.images(Split.TRAIN) if isinstance(self.configuration.data, NpzFields) else None
        return images if isinstance(images, FieldSet) else None


def load_run(path: Path, changes: tuple[str, ...] = ()) -> Run:
    """Load the model of a run, in evaluation mode, and its configuration with `changes`, such as `data.folder=…`.

    Errors: CheckpointError where the folder holds no run, or one of another kind or without a model yet;
    SettingError where a change is no setting, or would divide the data that the run was trained on another way.
    """
    names = [change.partition("=")[0] for change in changes]
    for name, change in zip(names, changes, strict=True):
        if name in DIVIDES and not set(names) & set(LOCATES):
            raise SettingError(
                f"{change} would move images between those that {path} was trained on and those that measure it."
            )
    for change in changes:
        if not change.startswith(CHANGEABLE):
            raise SettingError(f"Of a trained run only settings of the data can be changed, not {change}.")
    folder = RunFolder(path=path)
    trained = folder.read_configuration()
    if not folder.model.is_file():
        raise CheckpointError(f"The run in {path} has no model yet: its first evaluation makes one.")
    configuration = changed(trained, changes, str(folder.configuration)) if changes else trained
    model = load_model(folder.model, trained.model)
    if isinstance(model, VQVAE):
        attach_prior(model, path, folder.model)
    return Run(folder=folder, configuration=configuration, model=model)

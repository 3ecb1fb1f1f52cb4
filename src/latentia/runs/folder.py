"""The folder of a run: what is in it, and who may write to it."""

from __future__ import annotations

import csv
import json
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Generic, Protocol, TypeVar, runtime_checkable

from latentia.data import Split
from latentia.errors import CheckpointError, SettingError
from latentia.files import atomic_path, remove_unfinished
from latentia.folders import check_output_folder, make_folder
from latentia.runs.configuration import Configuration, read_configuration
from latentia.runs.settings import flat, plain
from latentia.runs.yaml_text import write_yaml
from latentia.training import continued, run_record, write_record

MAY_CHANGE = tuple(f"training.{name}" for name in ("steps", "passes", "patience", "checkpoint_steps", "accelerator"))
"""What a resumed run may change, besides where its data lie: how long it goes on, and on which machine."""

LOCATES = tuple(f"data.{name}" for name in ("folder", "file", "train", "validation", "test"))
"""What may say where data lie, whose checksum stays the same when they are moved; some of it may be a number."""


@runtime_checkable
class Seeded(Protocol):
    """All that decides a run."""

    @property
    def seed(self) -> int:
        """What decides every random number."""


Kind = TypeVar("Kind", bound=Seeded)


@dataclass(frozen=True, kw_only=True)
class TrainingFolder(ABC, Generic[Kind]):
    """Places in the folder of a run with configurations of some kind."""

    path: Path
    command: ClassVar[str]
    """Of latentia, that makes such runs; stands in their records."""

    @abstractmethod
    def _read(self, name: str) -> Kind:
        """Read the configuration of that file. Errors: SettingError."""

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
        """Samples and reconstructions at each evaluation, as pictures or text."""
        return self.path / "pictures"

    def check(self, configuration: Kind, *, resume: bool) -> None:
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
            moved = name in LOCATES and isinstance(before.get(name), str) and isinstance(now[name], str)
            if before.get(name) != now[name] and name not in MAY_CHANGE and not moved:
                raise SettingError(
                    f"The training in {self.path} cannot go on with other settings: {name} was {before.get(name)} and "
                    f"is now {now[name]}."
                )

    def check_data(self, data: Mapping[str, str]) -> None:
        """Errors: SettingError where a training was begun here on other data than these, checksums by split."""
        if self.record.is_file() and self._read_record()["data_sha256"] != dict(data):
            raise SettingError(f"The training in {self.path} was begun on other data; name another folder with --out.")

    def training_checksum(self) -> str:
        """Checksum of the training data. Errors: CheckpointError where the record is damaged."""
        return str(self._read_record()["data_sha256"].get(Split.TRAIN))

    def claim(self, configuration: Kind, data: Mapping[str, str]) -> None:
        """Write the configuration and the record, or note in it that the run goes on. Errors: OutputError, OSError."""
        make_folder(self.path)
        for path in (self.configuration, self.record, self.checkpoint, self.model, self.history):
            remove_unfinished(path)
        with atomic_path(self.configuration) as temporary:
            temporary.write_text(write_yaml(configuration), encoding="utf-8")
        settings = plain(configuration)
        now = {
            "command": self.command,
            **run_record(config=settings, seed=configuration.seed, data=data, source=Path(__file__)),
        }
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

    def write_history(self, rows: tuple[Mapping[str, float], ...]) -> None:
        """Write a line for each evaluation. Errors: OSError."""
        with atomic_path(self.history) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, list(rows[-1]))
            writer.writeheader()
            writer.writerows(rows)

    def check_model(self) -> None:
        """Errors: CheckpointError where there is no model yet."""
        if not self.model.is_file():
            raise CheckpointError(f"The run in {self.path} has no model yet: its first evaluation makes one.")

    def read_configuration(self) -> Kind:
        """Errors: CheckpointError where there is no run, or another command's; SettingError where its configuration is
        not understood.
        """
        if not self.configuration.is_file():
            what = "no run of latentia: it has no config.yaml" if self.path.is_dir() else "no folder of a run"
            raise CheckpointError(f"{self.path} is {what}.")
        if self.record.is_file() and (other := self._read_record().get("command", self.command)) != self.command:
            raise CheckpointError(f"The run in {self.path} is of latentia {other}; wanted is one of {self.command}.")
        return self._read(str(self.configuration))


class RunFolder(TrainingFolder[Configuration]):
    """Places in the folder of a run of `latentia train`."""

    command: ClassVar[str] = "train"

    def _read(self, name: str) -> Configuration:
        return read_configuration(name)

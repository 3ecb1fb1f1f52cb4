"""The folder of a training: whose it is, what it was started with, and the labelled recordings in small form."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from latentia.files import remove_unfinished
from latentia.training import run_record, write_record
from spindle.errors import SettingError
from spindle.spectrogram import RowChoice
from spindle.training_set import POOLED, Columns, LabelledRecording, TrainingSet, is_prepared, open_set, prepare


@dataclass(frozen=True, kw_only=True)
class RunFiles:
    """The names of one training's files in a folder that may hold trainings of other kinds."""

    folder: Path
    record: str
    data: str
    others: tuple[str, ...]
    """Everything else that is written, of which a killed process may have left unfinished copies."""
    stored: Columns = POOLED

    def claim(self, config: Any, resume: bool) -> None:
        """Make the folder, or go on in it. `config` is a dataclass.

        Errors: SettingError where it holds a training and `resume` is not set, or one with other settings.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        for name in (self.record, *self.others):
            remove_unfinished(self.folder / name)
        if not self._record_path.is_file():
            return
        if not resume:
            raise SettingError(f"{self.folder} holds another training already; resume it, or name another folder.")
        before = self._written()["config"]
        now = json.loads(json.dumps(asdict(config)))
        changed = [name for name in now if before.get(name) != now[name]]
        if changed:
            told = ", ".join(f"{name} was {before.get(name)} and is {now[name]}" for name in changed)
            raise SettingError(f"The training in {self.folder} cannot be resumed with other settings: {told}.")

    def training_set(
        self, recordings: Iterable[LabelledRecording] | TrainingSet, rows: RowChoice, resume: bool
    ) -> TrainingSet:
        """Prepare the recordings in the folder, or open what was prepared there before."""
        if isinstance(recordings, TrainingSet):
            if recordings.rows is not rows:
                raise SettingError(f"The training set has {recordings.rows} rows; this training was set to {rows}.")
            return recordings
        data = self.folder / self.data
        if resume and is_prepared(data):
            return open_set(data, self.stored)
        return prepare(recordings, data, rows=rows, stored=self.stored)

    def write_record(self, config: Any, seed: int, examples: TrainingSet) -> None:
        """Write what the training is made from. Errors: SettingError where it was started on other data."""
        if self._record_path.is_file():
            if self._written()["data_sha256"]["training set"] != examples.sha256:
                raise SettingError(f"The training in {self.folder} was started on other data; name another folder.")
            return
        data = {"training set": examples.sha256}
        record = run_record(config=asdict(config), seed=seed, data=data, source=Path(__file__))
        write_record(record, self._record_path)

    def threads_before(self) -> int | None:
        """Threads that the training was started with; None for a new one."""
        return int(self._written()["hardware"]["threads"]) if self._record_path.is_file() else None

    @property
    def _record_path(self) -> Path:
        return self.folder / self.record

    def _written(self) -> dict[str, Any]:
        content: dict[str, Any] = json.loads(self._record_path.read_text(encoding="utf-8"))
        return content


@contextmanager
def threads(count: int | None) -> Iterator[None]:
    """Within the block torch computes with so many threads; None leaves its choice."""
    before = torch.get_num_threads()
    try:
        if count is not None:
            torch.set_num_threads(count)
        yield
    finally:
        torch.set_num_threads(before)

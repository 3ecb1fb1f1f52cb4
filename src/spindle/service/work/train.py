"""Training a model on recordings that a laboratory labelled: a `Model` with its file.

A request has `name`, `recordings` (records of `recording`, with `id`, `file`, `name`, `eeg` and `emg`, and of `labels`,
with `id`, `file` and `name`), `base` (`id`, `file`, `name`; `file` is None for the model that comes with the package;
where `base` is None, training starts from nothing) and `config`, fields of `spindle.options.TrainingOptions`.

The training lies in a folder of its job, not of its attempt: one that was killed goes on from its last checkpoint.
"""

from __future__ import annotations

import math
import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Any

from spindle.errors import SpindleError
from spindle.labelled_files import LabelledFile, check_labelled, read_labelled
from spindle.model_file import SpindleModel, load_model, starter_model
from spindle.options import ChannelOptions, TrainingOptions
from spindle.service.child import Assignment
from spindle.service.files import FileStore
from spindle.service.work.borrowed import borrow, result_id
from spindle.spectrogram import RowChoice
from spindle.training import TrainingConfig, TrainingProgress
from spindle.training import train as train_networks
from spindle.training_set import LabelledRecording

MODEL = "model.safetensors"
READING = 0.2
"""Share of a training that reading its recordings is taken for."""
NETWORKS = {"stage": (READING, 0.6), "artifact": (0.8, 0.2)}

_Labelled = tuple[LabelledFile, ChannelOptions]


def train(assignment: Assignment) -> list[dict[str, Any]]:
    """Train, or go on with a training. Errors: those of reading and of `spindle.training.train`."""
    request = assignment.request
    run = run_folder(assignment.store, assignment.job_id)
    base = _base(assignment)
    config = _config(request, base)
    with ExitStack() as borrowed:
        files = [_open(assignment, one, borrowed) for one in request["recordings"]]
        for file, channels in files:
            assignment.say(check_labelled(file, channels))
        model = train_networks(
            _read(files, config, assignment),
            config,
            run,
            resume=True,
            base=base,
            on_progress=lambda state: _tell(assignment, state),
        )
    model_id = result_id(assignment.job_id, assignment.attempt, "model")
    with assignment.store.working_folder() as folder:
        # A copy, because the training must still be there should this attempt not be the last.
        shutil.copyfile(run / MODEL, folder / MODEL)
        assignment.store.put(folder / MODEL, f"models/{model_id}/{MODEL}")
    for note in model.card.notes:
        assignment.say(note)
    return [
        {
            "table": "models",
            "id": model_id,
            "name": request["name"][:200],
            "file": f"models/{model_id}/{MODEL}",
            "card": _plain(asdict(model.card)),
        }
    ]


def run_folder(store: FileStore, job_id: str) -> Path:
    """Return where a training lies: with the data, or on this machine where these are elsewhere."""
    return (store.folder if store.is_local else store.scratch) / "trainings" / job_id


def _base(assignment: Assignment) -> SpindleModel | None:
    base = assignment.request.get("base")
    if base is None:
        return None
    if base["file"] is None:
        return starter_model()
    with borrow(assignment.store, base) as path:
        return load_model(path)


def _config(request: dict[str, Any], base: SpindleModel | None) -> TrainingConfig:
    fields = asdict(TrainingOptions(**{**request.get("config", {}), "name": request["name"]}))
    if base is not None and "rows" not in request.get("config", {}):
        fields["rows"] = base.rows
    return TrainingConfig(**{**fields, "rows": RowChoice(fields["rows"])})


def _open(assignment: Assignment, words: dict[str, Any], borrowed: ExitStack) -> _Labelled:
    recording = borrowed.enter_context(borrow(assignment.store, words["recording"]))
    labels = borrowed.enter_context(borrow(assignment.store, words["labels"]))
    channels = ChannelOptions(eeg=tuple(words["recording"]["eeg"]), emg=words["recording"]["emg"])
    return LabelledFile(recording=recording, labels=labels), channels


def _read(files: list[_Labelled], config: TrainingConfig, assignment: Assignment) -> Iterator[LabelledRecording]:
    for place, (file, channels) in enumerate(files):
        assignment.progress("Reading recordings", READING * place / len(files))
        try:
            yield read_labelled(file, channels, config.rows)
        except SpindleError as error:
            name = file.recording.name
            raise error if name in str(error) else type(error)(f"{name}: {error}") from error


def _tell(assignment: Assignment, state: TrainingProgress) -> None:
    at = state.progress
    begins, size = NETWORKS[state.network]
    share = at.run_step / max(1, at.run_steps)
    doing = f"Training the {state.network} network, pass {at.pass_number + 1} of up to {at.passes}"
    assignment.progress(doing, begins + size * share)
    if at.evaluation is not None:
        figures = ", ".join(f"{name.replace('_', ' ')} {value:.3f}" for name, value in at.evaluation.figures.items())
        assignment.say(f"Pass {at.pass_number + 1} of the {state.network} network: loss {at.loss:.3f}, {figures}.")


def _plain(value: Any) -> Any:
    """Return a card as JSON has it: without numbers that are none."""
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value

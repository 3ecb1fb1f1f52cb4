"""Labelled recordings on disk, as the training reads them: small, in one file, at random.

The first layer of the networks is a max-pool without parameters, so its results are kept instead of its input: 544
bytes per epoch in half precision. A million epochs take half a gigabyte, and resuming needs no recording again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Bool, Int, Shaped
from numpy.typing import NDArray
from torch import Tensor

from latentia.files import atomic_path, remove_unfinished
from spindle.classifier import POOLED_COLUMNS, POOLED_PER_EPOCH, pooled_columns, pooled_images
from spindle.errors import LabelError, SettingError
from spindle.hypnogram import Hypnogram, agreed_codes
from spindle.markov import Transitions
from spindle.signals import stretches
from spindle.spectrogram import CONTEXT_EPOCHS, RowChoice, TimeFrequency, reflect

EPOCHS_FILE, SET_FILE = "epochs.npz", "set.json"
UNKNOWN = -1

BLOCK_EPOCHS = 150
"""Held-out blocks last ten minutes: long against a window's 20 s, short against a day."""
LEAK_EPOCHS = 2 * CONTEXT_EPOCHS
"""Windows of epochs this far apart still share one epoch of signal."""


@dataclass(frozen=True, kw_only=True)
class Columns:
    """How a recording's rows lie on disk, column after column of time, and how images are made of them."""

    file: str
    kind: str
    """Their type, as numpy writes it."""
    per_epoch: int
    count: int
    """Numbers in a column."""
    of: Callable[[TimeFrequency], Shaped[np.ndarray, "times columns"]]
    images: Callable[[Shaped[np.ndarray, "batch times columns"]], Tensor]
    """From the columns under each window, five epochs."""


POOLED = Columns(
    file="rows.f16",
    kind="<f2",
    per_epoch=POOLED_PER_EPOCH,
    count=POOLED_COLUMNS,
    of=pooled_columns,
    images=lambda columns: pooled_images(torch.from_numpy(columns).float()),
)
"""What the stage and artifact networks read."""


@dataclass(frozen=True, kw_only=True)
class LabelledRecording:
    """One animal's time-frequency rows and what each expert said of them."""

    name: str
    time_frequency: TimeFrequency
    hypnograms: tuple[Hypnogram, ...]

    def __post_init__(self) -> None:
        if not self.hypnograms:
            raise LabelError(f"{self.name} has no labels; training needs at least one expert's.")
        for hypnogram in self.hypnograms:
            if len(hypnogram) != len(self.time_frequency):
                raise LabelError(
                    f"{self.name} has {len(self.time_frequency)} epochs, but its labels are {len(hypnogram)}."
                )


@dataclass(frozen=True, kw_only=True)
class TrainingSet:
    """Epochs of all recordings, one after the other; each owns as many columns as `stored` says.

    `stage` is the code on which all experts agree where none saw an artifact, `artifact` 1 or 0 where all scored the
    epoch and agree on its flag; both are −1 elsewhere. Windows are cut before such epochs are left out, so they
    still show as neighbours. `bounds` are the first and last+1 epoch of the usable stretch around each epoch.
    """

    columns: Shaped[np.ndarray, "times columns"]
    stage: Int[np.ndarray, " epochs"]
    artifact: Int[np.ndarray, " epochs"]
    bounds: Int[np.ndarray, "epochs 2"]
    lengths: tuple[int, ...]
    names: tuple[str, ...]
    rows: RowChoice
    sha256: str
    transitions: Transitions
    """Learned from every expert's labels of every recording."""
    stored: Columns = POOLED

    def __len__(self) -> int:
        return len(self.stage)

    @property
    def summary(self) -> str:
        """How many recordings and epochs there are, and the first recordings by name."""
        named = ", ".join(self.names[:5]) + (", …" if len(self.names) > 5 else "")
        return f"{len(self.names)} labelled recordings, {len(self):,} epochs ({named})"

    def images(self, epochs: Int[np.ndarray, " batch"]) -> Shaped[Tensor, "batch 3 times rows"]:
        """Images of these epochs, (batch, 3, 80, 8) after the networks' first max-pool, or as `stored` makes them."""
        each = self.stored.per_epoch
        window = np.arange(each * (2 * CONTEXT_EPOCHS + 1)) - CONTEXT_EPOCHS * each
        first, stop = self.bounds[epochs, :1] * each, self.bounds[epochs, 1:] * each
        return self.stored.images(self.columns[reflect(epochs[:, None] * each + window, first, stop)])

    def held_out(self, *, share: float, seed: int) -> Bool[np.ndarray, " epochs"]:
        """Choose epochs for early stopping: whole blocks, spread over each recording.

        Each recording is cut into blocks of ten minutes (shorter ones into 1/share blocks); of every 1/share blocks
        in a row, one is drawn. Epochs drawn singly would share most of their window with epochs trained on.
        """
        rng = np.random.default_rng(seed)
        group = round(1 / share)
        return np.concatenate([_blocks(length, group, rng) for length in self.lengths])

    def may_train(self, held_out: Bool[np.ndarray, " epochs"]) -> Bool[np.ndarray, " epochs"]:
        """Epochs whose window shares no signal with the window of a held-out epoch of the same recording."""
        result = np.empty(len(self), dtype=bool)
        kernel = np.ones(2 * LEAK_EPOCHS + 1)
        first = 0
        for length in self.lengths:
            here = slice(first, first + length)
            near = np.convolve(held_out[here], kernel)[LEAK_EPOCHS : LEAK_EPOCHS + length]
            result[here] = near < 0.5
            first += length
        return result


@dataclass(frozen=True, kw_only=True)
class Examples:
    """Those epochs of a training set that one network has labels for."""

    source: TrainingSet
    epochs: Int[np.ndarray, " examples"]
    labels: Int[np.ndarray, " examples"]

    @classmethod
    def of(
        cls, source: TrainingSet, labels: Int[np.ndarray, " epochs"], where: Bool[np.ndarray, " epochs"]
    ) -> Examples:
        """Take the labelled epochs among `where`."""
        epochs = np.flatnonzero(where & (labels != UNKNOWN))
        return cls(source=source, epochs=epochs, labels=labels[epochs].astype(np.int64))

    def __len__(self) -> int:
        return len(self.epochs)

    def batch(self, places: Int[np.ndarray, " batch"]) -> tuple[Tensor, Tensor]:
        """Pooled images and labels of the examples at these places."""
        return self.source.images(self.epochs[places]), torch.from_numpy(self.labels[places])


@dataclass(frozen=True, kw_only=True)
class ShuffledBatches:
    """Batches in an order drawn from the seed and the pass. Examples that fill no batch wait for another pass."""

    examples: Examples
    size: int
    seed: int

    def __len__(self) -> int:
        return max(1, len(self.examples) // self.size)

    def of_pass(self, number: int, first: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield (images, labels) of pass `number` from place `first` on."""
        order = np.random.default_rng([self.seed, number]).permutation(len(self.examples))
        for place in range(first, len(self)):
            # Sorted, so that the file is read in one direction; a batch has no order that matters.
            yield self.examples.batch(np.sort(order[place * self.size : (place + 1) * self.size]))


def prepare(
    recordings: Iterable[LabelledRecording], folder: Path, *, rows: RowChoice, stored: Columns = POOLED
) -> TrainingSet:
    """Write the training set of these recordings, taken one at a time, and open it.

    Errors: SettingError for a recording with other rows than `rows`, or none at all; OSError where `folder` cannot
    be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / SET_FILE).unlink(missing_ok=True)
    remove_unfinished(folder / stored.file)
    digest = hashlib.sha256()
    names: list[str] = []
    labels: list[_Labels] = []
    hypnograms: list[Hypnogram] = []
    with atomic_path(folder / stored.file) as temporary, temporary.open("wb") as stream:
        first = 0
        for recording in recordings:
            if recording.time_frequency.rows is not rows:
                raise SettingError(
                    f"{recording.name} has {recording.time_frequency.rows} rows; this training set has {rows} ones."
                )
            content = stored.of(recording.time_frequency).astype(stored.kind).tobytes()
            stream.write(content)
            digest.update(content)
            names.append(recording.name)
            labels.append(_labels(recording, first))
            hypnograms.extend(recording.hypnograms)
            first += len(recording.time_frequency)
    if not names:
        raise SettingError("Training needs at least one labelled recording; there is none.")
    arrays = {
        "stage": np.concatenate([label.stage for label in labels]),
        "artifact": np.concatenate([label.artifact for label in labels]),
        "bounds": np.concatenate([label.bounds for label in labels]),
    }
    for name in sorted(arrays):
        digest.update(np.ascontiguousarray(arrays[name]).tobytes())
    with atomic_path(folder / EPOCHS_FILE) as temporary:
        np.savez(temporary, stage=arrays["stage"], artifact=arrays["artifact"], bounds=arrays["bounds"])
    description = {
        "names": names,
        "lengths": [len(label.stage) for label in labels],
        "rows": rows.value,
        "sha256": digest.hexdigest(),
        "transitions": Transitions.learn(hypnograms).to_json(),
    }
    with atomic_path(folder / SET_FILE) as temporary:
        temporary.write_text(json.dumps(description, indent=2) + "\n", encoding="utf-8")
    return open_set(folder, stored)


def is_prepared(folder: Path) -> bool:
    """Whether `folder` holds a whole training set: its description is written last."""
    return (folder / SET_FILE).is_file()


def open_set(folder: Path, stored: Columns = POOLED) -> TrainingSet:
    """Open a prepared training set; its rows stay on disk. Errors: SettingError where there is none."""
    if not is_prepared(folder):
        raise SettingError(f"{folder} holds no prepared training set.")
    description = json.loads((folder / SET_FILE).read_text(encoding="utf-8"))
    with np.load(folder / EPOCHS_FILE, allow_pickle=False) as arrays:
        stage, artifact, bounds = arrays["stage"], arrays["artifact"], arrays["bounds"]
    columns = np.memmap(folder / stored.file, dtype=stored.kind, mode="r").reshape(-1, stored.count)
    return TrainingSet(
        columns=columns,
        stage=stage,
        artifact=artifact,
        bounds=bounds,
        lengths=tuple(description["lengths"]),
        names=tuple(description["names"]),
        rows=RowChoice(description["rows"]),
        sha256=description["sha256"],
        transitions=Transitions.parse(description["transitions"]),
        stored=stored,
    )


@dataclass(frozen=True, kw_only=True)
class _Labels:
    stage: NDArray[np.int8]
    artifact: NDArray[np.int8]
    bounds: NDArray[np.int64]


def _labels(recording: LabelledRecording, first: int) -> _Labels:
    usable = recording.time_frequency.usable
    codes = np.stack([hypnogram.codes for hypnogram in recording.hypnograms])
    flags = np.stack([hypnogram.artifact for hypnogram in recording.hypnograms])
    scored = usable & (codes >= 0).all(axis=0)
    stage = np.where(usable, agreed_codes(recording.hypnograms), UNKNOWN)
    artifact = np.where(scored & (flags == flags[0]).all(axis=0), flags[0], UNKNOWN)
    bounds = np.zeros((len(usable), 2), dtype=np.int64)
    for start, stop in stretches(usable):
        bounds[start:stop] = first + start, first + stop
    return _Labels(stage=stage.astype(np.int8), artifact=artifact.astype(np.int8), bounds=bounds)


def _blocks(length: int, group: int, rng: np.random.Generator) -> NDArray[np.bool_]:
    size = max(1, min(BLOCK_EPOCHS, length // group))
    blocks = -(-length // size)
    chosen = np.zeros(blocks, dtype=bool)
    for start in range(0, blocks, group):
        place = start + int(rng.integers(group))
        if place < blocks:
            chosen[place] = True
    return np.repeat(chosen, size)[:length]

"""Sets of sequences, sentences or clips, and the batches in which a model learns them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Int64, Integer, UInt8, UInt16
from torch import Tensor

from latentia.data.batches import ORDER
from latentia.data.images import BLOCK_BYTES, Source, Split
from latentia.data.vocabulary import Vocabulary
from latentia.errors import DataError, SettingError
from latentia.randomness import stream
from latentia.sequences import SequenceFormat, Sequences, VideoFormat, WordFormat

Steps = UInt16[np.ndarray, " steps"] | Int64[np.ndarray, " steps"] | UInt8[np.ndarray, "steps channels height width"]
Lengths = Int64[np.ndarray, " count"]


@dataclass(frozen=True, kw_only=True, eq=False)
class SequenceSet:
    """Sequences of one split, end to end without padding: words as 16-bit numbers where these do, frames as bytes.

    Errors: DataError where there are none, lengths do not fit the steps, or steps do not fit the format.
    """

    values: Steps
    """Steps of all sequences, one sequence after the other."""
    lengths: Lengths
    """Steps of each sequence; those of a sentence include its end."""
    format: SequenceFormat
    name: str
    """Name of the data set; variants that are not comparable have different names."""
    split: Split
    vocabulary: Vocabulary | None = None
    """The words, where the sequences are sentences."""
    labels: Integer[np.ndarray, " _"] | None = None
    left_out: Mapping[str, int] = field(default_factory=dict)
    """What the files hold and the set does not, and how many of each, such as {"empty lines": 3}."""
    source: Source | None = None

    def __post_init__(self) -> None:
        if len(self.lengths) == 0:
            raise DataError(f"{self.name} has no sequences in its split '{self.split}'.")
        if self.lengths.min() < 1 or self.lengths.max() > self.format.longest or self.lengths.sum() != len(self.values):
            raise DataError(
                f"{self.name} was to hold {self.format}; it holds {self.lengths.min()} to {self.lengths.max()} steps, "
                f"{self.lengths.sum()} in all, and values of {len(self.values)}."
            )
        frame = self.format.frame.shape if isinstance(self.format, VideoFormat) else ()
        if self.values.shape[1:] != frame:
            raise DataError(f"{self.name} was to hold {self.format}; its steps are {self.values.shape[1:]}.")
        words = self.format.words if isinstance(self.format, WordFormat) else None
        if words != (None if self.vocabulary is None else len(self.vocabulary)):
            raise DataError(f"{self.name} was to hold {self.format}, which its vocabulary does not fit.")
        if self.labels is not None and len(self.labels) != len(self):
            raise DataError(f"{self.name} has {len(self.labels)} labels for {len(self)} sequences.")

    def __len__(self) -> int:
        return len(self.lengths)

    @cached_property
    def sha256(self) -> str:
        """Checksum of the content: format, vocabulary, lengths and steps, whatever file they came from."""
        digest = hashlib.sha256(str(self.format).encode())
        if self.vocabulary is not None:
            digest.update("\n".join(self.vocabulary.words).encode())
        digest.update(np.ascontiguousarray(self.lengths, "<i8").data)
        size = max(1, BLOCK_BYTES // (self.values[:1].nbytes or 1))
        for start in range(0, len(self.values), size):
            # One order of bytes on every machine.
            block = self.values[start : start + size]
            digest.update(np.ascontiguousarray(block, block.dtype.newbyteorder("<")).data)
        return digest.hexdigest()

    def sequences(self, places: slice | Integer[np.ndarray, " batch"]) -> Sequences:
        """Copy some sequences into tensors, padded with zeros to the longest of them: words as int64, frames as uint8.

        Errors: DataError where there are none.
        """
        lengths, starts = self.lengths[places], self._starts[places]
        steps = np.arange(lengths.max(initial=0))
        within = steps < lengths[:, None]
        values = np.zeros((*within.shape, *self.values.shape[1:]), self.values.dtype)
        values[within] = self.values[(starts[:, None] + steps)[within]]
        # torch looks words up by int64 alone.
        words = torch.int64 if isinstance(self.format, WordFormat) else torch.uint8
        return Sequences(values=torch.from_numpy(values).to(words), lengths=torch.from_numpy(lengths.copy()))

    def at(self, places: Integer[np.ndarray, " count"]) -> SequenceSet:
        """Take the sequences of some places. Errors: DataError where there are none."""
        lengths = self.lengths[places]
        firsts = np.cumsum(lengths) - lengths
        steps = np.arange(lengths.sum()) + np.repeat(self._starts[places] - firsts, lengths)
        labels = None if self.labels is None else self.labels[places]
        return replace(self, values=self.values[steps], lengths=lengths, labels=labels)

    def first(self, count: int) -> SequenceSet:
        """The first sequences alone. Errors: DataError where there are fewer."""
        if not 1 <= count <= len(self):
            raise DataError(f"{self.name} has {len(self)} sequences in its split '{self.split}', not {count}.")
        labels = None if self.labels is None else self.labels[:count]
        lengths = self.lengths[:count]
        return replace(self, values=self.values[: lengths.sum()], lengths=lengths, labels=labels)

    @cached_property
    def _starts(self) -> Lengths:
        starts: Lengths = np.cumsum(self.lengths) - self.lengths
        return starts


@runtime_checkable
class SequenceSource(Protocol):
    """A data set of sequences that can be loaded: one configuration class per data set."""

    @property
    def name(self) -> str:
        """Name of the data set, before it is loaded."""

    def load(self, split: Split) -> SequenceSet:
        """Load one split. Errors: DataError where the data are missing, damaged or not what was asked for."""


@dataclass(frozen=True, kw_only=True)
class ShuffledSequences:
    """Training batches (`latentia.training.Batches`) of sequences of like length: mappings as `Sequences.tensors`.

    The order of a pass depends on the seed and the pass alone: sequences are shuffled, those of each window of so many
    batches are sorted by length and cut into batches, and the batches of the pass are shuffled. Sequences left over,
    fewer than `batch`, are left out of that pass whatever their length; the next pass has another order.

    Errors: SettingError where a batch is larger than the set, or a window has no batches.
    """

    sequence_set: SequenceSet
    batch: int
    seed: int
    window: int = 50
    """Batches within which sequences are sorted: more mean less padding, but less chance in who shares a batch. Of the
    Penn Treebank's batches of 128, 60% is padding with 1, 5% with 50, 3% with 100."""

    def __post_init__(self) -> None:
        if not 1 <= self.batch <= len(self.sequence_set):
            raise SettingError(
                f"batch must be 1 to {len(self.sequence_set)}, because {self.sequence_set.name} has "
                f"{len(self.sequence_set)} training sequences; it is {self.batch}."
            )
        if self.window < 1:
            raise SettingError(f"window must be 1 batch or more, not {self.window}.")

    def __len__(self) -> int:
        return len(self.sequence_set) // self.batch

    def of_pass(self, number: int, first: int = 0) -> Iterator[dict[str, Tensor]]:
        """Yield the batches of pass `number`, from place `first` on."""
        for places in self._places(number)[first:]:
            yield self.sequence_set.sequences(places).tensors

    def _places(self, number: int) -> Int64[np.ndarray, "batches batch"]:
        """Places in the set of each batch of a pass."""
        generator = torch.Generator().manual_seed(stream(ORDER, self.seed, number))
        # What is left over goes before the sort, so that it is as likely long as short.
        order = torch.randperm(len(self.sequence_set), generator=generator)[: len(self) * self.batch].numpy()
        size = self.window * self.batch
        windows = [order[start : start + size] for start in range(0, len(order), size)]
        lengths = self.sequence_set.lengths
        like = np.concatenate([places[np.argsort(lengths[places], kind="stable")] for places in windows])
        shuffled: Int64[np.ndarray, "batches batch"] = like.reshape(len(self), self.batch)[
            torch.randperm(len(self), generator=generator).numpy()
        ]
        return shuffled

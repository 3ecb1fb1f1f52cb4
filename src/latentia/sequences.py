"""What a sequence is in this library: steps of one kind, words or frames, and how many of them it has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Int64, Shaped
from torch import Tensor

from latentia.errors import DataError, SettingError
from latentia.images import ImageFormat

END, UNKNOWN = 0, 1
"""Words that every vocabulary begins with: the end of a sentence, and a word that is not in the vocabulary."""


@dataclass(frozen=True, kw_only=True)
class WordFormat:
    """Sentences of words 0 … words − 1, which end with `END`. Errors: SettingError where a number makes no sense."""

    words: int
    """Size of the vocabulary, `END` and `UNKNOWN` included."""
    longest: int
    """Steps of the longest sentence, its end included."""

    def __post_init__(self) -> None:
        if self.words < 2:
            raise SettingError(f"A vocabulary has its end sign and one word at least, not {self.words} in all.")
        if self.longest < 1:
            raise SettingError(f"A sentence has one step at least, not {self.longest}.")

    def __str__(self) -> str:
        return f"sentences of up to {self.longest} steps from {self.words} words"


@dataclass(frozen=True, kw_only=True)
class VideoFormat:
    """Clips of frames, all of one format. Errors: SettingError where a number makes no sense."""

    frame: ImageFormat
    longest: int
    """Frames of the longest clip."""

    def __post_init__(self) -> None:
        if self.longest < 1:
            raise SettingError(f"A clip has one frame at least, not {self.longest}.")

    def __str__(self) -> str:
        return f"clips of up to {self.longest} frames of {self.frame}"


SequenceFormat = WordFormat | VideoFormat


@dataclass(frozen=True, kw_only=True, eq=False)
class Sequences:
    """A batch of sequences, padded to the longest of them. What stands after the end of one never matters.

    Errors: DataError where there are none, or a length is not 1 to the number of steps.
    """

    values: Shaped[Tensor, " batch steps *item"]
    """Whole numbers: words (batch, steps), or frames (batch, steps, channels, height, width)."""
    lengths: Int64[Tensor, " batch"]
    """Steps of each sequence; on the CPU, wherever the values are."""

    def __post_init__(self) -> None:
        if not len(self.values) or len(self.values) != len(self.lengths):
            raise DataError(f"There are {len(self.values)} sequences and {len(self.lengths)} lengths of them.")
        if not 1 <= int(self.lengths.min()) <= int(self.lengths.max()) <= self.values.shape[1]:
            raise DataError(
                f"Sequences of up to {self.values.shape[1]} steps have lengths from 1 to that; these are "
                f"{int(self.lengths.min())} to {int(self.lengths.max())}."
            )

    @staticmethod
    def of(tensors: Mapping[str, Tensor]) -> Sequences:
        """Take a training batch, a mapping of tensors with the names of the fields, and cut what is padding for all."""
        lengths = tensors["lengths"].cpu()
        return Sequences(values=tensors["values"][:, : int(lengths.max())], lengths=lengths)

    @staticmethod
    def joined(parts: Sequence[Sequences]) -> Sequences:
        """Put several batches of one kind together, padded with zeros to the longest. Errors: DataError for none."""
        if not parts:
            raise DataError("At least one batch of sequences is wanted; there is none.")
        steps = max(part.values.shape[1] for part in parts)
        values = parts[0].values.new_zeros(sum(map(len, parts)), steps, *parts[0].values.shape[2:])
        start = 0
        for part in parts:
            values[start : start + len(part), : part.values.shape[1]] = part.values
            start += len(part)
        return Sequences(values=values, lengths=torch.cat([part.lengths for part in parts]))

    def __len__(self) -> int:
        return len(self.values)

    @property
    def tensors(self) -> dict[str, Tensor]:
        """What a training batch is made of."""
        return {"values": self.values, "lengths": self.lengths}

    @property
    def mask(self) -> Bool[Tensor, "batch steps"]:
        """True where a step is of the sequence, on the values' device."""
        return (torch.arange(self.values.shape[1]) < self.lengths[:, None]).to(self.values.device)

    def at(self, places: slice | Int64[Tensor, " some"]) -> Sequences:
        """Take some of them, without the padding that they need no longer."""
        return Sequences.of({name: tensor[places] for name, tensor in self.tensors.items()})

    def to(self, device: torch.device) -> Sequences:
        """Put the values on a device."""
        return Sequences(values=self.values.to(device), lengths=self.lengths)

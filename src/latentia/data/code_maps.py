"""Maps of discrete codes, such as a VQ-VAE makes of images, and the batches in which a prior learns them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int64, Shaped
from torch import Tensor

from latentia.data.batches import ORDER
from latentia.errors import DataError, SettingError
from latentia.randomness import stream


@dataclass(frozen=True, kw_only=True, eq=False)
class CodeMaps:
    """Maps of codes and what is known of each: its class, a condition, or the image that it is of.

    Errors: DataError where there are no maps, or not as many of something else.
    """

    codes: Int64[Tensor, "maps height width"]
    labels: Int64[Tensor, " _"] | None = None
    condition: Float[Tensor, "_ condition_channels rows columns"] | None = None
    """What a conditioned prior is given, where it is the same at every step."""
    images: Shaped[Tensor, "_ channels rows columns"] | None = None
    """What conditions are drawn from, where they are drawn anew at every step."""

    def __post_init__(self) -> None:
        if not len(self):
            raise DataError("At least one map of codes is wanted; there is none.")
        for name, tensor in self.tensors.items():
            if len(tensor) != len(self):
                raise DataError(f"Each of {len(self)} maps of codes wants one of '{name}'; there are {len(tensor)}.")

    def __len__(self) -> int:
        return len(self.codes)

    @property
    def tensors(self) -> dict[str, Tensor]:
        """All that is there, by name; maps on axis 0."""
        everything = {
            "codes": self.codes,
            "labels": self.labels,
            "condition": self.condition,
            "images": self.images,
        }
        return {name: tensor for name, tensor in everything.items() if tensor is not None}

    def at(self, places: slice | Int64[Tensor, " batch"]) -> dict[str, Tensor]:
        """Give some of the maps and what goes with them."""
        return {name: tensor[places] for name, tensor in self.tensors.items()}


@dataclass(frozen=True, kw_only=True)
class ShuffledCodeMaps:
    """Training batches (`latentia.training.Batches`) of maps of codes: mappings with the names of `CodeMaps`.

    The order of a pass depends on the seed and the pass alone. The maps left over after the last whole batch of a pass
    are left out of that pass. Errors: SettingError where a batch is larger than the set.
    """

    maps: CodeMaps
    batch: int
    seed: int

    def __post_init__(self) -> None:
        if not 1 <= self.batch <= len(self.maps):
            raise SettingError(
                f"batch must be 1 to {len(self.maps)}, the number of maps of codes to train on; it is {self.batch}."
            )

    def __len__(self) -> int:
        return len(self.maps) // self.batch

    def of_pass(self, number: int, first: int = 0) -> Iterator[dict[str, Tensor]]:
        """Yield the batches of pass `number`, from place `first` on."""
        generator = torch.Generator().manual_seed(stream(ORDER, self.seed, number))
        order = torch.randperm(len(self.maps), generator=generator)
        for place in range(first, len(self)):
            yield self.maps.at(order[place * self.batch : (place + 1) * self.batch])

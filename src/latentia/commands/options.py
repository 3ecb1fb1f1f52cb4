"""The options that several commands share: one place for their names, defaults and help."""

from __future__ import annotations

import math
from argparse import ArgumentTypeError
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeVar, overload

from latentia.command_line.options import argument, option
from latentia.errors import DataError, SettingError
from latentia.folders import check_output_folder, make_folder

if TYPE_CHECKING:
    from jaxtyping import UInt8
    from torch import Tensor

    from latentia.data import DataSet, SequenceSet
    from latentia.runs import Run, SequenceRun
    from latentia.sequences import Sequences

Number = TypeVar("Number", int, float)
SplitName = Literal["train", "validation", "test"]
HIGHEST_TEMPERATURE = 2


def whole_numbers(value: str | Iterable[int]) -> tuple[int, ...]:
    """Read whole numbers between commas, or take them as they are. Errors: ArgumentTypeError."""
    return _numbers(value, int, "whole numbers such as 0,1,2")


def numbers(value: str | Iterable[float]) -> tuple[float, ...]:
    """Read numbers between commas, or take them as they are. Errors: ArgumentTypeError."""
    return _numbers(value, float, "numbers such as 0.7,1")


def temperatures(value: str | Iterable[float]) -> tuple[float, ...]:
    """Read temperatures between commas. Errors: ArgumentTypeError, also above 2: there was a decimal comma."""
    read = numbers(value)
    if high := [number for number in read if number > HIGHEST_TEMPERATURE]:
        raise ArgumentTypeError(
            f"a temperature is at most {HIGHEST_TEMPERATURE}, not {high[0]:g}; decimals have a decimal point, as in 0.7"
        )
    return read


def require_least(least: int, **values: int) -> None:
    """Errors: SettingError where the value of an option is less than `least`."""
    for name, value in values.items():
        if value < least:
            raise SettingError(f"--{name.replace('_', '-')} must be {least} or more, not {value}.")


def _numbers(value: str | Iterable[Number], kind: Callable[[str], Number], wanted: str) -> tuple[Number, ...]:
    if not isinstance(value, str):
        return tuple(value)
    try:
        read = tuple(map(kind, value.split(",")))
    except ValueError:
        raise ArgumentTypeError(f"'{value}' is not {wanted}") from None
    if not all(map(math.isfinite, read)):
        raise ArgumentTypeError(f"'{value}' is not {wanted}")
    return read


@dataclass(frozen=True, kw_only=True)
class ModelOptions:
    """Run."""

    run: Path = argument("RUN", "the folder of a training")
    set: tuple[str, ...] = option(
        (), "change a setting of its configuration, such as data.folder=../cifar10", metavar="SETTING=VALUE"
    )
    device: Literal["auto", "cpu", "cuda", "mps"] = option("auto", "where to compute")
    batch: int = option(64, "images or sequences at a time, or draws", metavar="COUNT")
    seed: int = option(0, "decides every random number", metavar="NUMBER")
    out: Path | None = option(None, "folder for the results (default: one in the run's)", metavar="FOLDER")

    def __post_init__(self) -> None:
        require_least(1, batch=self.batch)
        require_least(0, seed=self.seed)

    def load(self) -> Run | SequenceRun:
        """Load the run, with its model on the device. Errors: as `load_run`; OutputError for the results' folder."""
        from latentia.runs import load_run

        if self.out is not None:
            check_output_folder(self.out)
        run = load_run(self.run, self.set)
        run.model.to(device_of(self.device))
        return run

    def load_images(self, command: str) -> Run:
        """Load a run of images for a command that is for these alone. Errors: as `load`; SettingError for another."""
        return of_images(self.load(), command)

    def folder(self, name: str) -> Path:
        """Make the folder of the results, and give it; `name` is where they are by default. Errors: OutputError."""
        folder = self.run / name if self.out is None else self.out
        make_folder(folder)
        return folder


@dataclass(frozen=True, kw_only=True)
class RunOptions(ModelOptions):
    """Run."""

    split: SplitName = option("test", "which part of its data is meant")

    def images(self, run: Run, places: tuple[int, ...]) -> UInt8[Tensor, "images channels height width"]:
        """Load images by their places in the split, from 0, and snapshots of a field as images.

        Errors: DataError where there is no such place.
        """
        import numpy as np

        from latentia.data import pixels_of

        return pixels_of(self._split_with(run, places), np.array(places))

    def values(self, run: Run, places: tuple[int, ...]) -> Tensor:
        """Load images by their places in the split, and snapshots of a field as they are.

        Errors: DataError where there is no such place.
        """
        import numpy as np

        return self._split_with(run, places).tensor(np.array(places))

    def sequences(self, run: SequenceRun, places: tuple[int, ...]) -> Sequences:
        """Load sentences or clips by their places in the split, from 0. Errors: DataError where one is not there."""
        import numpy as np

        return self._split_with(run, places).sequences(np.array(places))

    def first(self, run: Run | SequenceRun, most: int) -> tuple[int, ...]:
        """Give the places of what is first in the split, at most so many."""
        return tuple(range(min(most, len(self._split_with(run, ())))))

    @overload
    def _split_with(self, run: Run, places: tuple[int, ...]) -> DataSet: ...

    @overload
    def _split_with(self, run: SequenceRun, places: tuple[int, ...]) -> SequenceSet: ...

    @overload
    def _split_with(self, run: Run | SequenceRun, places: tuple[int, ...]) -> DataSet | SequenceSet: ...

    def _split_with(self, run: Run | SequenceRun, places: tuple[int, ...]) -> DataSet | SequenceSet:
        """Load the split, which has these places. Errors: DataError where there is no such place."""
        from latentia.data import Split
        from latentia.runs import Run

        split, things = Split(self.split), run.configuration.things
        found = run.images(split) if isinstance(run, Run) else run.sequences(split)
        for place in places:
            if not 0 <= place < len(found):
                raise DataError(
                    f"{found.name} has {len(found)} {things} in its split '{found.split}', counted from 0; there is "
                    f"no {things.removesuffix('s')} {place}."
                )
        return found


def of_images(run: Run | SequenceRun, command: str) -> Run:
    """Give the run as one of images. Errors: SettingError where it is of sequences, which `command` is not for."""
    from latentia.runs import Run

    if not isinstance(run, Run):
        raise SettingError(
            f"The run in {run.folder.path} is of {run.configuration.things}; latentia {command} is for runs of images."
        )
    return run


def refuse(run: Run | SequenceRun, things: str, given: Mapping[str, bool]) -> None:
    """Errors: SettingError where an option that is for these `things` alone was given for a run of others."""
    for name, is_given in given.items():
        if is_given:
            raise SettingError(
                f"--{name} is for {things}; the run in {run.folder.path} is of {run.configuration.things}."
            )


def device_of(name: str) -> str:
    """Give the device of a name, the best one there is for "auto". Errors: SettingError where it is not there."""
    import torch

    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if name == "auto":
        return next(device for device, is_there in there.items() if is_there)
    if not there[name]:
        raise SettingError(f"--device: this machine has no {name}.")
    return name

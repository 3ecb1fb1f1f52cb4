"""Reads the data sets that were published as Python pickles, without running them.

A pickle is a program, and Python's own reader runs it: a file from a stranger can do anything. `pickletools` only
lists the program's steps. Those that build plain values and NumPy arrays are followed here; any other is refused.
"""

from __future__ import annotations

import pickletools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from latentia.data.images import Images, Labels
from latentia.errors import DataError
from latentia.images import ImageFormat

MULTIARRAY = ("numpy.core.multiarray", "numpy._core.multiarray")  # renamed in NumPy 2
NUMBERS = {f"{kind}{size}" for kind in "iuf" for size in (1, 2, 4, 8)} - {"f1"}


def read_batch(name: str, content: bytes) -> dict[str, Any]:
    """Read a pickled dictionary whose values are arrays or plain, without arrays inside; its keys become text.

    Errors: DataError where it is no pickle, or holds anything else.
    """
    try:
        return _plain(_Reader().read(content))
    except (ValueError, IndexError, KeyError, TypeError, AttributeError, UnicodeError) as error:
        raise DataError(f"{name} is no batch of images in the Python format: {error}") from error


def image_array(name: str, batch: Mapping[str, Any], image_format: ImageFormat) -> Images:
    """Take the images of a batch: rows of `data`, planes of colours. Errors: DataError where they are not there."""
    data = batch.get("data")
    if not isinstance(data, np.ndarray) or data.dtype != np.uint8 or data.shape[1:] != (image_format.dimensions,):
        raise DataError(f"{name} has no 'data' of bytes, {image_format.dimensions} a row.")
    return data.reshape(-1, *image_format.shape)


def label_array(name: str, batch: Mapping[str, Any], count: int) -> Labels:
    """Take the labels of a batch. Errors: DataError where they are not there or not as many as the images."""
    labels = np.asarray(batch.get("labels", []))
    if labels.shape != (count,) or labels.dtype.kind not in "iu":
        raise DataError(f"{name} has no 'labels' for its {count} images.")
    return labels.astype(np.int64)


@dataclass(frozen=True)
class _Name:
    """The name of something in a module; it is compared, never looked up."""

    module: str
    attribute: str


class _Mark:
    """Where on the stack a group of values begins."""


@dataclass
class _Array:
    """A NumPy array or dtype while it is built: made empty, then given its state."""

    kind: str = ""
    state: Any = None

    def finished(self) -> NDArray[Any]:
        _, shape, kind, by_column, content = self.state
        if kind.kind not in NUMBERS:
            raise ValueError(f"its array of {kind.kind} is none of numbers.")
        order = kind.state[1].decode() if isinstance(kind.state[1], bytes) else kind.state[1]
        dtype = np.dtype(kind.kind).newbyteorder(">" if order == ">" else "<")
        return np.frombuffer(content, dtype).reshape(shape, order="F" if by_column else "C")


class _Reader:
    """A machine with a stack and a memory, as `pickletools` describes it, that knows data and nothing else."""

    def __init__(self) -> None:
        self.stack: list[Any] = []
        self.memory: dict[int, Any] = {}

    def read(self, content: bytes) -> Any:
        for opcode, argument, _ in pickletools.genops(content):
            self.follow(opcode.name, argument)
        return self.stack.pop()

    def follow(self, step: str, argument: Any) -> None:
        if step in ("PROTO", "FRAME", "STOP"):
            return
        if step in BYTES:  # Python 2's text was bytes; pickletools shows it as Latin-1
            self.stack.append(argument.encode("latin-1") if isinstance(argument, str) else argument)
        elif step in VALUES:
            self.stack.append(argument)
        elif step in CONSTANTS:
            self.stack.append(CONSTANTS[step]())
        elif step in TUPLES:
            values = [self.stack.pop() for _ in range(TUPLES[step])]
            self.stack.append(tuple(reversed(values)))
        elif step in ("MEMOIZE", "BINPUT", "LONG_BINPUT", "PUT"):
            self.memory[len(self.memory) if argument is None else int(argument)] = self.stack[-1]
        elif step in ("BINGET", "LONG_BINGET", "GET"):
            self.stack.append(self.memory[int(argument)])
        elif step in STEPS:
            STEPS[step](self, argument)
        else:
            raise ValueError(f"its step {step} is not one that builds data.")

    def group(self) -> list[Any]:
        """Take the values above the last mark, and the mark."""
        place = max(index for index, value in enumerate(self.stack) if isinstance(value, _Mark))
        values = self.stack[place + 1 :]
        del self.stack[place:]
        return values

    def tuple_of_group(self, argument: Any) -> None:
        self.stack.append(tuple(self.group()))

    def list_of_group(self, argument: Any) -> None:
        self.stack.append(self.group())

    def dict_of_group(self, argument: Any) -> None:
        values = self.group()
        self.stack.append(dict(zip(values[::2], values[1::2], strict=True)))

    def append(self, argument: Any) -> None:
        value = self.stack.pop()
        self.stack[-1].append(value)

    def append_group(self, argument: Any) -> None:
        values = self.group()
        self.stack[-1].extend(values)

    def set_item(self, argument: Any) -> None:
        value, key = self.stack.pop(), self.stack.pop()
        self.stack[-1][key] = value

    def set_group(self, argument: Any) -> None:
        values = self.group()
        self.stack[-1].update(zip(values[::2], values[1::2], strict=True))

    def name(self, argument: Any) -> None:
        self.stack.append(_Name(*argument.split(" ", 1)))

    def name_from_stack(self, argument: Any) -> None:
        attribute, module = self.stack.pop(), self.stack.pop()
        self.stack.append(_Name(module, attribute))

    def call(self, argument: Any) -> None:
        """Of all calls, follow the three with which NumPy rebuilds an array."""
        values, name = self.stack.pop(), self.stack.pop()
        if name in [_Name(module, "_reconstruct") for module in MULTIARRAY]:
            self.stack.append(_Array())
        elif name == _Name("numpy", "dtype"):
            kind = values[0].decode() if isinstance(values[0], bytes) else values[0]
            self.stack.append(_Array(kind=kind))
        elif name == _Name("_codecs", "encode") and values[1:] == ("latin1",):
            self.stack.append(values[0].encode("latin-1"))
        else:
            raise ValueError(f"it calls {name.module}.{name.attribute}, which is refused.")

    def build(self, argument: Any) -> None:
        state = self.stack.pop()
        if not isinstance(self.stack[-1], _Array):
            raise ValueError("it changes something that is no array.")
        self.stack[-1].state = state


def _plain(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError("it holds no dictionary.")
    return {
        key.decode() if isinstance(key, bytes) else str(key): part.finished() if isinstance(part, _Array) else part
        for key, part in value.items()
    }


BYTES = {"STRING", "BINSTRING", "SHORT_BINSTRING", "BINBYTES", "SHORT_BINBYTES", "BINBYTES8"}
VALUES = {"INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "FLOAT", "BINFLOAT"} | {
    "UNICODE",
    "BINUNICODE",
    "SHORT_BINUNICODE",
    "BINUNICODE8",
}
CONSTANTS: dict[str, Callable[[], Any]] = {
    "NONE": lambda: None,
    "NEWTRUE": lambda: True,
    "NEWFALSE": lambda: False,
    "EMPTY_LIST": list,
    "EMPTY_DICT": dict,
    "EMPTY_TUPLE": tuple,
    "MARK": _Mark,
}
TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
STEPS: dict[str, Callable[[_Reader, Any], None]] = {
    "TUPLE": _Reader.tuple_of_group,
    "LIST": _Reader.list_of_group,
    "DICT": _Reader.dict_of_group,
    "APPEND": _Reader.append,
    "APPENDS": _Reader.append_group,
    "SETITEM": _Reader.set_item,
    "SETITEMS": _Reader.set_group,
    "GLOBAL": _Reader.name,
    "STACK_GLOBAL": _Reader.name_from_stack,
    "REDUCE": _Reader.call,
    "BUILD": _Reader.build,
}

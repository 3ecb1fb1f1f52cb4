"""How a record says which of its fields are arguments and which are flags; `parsing` makes the command line of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import field
from typing import Any


def argument(metavar: str, text: str) -> Any:
    """Declare a field that the command line takes by its place."""
    return field(metadata={"metavar": metavar, "help": text, "positional": True})


def option(default: Any, text: str, *, metavar: str = "", parse: Callable[[str], Any] | None = None) -> Any:
    """Declare a field that is a flag; `parse` reads it where its type does not say how; it raises ArgumentTypeError."""
    return field(default=default, metadata={"metavar": metavar, "help": text, "parse": parse})

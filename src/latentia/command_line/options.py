"""How a record says which of its fields are arguments and which are flags; `parsing` makes the command line of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import Field, field
from typing import Any, Literal


def argument(metavar: str, text: str, *, least: Literal[0, 1] = 1) -> Any:
    """Declare a field that the command line takes by its place; of several values, there are `least` or more."""
    return field(metadata={"metavar": metavar, "help": text, "positional": True, "least": least})


def option(
    default: Any, text: str, *, metavar: str = "", flag: str = "", parse: Callable[[str], Any] | None = None
) -> Any:
    """Declare a field that is a flag, of its own name unless `flag` gives another.

    `parse` reads it where its type does not say how; it raises ArgumentTypeError.
    """
    return field(default=default, metadata={"metavar": metavar, "help": text, "flag": flag, "parse": parse})


def name_of(declared: Field[Any]) -> str:
    """The name that settings files have for a field, and with dashes the command line."""
    return str(declared.metadata.get("flag") or declared.name)

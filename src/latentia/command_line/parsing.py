"""From typed records to flags, help and settings files, by jsonargparse, and its errors in one sentence each."""

from __future__ import annotations

import dataclasses
import difflib
import re
import types
from argparse import SUPPRESS
from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import Enum
from pathlib import Path
from typing import Any, NoReturn, Union, get_args, get_origin, get_type_hints

import jsonargparse
from jsonargparse import ActionYesNo, ArgumentParser, DefaultHelpFormatter, Namespace

from latentia.command_line.options import name_of
from latentia.errors import SettingError

Run = Callable[..., int]
"""A command: its parameters are records, and what it returns is the exit code."""


def parse(run: Run, words: Sequence[str], *, prog: str, settings_example: str = "") -> dict[str, Any]:
    """Read the command line of `prog` into the records that `run` takes, by parameter.

    With a `settings_example`, a line of one, a YAML file of options can be named by `--config`.

    Errors: SettingError where a word is unknown, missing or of the wrong kind; SystemExit after `--help`.
    """
    records = {key: kind for key, kind in get_type_hints(run).items() if key != "return"}
    parser = _parser(run, records.values(), prog, settings_example)
    namespace = parser.parse_args(_joined(words))
    return {key: _record(kind, namespace) for key, kind in records.items()}


def suggestion(word: str, known: Iterable[str]) -> str:
    """Return "; did you mean …?" where something known is spelled almost like `word`."""
    close = difflib.get_close_matches(word, list(known), n=1)
    return f"; did you mean {close[0]}?" if close else ""


class _Help(DefaultHelpFormatter):
    """Help without types, which mean nothing to whom it is for; a default only where it says something."""

    def _get_help_string(self, action: Any) -> str:
        text = str(action.help or "")
        shown = _shown(action.default)
        return f"{text} (default: {shown})" if shown and action.option_strings else text


class _Parser(ArgumentParser):
    def error(self, message: str, ex: Exception | None = None) -> NoReturn:
        said = _in_plain_words(message, self._flags(), self._places())
        raise SettingError(f"{said}{' See' if said.endswith('?') else '; see'} {self.prog} --help.")

    def _flags(self) -> list[str]:
        return [flag for action in self._actions for flag in action.option_strings]

    def _places(self) -> dict[str, str]:
        """What is taken by its place: the name that help calls it, by field."""
        return {action.dest: str(action.metavar) for action in self._actions if not action.option_strings}


def _joined(words: Sequence[str]) -> list[str]:
    """Join a value such as -1,0 to its flag by an equals sign; it would be taken for a flag."""
    joined: list[str] = []
    for word in words:
        if joined and re.fullmatch(r"--[^=]+", joined[-1]) and re.match(r"-[\d.]", word):
            joined[-1] += f"={word}"
        else:
            joined.append(word)
    return joined


def _parser(run: Run, records: Iterable[type], prog: str, settings_example: str) -> _Parser:
    parser = _Parser(
        prog=prog,
        description=(run.__doc__ or "").strip(),
        formatter_class=_Help,
        print_config=None,
        allow_abbrev=False,
    )
    for record in records:
        group = parser.add_argument_group((record.__doc__ or "").split("\n")[0].rstrip("."))
        hints = get_type_hints(record)
        for field in dataclasses.fields(record):
            _add(parser if field.metadata.get("positional") else group, field, hints[field.name])
    if settings_example:
        settings = parser.add_argument_group("Settings")
        told = f"take options from a YAML file, with lines such as `{settings_example}`"
        reader = jsonargparse.ActionConfigFile  # type: ignore[attr-defined]  # public, but not declared so
        settings.add_argument("--config", action=reader, metavar="FILE", help=told)
    return parser


def _add(target: Any, field: dataclasses.Field[Any], kind: Any) -> None:
    """Add one field as an argument."""
    known: Any = field.metadata
    default: Any = field.default
    extra: dict[str, Any] = {"help": known["help"]}
    if known["metavar"]:
        extra["metavar"] = known["metavar"]
    several = get_origin(kind) is tuple and not known.get("parse")
    read = known.get("parse") or _reader(get_args(kind)[0] if several else kind)
    if known.get("positional"):
        target.add_argument(
            field.name, type=read, nargs=("*" if known["least"] == 0 else "+") if several else None, **extra
        )
        return
    flag = f"--{name_of(field).replace('_', '-')}"
    if kind is bool:
        target.add_argument(flag, action=ActionYesNo(no_prefix="no-"), default=default, **extra)
    elif several:
        target.add_argument(flag, action="append", default=list(default), **extra)  # `_record` reads its values
    else:
        target.add_argument(flag, type=read, default=default, **extra)


def _reader(kind: Any) -> Any:
    """What jsonargparse reads a value with: a function for paths, nothing for text, the type itself for all else."""
    if get_origin(kind) in (Union, types.UnionType):
        (kind,) = (one for one in get_args(kind) if one is not type(None))
    return _path if kind is Path else None if kind is str else kind


def _path(text: str | Path) -> Path:
    """Read a path; shells leave a ~ behind an equals sign, and that of Windows leaves every one."""
    return Path(text).expanduser()


def _record(kind: Any, namespace: Namespace) -> Any:
    hints = get_type_hints(kind)
    values = {field.name: getattr(namespace, name_of(field)) for field in dataclasses.fields(kind)}
    return kind(**{name: _tuple(hints[name], one) if isinstance(one, list) else one for name, one in values.items()})


def _tuple(kind: Any, values: list[Any]) -> tuple[Any, ...]:
    return tuple(_path(value) if get_args(kind)[0] is Path else str(value) for value in values)


def _shown(default: Any) -> str:
    if default is True:
        return "yes"
    if default is False or default in (None, "", [], (), SUPPRESS):
        return ""
    values = default if isinstance(default, tuple | list) else [default]
    return ",".join(str(value.value if isinstance(value, Enum) else value) for value in values)


_KINDS: Mapping[str, str] = {"int": "a whole number", "float": "a number", "str": "a text"}


def _in_plain_words(message: str, flags: Sequence[str], places: Mapping[str, str]) -> str:
    """Say jsonargparse's message in one sentence, with names as help has them."""
    if found := re.search(r"unrecognized arguments: (.*)", message):
        unknown = next((word for word in found[1].split() if word.startswith("-")), found[1].split()[0])
        flag = unknown.partition("=")[0]
        return f"There is no option {flag}{suggestion(flag, flags)}"
    if found := re.search(r"arguments are required: (.*)", message):
        return f"{' and '.join(places[name] for name in found[1].split(', '))} must be named"
    if found := re.search(r"argument (\S+): expected one argument", message):
        return f"{found[1]} needs a value"
    if found := re.search(r"argument (--[^/:]+)/--no-\S+: ignored explicit argument", message):
        return f"{found[1]} takes no value, and --no-{found[1][2:]} says the opposite"
    if found := re.search(r"argument (\S+): (.*)", message, re.DOTALL):
        return f"{found[1]}: {_problem(found[2])}"
    if found := re.search(r"Option '(.*)' is not accepted", message):
        return f"There is no option {found[1]}{suggestion(f'--{found[1]}', flags)}"
    if "Problems parsing config" in message or "Unexpected config" in message:
        return "--config: the file is not YAML with an option and its value on each line"
    if found := re.search(r'[Kk]ey "([^"]+)":?\s*(.*)', message, re.DOTALL):
        name = found[1].replace("_", "-")
        return f"{f'--{name}' if f'--{name}' in flags else places.get(found[1], name.upper())}: {_problem(found[2])}"
    return " ".join(message.split()).rstrip(".")


def _problem(text: str) -> str:
    text = " ".join(text.split()).rstrip(".")
    if found := re.search(r"Expected a (?:<class '(\w+)'>|typing\.Literal\[(.*?)\]).* Got value: (.*)", text):
        wanted = _KINDS.get(found[1], found[1]) if found[1] else " or ".join(re.findall(r"'([^']*)'", found[2]))
        return f"'{found[3]}' is not {wanted}"
    return re.sub(r"File does not exist: '(.*)'", r"there is no file \1", text)

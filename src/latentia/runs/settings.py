"""From plain values, as YAML and JSON have them, to typed records and back; what does not fit is one sentence."""

from __future__ import annotations

import dataclasses
import math
import re
import types
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from latentia.command_line.parsing import suggestion
from latentia.errors import SettingError


@dataclass(frozen=True, kw_only=True)
class Choice:
    """A closed set of record types, of which a section names one.

    A field is such a section where its metadata have it: `field(metadata={"choice": Choice(…)})`.
    """

    key: str
    """The setting that holds the name."""
    kinds: Mapping[str, type]
    other_names: Mapping[str, str] = field(default_factory=dict)
    """What to say to a name that is none of `kinds`, by its small letters and digits alone."""
    default: str | None = None
    """The name where a section has none."""


def read(kind: Any, value: Any, where: str = "") -> Any:
    """Read a plain value as `kind`: a record, a choice of records, a tuple, an optional value or a simple one.

    `where` names the value in errors, as in `model.layers`. A relative path is taken from the working folder and made
    absolute. Errors: SettingError where a setting is unknown, missing, or not of its type; it also says what the
    records themselves refuse.
    """
    if isinstance(kind, Choice):
        return _read_choice(kind, value, where)
    if dataclasses.is_dataclass(kind):
        return _read_record(kind, value, where)
    if get_origin(kind) in (Union, types.UnionType):
        if value is None and type(None) in get_args(kind):
            return None
        return _read_one_of([one for one in get_args(kind) if one is not type(None)], value, where)
    if get_origin(kind) is tuple:
        if not isinstance(value, list | tuple):
            raise SettingError(f"{where} must be a list, as in [1, 2], not {_shown(value)}.")
        return tuple(read(get_args(kind)[0], one, f"{where}[{place}]") for place, one in enumerate(value))
    if get_origin(kind) is Literal:
        if value not in get_args(kind):
            raise SettingError(f"{where} must be {_listed(get_args(kind))}, not {_shown(value)}.")
        return value
    return _read_simple(kind, value, where)


def plain(record: Any) -> Any:
    """Turn a record into what `read` reads: mappings, lists, texts and numbers."""
    if isinstance(record, tuple):
        return [plain(one) for one in record]
    if isinstance(record, Path):
        return str(record)
    if not dataclasses.is_dataclass(record):
        return record
    values = {}
    for one in dataclasses.fields(record):
        value = getattr(record, one.name)
        values[one.name] = plain(value)
        if choice := one.metadata.get("choice"):
            values[one.name] = plain_choice(choice, value)
    return values


def flat(values: Mapping[str, Any]) -> dict[str, Any]:
    """Give plain values by their names, such as `training.steps`."""
    named: dict[str, Any] = {}
    for section, value in values.items():
        if isinstance(value, Mapping):
            named |= {f"{section}.{name}": one for name, one in value.items()}
        else:
            named[section] = value
    return named


def plain_choice(choice: Choice, record: Any) -> dict[str, Any]:
    """Turn a record of a choice into plain values, with its name."""
    return {choice.key: name_in(choice, record), **plain(record)}


def name_in(choice: Choice, record: Any) -> str:
    """Give the name that a choice has for the type of a record."""
    (name,) = (name for name, kind in choice.kinds.items() if type(record) is kind)
    return name


def _read_choice(choice: Choice, value: Any, where: str) -> Any:
    values = dict(_mapping(value, where))
    if choice.default is not None:
        values.setdefault(choice.key, choice.default)
    if choice.key not in values:
        raise SettingError(f"{where} must have a setting '{choice.key}': {_listed(tuple(choice.kinds))}.")
    name = values.pop(choice.key)
    if name not in list(choice.kinds):
        known_as = choice.other_names.get(re.sub("[^a-z0-9]", "", str(name).lower()))
        close = f"; {known_as}." if known_as else suggestion(str(name), choice.kinds)
        raise SettingError(
            f"{where}.{choice.key} must be {_listed(tuple(choice.kinds))}, not {_shown(name)}{close or '.'}"
        )
    return _read_record(choice.kinds[name], values, where, known=(choice.key,))


def _read_one_of(kinds: Sequence[Any], value: Any, where: str) -> Any:
    """Read a value as the first of some types that takes it; `None` is read already, where it is one of them."""
    if len(kinds) == 1:
        return read(kinds[0], value, where)
    for kind in kinds:
        with suppress(SettingError):
            return _read_simple(kind, value, where)
    raise SettingError(f"{where} must be {_listed(tuple(_KINDS[kind] for kind in kinds))}, not {_shown(value)}.")


def _read_record(kind: Any, value: Any, where: str, known: tuple[str, ...] = ()) -> Any:
    values, hints = _mapping(value, where), get_type_hints(kind)
    fields = {one.name: one for one in dataclasses.fields(kind) if one.init}
    for name in values:
        if name not in fields:
            close = suggestion(str(name), [*known, *fields])
            told = close or f"; it has {', '.join([*known, *fields])}."
            raise SettingError(f"{where or 'A configuration'} has no setting '{name}'{told}")
    for name, one in fields.items():
        required = one.default is dataclasses.MISSING and one.default_factory is dataclasses.MISSING
        if required and name not in values:
            raise SettingError(f"{where or 'A configuration'} must have a setting '{name}'.")
    inner = {
        name: read(fields[name].metadata.get("choice", hints[name]), one, f"{where}.{name}" if where else name)
        for name, one in values.items()
    }
    return kind(**inner)


def _mapping(value: Any, where: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        told = f"{where} must hold settings" if where else "A configuration holds settings"
        raise SettingError(f"{told}, each with its name, not {_shown(value)}.")
    return value


def _read_simple(kind: Any, value: Any, where: str) -> Any:
    if kind is Path and isinstance(value, str):
        return Path(value).expanduser().absolute()
    if kind is float:
        number = _number(value)
        if number is not None:
            return number
    elif isinstance(value, kind) and (kind is bool or not isinstance(value, bool)):
        return value
    raise SettingError(f"{where} must be {_KINDS[kind]}, not {_shown(value)}.")


_KINDS: Mapping[type, str] = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "a text",
    Path: "a path",
}


def _number(value: Any) -> float | None:
    """Also a text such as 1e-3, which YAML does not take for a number."""
    try:
        number = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None


def _listed(names: tuple[Any, ...]) -> str:
    words = [str(name) for name in names]
    return " or ".join(filter(None, [", ".join(words[:-1]), words[-1]]))


def _shown(value: Any) -> str:
    if value is None:
        return "empty"
    if isinstance(value, Mapping):
        return "settings"
    return f"'{value}'" if isinstance(value, str) else str(value).lower() if isinstance(value, bool) else str(value)

"""YAML for settings: read without guesses, changed by whole names as `--set` does, and written."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import yaml

from latentia.errors import SettingError
from latentia.runs.settings import plain


def read_yaml(text: str | bytes, name: str) -> Any:
    """Read plain values. Errors: SettingError, which begins with `name`, where there is no YAML."""
    try:
        return yaml.load(text, _Loader)
    except SettingError as error:
        raise SettingError(f"{name}: {error}") from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" in line {mark.line + 1}" if mark else ""
        cause = getattr(error, "problem", None) or getattr(error, "reason", "it is no text")
        raise SettingError(f"{name}: there is no YAML{where}: {cause}.") from error


def write_yaml(configuration: Any) -> str:
    """Give the YAML text of a configuration or another record of settings, with every setting, defaults too."""
    return str(yaml.safe_dump(plain(configuration), sort_keys=False, allow_unicode=True))


def change_value(values: Any, change: str) -> None:
    """Set one of plain values, as in `training.steps=100`. Errors: SettingError, which begins with the change."""
    name, equals, text = change.partition("=")
    *sections, last = name.strip().split(".")
    if not equals or not last:
        raise SettingError(f"--set {change}: a change is written as section.setting=value.")
    inner = _settings(values, change)
    for section in sections:
        inner[section] = inner.get(section) or {}
        inner = _settings(inner[section], change)
    inner[last] = read_yaml(text, f"--set {change}")


class _Loader(yaml.SafeLoader):  # type: ignore[misc]  # yaml comes without types
    """Refuses a setting that is given twice, where YAML would silently take the last."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        """Make the mapping of a node."""
        names = [key.value for key, _ in node.value]
        for name in names:
            if names.count(name) > 1:
                raise SettingError(f"'{name}' is given twice, the second time by line {node.end_mark.line}.")
        mapping: dict[Hashable, Any] = super().construct_mapping(node, deep)
        return mapping


def _settings(values: Any, change: str) -> dict[str, Any]:
    if not isinstance(values, dict):
        raise SettingError(f"--set {change}: what is to be changed holds no settings.")
    return values

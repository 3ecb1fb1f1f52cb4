"""The configurations that come with the package, and those in files, by name; nothing in here waits for torch."""

from __future__ import annotations

from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

from latentia.command_line.parsing import suggestion
from latentia.errors import SettingError

SEGMENTATION = "segmentation"
"""Folder of the packaged configurations of `latentia train-segmentation`, which are of another form."""


def packaged(kind: str = "") -> list[str]:
    """Names of the configurations that come with the package: of `latentia train`, or of another kind."""
    entries = _folder(kind).iterdir()
    return sorted(entry.name.removesuffix(".yaml") for entry in entries if entry.name.endswith(".yaml"))


def find_configuration(name: str, kind: str = "") -> Traversable:
    """Give the file of that name, or the packaged configuration. Errors: SettingError where there is neither."""
    path = Path(name).expanduser()
    if path.is_file():
        return path
    if name in packaged(kind):
        return _folder(kind) / f"{name}.yaml"
    if path.is_dir():
        raise SettingError(f"{name} is a folder; wanted a YAML file, or the name of a packaged configuration.")
    told = suggestion(name, packaged(kind)) or f"; packaged are {', '.join(packaged(kind))}."
    raise SettingError(f"There is no file {name}, and no packaged configuration of that name{told}")


def _folder(kind: str) -> Traversable:
    folder = resources.files("latentia") / "configs"
    return folder / kind if kind else folder

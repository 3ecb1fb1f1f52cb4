"""Files of what the uses give: a picture, and its arrays."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from latentia.command_line.screen import say
from latentia.errors import SettingError
from latentia.files import atomic_path
from latentia.folders import check_output_file

if TYPE_CHECKING:
    from torch import Tensor

    from latentia.commands.options import ModelOptions
    from latentia.runs import Run
    from latentia.uses.pictures import Picture

Record = TypeVar("Record")


def write_drawn(
    arguments: ModelOptions, run: Run, folder: str, name: str, record: Record, draw: Callable[[Record, int], Picture]
) -> None:
    """Draw a record of images, and write picture and arrays; a field is in colours, and its arrays in the file's units.

    `folder` is where they are by default. Errors: as `write_results`; DataError where a field's scale cannot be loaded.
    """
    from latentia.uses import FieldColours
    from latentia.uses.colours import images_of, in_colours

    fields, levels = run.fields(), run.model.image_format.levels
    arrays = {field.name: getattr(record, field.name) for field in dataclasses.fields(record)}  # type: ignore[arg-type]
    if fields is not None:
        arrays |= {key: fields.physical(pixels / (levels - 1)) for key, pixels in images_of(record).items()}
    picture = draw(in_colours(record, None if fields is None else FieldColours(fields=fields)), levels)
    write_results(arguments.folder(folder), name, picture, arrays)


def write_results(folder: Path, name: str, picture: Picture, arrays: Mapping[str, Any]) -> None:
    """Write NAME.png, and NAME.npz with all arrays, and say where. Errors: OutputError, OSError."""
    import numpy as np

    from latentia.uses import write_png

    path = folder / f"{name}.png"
    for one in (path, path.with_suffix(".npz")):
        check_output_file(one)
    write_png(picture, path)
    written: dict[str, Any] = {key: np.asarray(value) for key, value in arrays.items()}
    with atomic_path(path.with_suffix(".npz")) as temporary:
        np.savez_compressed(temporary, **written)
    say(f"The picture is {path}; the arrays are in {path.with_suffix('.npz')}.")


def write_text(folder: Path, name: str, text: str) -> None:
    """Write NAME.txt and say where it is. Errors: OutputError, OSError."""
    path = folder / f"{name}.txt"
    check_output_file(path)
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")
    say(f"The sentences are in {path}.")


def check_same_data(path: Path, sha256: str, things: str) -> None:
    """Errors: SettingError where the file holds figures of other data than these, as with another `data.folder`."""
    if not path.is_file():
        return
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        before = record.get("negative_elbo", record)["provenance"]["sha256"]
    except (ValueError, KeyError, TypeError, AttributeError):
        return  # no file of ours
    if before != sha256:
        raise SettingError(f"{path} holds the figures of other {things} than these; name another folder with --out.")


def mean_with_error(values: Tensor) -> dict[str, float | None]:
    """Give the mean of some figures and its standard error, in a form that JSON can say: None where it is no number."""
    error = float(values.std() / math.sqrt(len(values))) if len(values) > 1 else math.nan
    mean = float(values.mean())
    return {
        "mean": mean if math.isfinite(mean) else None,
        "standard_error": error if math.isfinite(error) else None,
    }

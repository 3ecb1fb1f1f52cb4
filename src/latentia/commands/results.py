"""Files of what the uses give: a picture, and its arrays."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any

from latentia.command_line.screen import say
from latentia.files import atomic_path
from latentia.folders import check_output_file

if TYPE_CHECKING:
    from latentia.uses.pictures import Picture


def write_results(folder: Path, name: str, picture: Picture, record: Any) -> None:
    """Write NAME.png, and NAME.npz with every field of a record, and say where. Errors: OutputError, OSError."""
    import numpy as np

    from latentia.uses import write_png

    path = folder / f"{name}.png"
    for one in (path, path.with_suffix(".npz")):
        check_output_file(one)
    write_png(picture, path)
    arrays: dict[str, Any] = {
        field.name: np.asarray(getattr(record, field.name)) for field in dataclasses.fields(record)
    }
    with atomic_path(path.with_suffix(".npz")) as temporary:
        np.savez_compressed(temporary, **arrays)
    say(f"The picture is {path}; the arrays are in {path.with_suffix('.npz')}.")

"""Figures as files: pictures in pixels and as vector graphics, and the numbers that they show beside them."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import matplotlib
import pandas as pd
from matplotlib.figure import Figure

from latentia.files import atomic_path
from spindle.errors import OutputError
from spindle.outputs import check_target

DOTS_PER_INCH = 200

_UNDATED: dict[str, dict[str, None]] = {"svg": {"Date": None}, "pdf": {"CreationDate": None}, "png": {}}
"""Without dates, equal figures give equal files."""


def save_figure(figure: Figure, stem: Path, data: pd.DataFrame) -> tuple[Path, Path, Path]:
    """Write `stem`.png, `stem`.svg and, with the figure's numbers, `stem`.csv, all three or none; return their paths.

    `data` is written without its index, in UTF-8, with an empty cell for NaN. Equal figures and data give equal
    files; older files of the same names are replaced once the new ones are complete.
    Errors: OutputError where the folder does not exist or cannot be written, or where a file cannot be replaced.
    """
    # Not `with_suffix`: a recording's name may hold dots.
    png, svg, csv = (stem.with_name(f"{stem.name}{suffix}") for suffix in (".png", ".svg", ".csv"))
    for path in (png, svg, csv):
        check_target(path)
    try:
        with ExitStack() as stack:
            for picture in (png, svg):
                save_picture(figure, stack.enter_context(atomic_path(picture)))
            data.to_csv(stack.enter_context(atomic_path(csv)), index=False, encoding="utf-8", lineterminator="\n")
    except OSError as error:
        raise OutputError(f"The figure cannot be written to {stem}: {error.strerror or error}.") from error
    return png, svg, csv


def save_picture(figure: Figure, path: Path) -> None:
    """Write a figure as PNG, SVG or PDF, as the suffix of `path` says, without a date. Errors: OSError."""
    kind = path.suffix.lower()[1:]
    # SVG names its parts by random numbers unless they are derived from a fixed word.
    with matplotlib.rc_context({"svg.hashsalt": "spindle"}):
        figure.savefig(path, format=kind, dpi=DOTS_PER_INCH, metadata=_UNDATED[kind])

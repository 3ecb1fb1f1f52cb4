"""What experiments share: files of results, and progress on the terminal."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from latentia.errors import LatentiaError
from latentia.files import atomic_path
from spindle.errors import SettingError, SpindleError

Experiment = Callable[[str, Path, int], None]
"""Does an experiment: name of the budget, folder of the results, seed."""


def command_line(
    experiment: Experiment, *, name: str, says: str, budgets: Sequence[str], results: Path, words: Sequence[str] | None
) -> int:
    """Run an experiment as the command line asks; return the exit code, 2 after a problem said in one sentence."""
    parser = argparse.ArgumentParser(prog=f"python -m experiments.{name}", description=says)
    parser.add_argument("--budget", required=True, choices=budgets, help="how much to spend; README.md says what on")
    parser.add_argument("--out", type=Path, default=results, metavar="FOLDER", help="default: the experiment's results")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="default: 0")
    chosen = parser.parse_args(words)
    try:
        experiment(chosen.budget, chosen.out, chosen.seed)
    except (SpindleError, LatentiaError, OSError) as error:
        Console(stderr=True).print(str(error), highlight=False)
        return 2
    return 0


def real_data() -> Path:
    """Give the folder of real data, LATENTIA_DATA or ../shared/data. Errors: SettingError where it is missing."""
    folder = Path(os.environ.get("LATENTIA_DATA") or Path(__file__).resolve().parents[2] / "shared" / "data")
    if not folder.is_dir():
        raise SettingError(f"The real data are not in {folder}; set LATENTIA_DATA to their folder.")
    return folder


def write_text(text: str, path: Path) -> None:
    """Write a whole file or none, and the folder if it is missing. Errors: OSError where it cannot be written."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


def write_json(content: Mapping[str, Any], path: Path) -> None:
    """Write a record. Errors: ValueError for NaN, which JSON does not have; OSError."""
    write_text(json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n", path)


def read_json(path: Path) -> dict[str, Any]:
    """Read a record that `write_json` wrote."""
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return content


def markdown_table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Draw a table; every column but the first is right-aligned."""
    rule = ["---", *["---:"] * (len(headings) - 1)]
    return "".join("| " + " | ".join(cells) + " |\n" for cells in [headings, rule, *rows])


def progress_bars() -> Progress:
    """Bars with a count and the time that passed; lines of text where there is no terminal."""
    return Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), transient=False
    )

"""What a batch has found, one row for each animal: a table for the screen and `summary.csv`."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass, fields
from enum import StrEnum
from pathlib import Path
from typing import Any

from rich.table import Table

from spindle.drawing import in_words
from spindle.errors import OutputError
from spindle.scores import Scores
from spindle.summary import summarise
from spindle.tables import write_lines

SUMMARY = "summary.csv"


class Outcome(StrEnum):
    """What became of a recording: scored now, kept from before, or failed."""

    SCORED = "scored"
    KEPT = "kept"
    FAILED = "failed"


@dataclass(frozen=True, kw_only=True)
class Row:
    """One animal of one recording; of a failed one only the first three fields and `problem` are known.

    Shares are in percent of the scored epochs; artifacts count among them. `seconds` is what scoring took.
    """

    recording: str
    animal: str = ""
    outcome: Outcome = Outcome.FAILED
    duration_s: float | None = None
    wake_percent: float | None = None
    nrem_percent: float | None = None
    rem_percent: float | None = None
    artifact_epochs: int | None = None
    unscored_epochs: int | None = None
    seconds: float | None = None
    problem: str = ""
    notes: str = ""
    """What was assumed, such as which channels were taken."""

    @property
    def title(self) -> str:
        """The file's name, and the animal where the file holds several."""
        name = Path(self.recording).name
        return f"{name}, animal {self.animal}" if self.animal else name

    @classmethod
    def failed(cls, path: Path, problem: str, animal: str = "") -> Row:
        """Make the row of an animal, or of a whole recording, that could not be scored."""
        return cls(recording=str(path), animal=animal, problem=problem)

    @classmethod
    def scored(cls, path: Path, scores: Scores, seconds: float) -> Row:
        """Make the row of an animal that was scored in so many seconds."""
        summary = summarise(scores)
        wake, nrem, rem = (round(100 * state.fraction, 2) if summary.scored else None for state in summary.states)
        return cls(
            recording=str(path),
            animal=scores.animal,
            outcome=Outcome.SCORED,
            duration_s=summary.duration_s,
            wake_percent=wake,
            nrem_percent=nrem,
            rem_percent=rem,
            artifact_epochs=summary.artifacts,
            unscored_epochs=summary.unscored,
            seconds=round(seconds, 2),
            notes=" ".join(scores.notes),
        )


COLUMNS = tuple(field.name for field in fields(Row))


def check_summary(folder: Path) -> None:
    """Refuse to replace a `summary.csv` that is not SPINDLE's. Errors: OutputError."""
    path = folder / SUMMARY
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            ours = file.readline().strip() == ",".join(COLUMNS)
    except FileNotFoundError:
        return
    except OSError as error:
        raise OutputError(f"{path} cannot be read: {error.strerror or error}.") from error
    if not ours:
        raise OutputError(f"{path} exists and is not SPINDLE's; name another folder with --out.")


def write_summary(rows: Sequence[Row], folder: Path) -> Path:
    """Write `summary.csv`: a line for each row, with empty cells for what is not known. Errors: OutputError."""
    path = folder / SUMMARY
    write_lines(path, (_csv_line(line) for line in [list(COLUMNS), *([getattr(r, c) for c in COLUMNS] for r in rows)]))
    return path


def _csv_line(cells: Sequence[Any]) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow(["" if cell is None else cell for cell in cells])
    # A file's name may hold bytes that are no text.
    return line.getvalue().encode("utf-8", "replace").decode("utf-8")


def summary_table(rows: Sequence[Row]) -> Table:
    """Give the table for the screen."""
    table = Table(title="Shares of the scored time (%), and numbers of epochs")
    table.add_column("Recording")
    for heading in ("Duration", "Wake", "NREM", "REM", "Artifacts", "Unscored", "Seconds"):
        table.add_column(heading, justify="right")
    table.add_column("")
    for row in rows:
        table.add_row(
            row.title,
            "" if row.duration_s is None else in_words(row.duration_s),
            *(
                "" if share is None else f"{share:.1f}"
                for share in (row.wake_percent, row.nrem_percent, row.rem_percent)
            ),
            *("" if count is None else f"{count:,}" for count in (row.artifact_epochs, row.unscored_epochs)),
            "" if row.seconds is None else f"{row.seconds:.1f}",
            {Outcome.SCORED: "", Outcome.KEPT: "kept"}.get(row.outcome, row.problem),
        )
    return table

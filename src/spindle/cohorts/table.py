"""The user's table of a cohort: one row per animal, with its recording, its group and, if need be, more."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import time
from pathlib import Path

from spindle.errors import CohortError, LabelError
from spindle.tables import Row, Table, read_table

REQUIRED = ("recording", "group")
OPTIONAL = ("animal", "lights_on", "scores", "eeg", "emg")
NO_GROUP = frozenset({"", "?", "-", "na", "n/a", "nan", "none", "unknown"})
"""What people write where they do not know a group."""
BETWEEN_EEGS = "|"


@dataclass(frozen=True, kw_only=True)
class CohortRow:
    """One animal. `eeg` and `emg` are empty where the recording's labels, or the options, say which channels."""

    line: int
    animal: str
    group: str
    recording: Path
    scores: Path
    lights_on: time | None = None
    eeg: tuple[str, ...] = ()
    emg: str | None = None


@dataclass(frozen=True, kw_only=True)
class FailedRow:
    """An animal that could not be analysed, and the sentence that says why."""

    line: int
    animal: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class CohortTable:
    """A table that was read. `groups` are those of all rows that name one, in the order of the table."""

    name: str
    rows: tuple[CohortRow, ...]
    failed: tuple[FailedRow, ...]
    groups: tuple[str, ...]
    notes: tuple[str, ...]


def read_cohort_table(path: Path, *, scores: Path | None = None, lights_on: time | None = None) -> CohortTable:
    """Read a cohort; paths in it are relative to it, and a row that cannot be used does not stop the others.

    Scores are looked for beside the recording, or in the folder `scores`, where a row does not name them.
    Errors: CohortError where the table cannot be read, or lacks a column or rows.
    """
    table = _read(path)
    rows: list[CohortRow] = []
    failed: list[FailedRow] = []
    seen: dict[str, int] = {}
    for row in table.body:
        cells = {name: row.cells[place] for place, name in enumerate(table.header)}
        animal = cells.get("animal") or Path(cells["recording"]).stem or f"line {row.line}"
        try:
            found = _row(cells, row, animal, path.parent, scores, lights_on)
            if (other := seen.setdefault(animal, row.line)) != row.line:
                raise CohortError(
                    f"Animal '{animal}' stands in line {other} already; each row is one animal (column animal)."
                )
            rows.append(found)
        except CohortError as error:
            failed.append(FailedRow(line=row.line, animal=animal, reason=f"{table.where(row)}: {error}"))
    groups = [one.cells[table.header.index("group")] for one in table.body]
    named = tuple(dict.fromkeys(group for group in groups if group.lower() not in NO_GROUP))
    return CohortTable(name=path.name, rows=tuple(rows), failed=tuple(failed), groups=named, notes=_notes(table))


def parse_time(text: str) -> time:
    """Read a time of day, also without a leading zero. Errors: CohortError."""
    try:
        return time.fromisoformat(text.zfill(5))
    except ValueError:
        raise CohortError(f"Lights-on '{text}' is no time of day, such as 07:30.") from None


def _read(path: Path) -> Table:
    try:
        table = read_table(path)
    except LabelError as error:
        raise CohortError(str(error)) from None
    missing = [name for name in REQUIRED if name not in table.header]
    if missing:
        raise CohortError(
            f"{path.name} lacks the column {' and the column '.join(missing)}; it has {', '.join(table.header)}."
        )
    if not table.body:
        raise CohortError(f"{path.name} has a header and no animal below it.")
    return table


def _row(
    cells: dict[str, str], row: Row, animal: str, folder: Path, scores: Path | None, lights_on: time | None
) -> CohortRow:
    if cells["group"].lower() in NO_GROUP:
        raise CohortError(f"Animal '{animal}' has no group.")
    if not cells["recording"]:
        raise CohortError("No recording is named.")
    recording = folder / cells["recording"]
    if not recording.exists():
        raise CohortError(f"There is no recording {recording}.")
    own = cells.get("lights_on", "")
    return CohortRow(
        line=row.line,
        animal=animal,
        group=cells["group"],
        recording=recording,
        scores=_scores(cells.get("scores", ""), recording, animal, folder, scores),
        lights_on=parse_time(own) if own else lights_on,
        eeg=tuple(name.strip() for name in cells.get("eeg", "").split(BETWEEN_EEGS) if name.strip()),
        emg=cells.get("emg") or None,
    )


def _scores(named: str, recording: Path, animal: str, folder: Path, scores: Path | None) -> Path:
    """Find the scores of a row; of a recording with several animals they bear the animal's name as well."""
    if named:
        if not (folder / named).exists():
            raise CohortError(f"There are no scores {folder / named}.")
        return folder / named
    where = scores or recording.parent
    candidates = [where / f"{recording.stem}{ending}" for ending in ("_scores.csv", f"_{animal}_scores.csv")]
    for candidate in candidates:
        if candidate.exists():
            return candidate
    raise CohortError(
        f"{recording.name} has no scores {candidates[0]}; make them with: spindle score {recording} --out {where}"
    )


def _notes(table: Table) -> tuple[str, ...]:
    unused = [name for name in table.header if name not in (*REQUIRED, *OPTIONAL)]
    if not unused:
        return ()
    what = f"The column {unused[0]} of {table.name} is" if len(unused) == 1 else f"Of {table.name}, the columns"
    return (f"{what} {'' if len(unused) == 1 else ', '.join(unused) + ' are '}not used.",)

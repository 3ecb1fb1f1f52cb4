"""Label files: what experts and other programs said about each epoch.

`read_labels` tells the formats apart by their content:

- the published two-expert table, without a header: number, then one column per expert, `w n r` for clean epochs and
  `1 2 3` for artifacts during wake, NREM, REM; any other single character, or none, is an epoch without a label
  (spindle writes `x`), as in the published data. A longer word is an unknown label. The service's table
  `index,w|n|r` is the same with one expert;
- spindle's own CSV, known by its column `stage` (see `spindle.outputs`);
- AccuSleePy's CSV, known by its column `brain_state`: 1 REM, 2 wake, 3 NREM, −1 or 0 undefined. These are the
  digits of AccuSleePy's own configuration; a file made with other digits cannot be told from one made with these;
- EDF+ annotations, and BIDS `events.tsv` with the columns `onset`, `duration`, `trial_type`.

The first three hold no epoch length: it is the user's to say. Nothing is ever shifted, padded or cut to fit.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from spindle.edf import is_edf, read_annotations
from spindle.errors import LabelError, SettingError
from spindle.hypnogram import Hypnogram, Stage
from spindle.label_events import KNOWN, Event, Label, hypnogram_of_events, parse_label
from spindle.recording import EPOCH_S
from spindle.tables import Row, Table, first_bytes, read_table, to_number, write_lines

_PUBLISHED = {
    **{letter: Label(stage=stage, artifact=False) for letter, stage in zip("wnr", Stage, strict=False)},
    **{digit: Label(stage=stage, artifact=True) for digit, stage in zip("123", Stage, strict=False)},
}
_UNLABELLED = Label(stage=Stage.UNSCORED, artifact=False)
_UNLABELLED_MARK = "x"
_UNLABELLED_MARKS = (_UNLABELLED_MARK, "", "?", "-")

_ACCUSLEEPY = {1: Stage.REM, 2: Stage.WAKE, 3: Stage.NREM, 0: Stage.UNSCORED, -1: Stage.UNSCORED}

_FLAGS = {"0": False, "1": True, "false": False, "true": True, "": False, "n/a": False}

# Starts of epochs are compared with the grid to this share of an epoch; writers round them to three digits or more.
_START_TOLERANCE = 0.025


def read_labels(
    path: Path, *, epochs: int | None = None, epoch_s: float = EPOCH_S, recording: str = "the recording"
) -> tuple[Hypnogram, ...]:
    """Read a label file, one hypnogram per expert; the formats are listed at the top of this module.

    `epochs` is the number of epochs of the recording, and `recording` its name in errors.
    Errors: LabelError where the file is of no known format, holds an unknown label, lies off the epoch grid, or is
    longer or shorter than the recording; SettingError where `epoch_s` is not positive.
    """
    if not (np.isfinite(epoch_s) and epoch_s > 0):
        raise SettingError(f"The epoch length must be more than 0 s, and is {epoch_s:g} s.")
    hypnograms = _read(path, epochs, epoch_s)
    found = len(hypnograms[0])
    if epochs is not None and found != epochs:
        raise LabelError(f"{path.name} has {found:,} epochs, {recording} has {epochs:,}.")
    return hypnograms


def write_published_labels(path: Path, hypnograms: Sequence[Hypnogram]) -> None:
    """Write the published table: `number,label` with one label per expert, numbered from 0.

    Unscored epochs are written as `x`. Errors: LabelError where the experts' hypnograms differ in length; OutputError.
    """
    lengths = {len(hypnogram) for hypnogram in hypnograms}
    if len(lengths) != 1:
        raise LabelError(f"Experts who scored one recording have the same number of epochs, not {sorted(lengths)}.")
    columns = [published_marks(hypnogram) for hypnogram in hypnograms]
    write_lines(path, (",".join((str(epoch), *marks)) for epoch, marks in enumerate(zip(*columns, strict=True))))


def published_marks(hypnogram: Hypnogram) -> list[str]:
    """Return `w n r`, `1 2 3` for artifacts, and `x` for unscored epochs."""
    marks = np.array([["w", "n", "r", _UNLABELLED_MARK], ["1", "2", "3", _UNLABELLED_MARK]])
    return [str(mark) for mark in marks[hypnogram.artifact.astype(int), hypnogram.codes]]


def labels_of_table(table: Table, epoch_s: float) -> Hypnogram:
    """Return the hypnogram of spindle's own CSV; also used where its probabilities are read."""
    stage, artifact = table.column("stage"), table.column("artifact")
    if stage is None:
        raise LabelError(f"{table.name} has no column 'stage'; it has {', '.join(table.header)}.")
    _check_grid(table, epoch_s)
    labels = []
    for row in table.body:
        label = parse_label(row.cells[stage])
        if label is None:
            raise LabelError(f"{table.where(row)}: the label '{row.cells[stage]}' is unknown. Known are {KNOWN}.")
        labels.append(Label(stage=label.stage, artifact=label.artifact or _flag(table, row, artifact)))
    return _hypnogram(labels, epoch_s)


def _read(path: Path, epochs: int | None, epoch_s: float) -> tuple[Hypnogram, ...]:
    head = first_bytes(path, 8)
    if len(head) == 8 and is_edf(head):
        return (_read_edf(path, epochs, epoch_s),)
    table = read_table(path)
    readers: dict[str, Callable[[], Hypnogram]] = {
        "brain_state": lambda: _read_accusleepy(table, epoch_s),
        "trial_type": lambda: _read_bids(table, epochs, epoch_s),
        "stage": lambda: labels_of_table(table, epoch_s),
    }
    reader = next((reader for column, reader in readers.items() if column in table.header), None)
    if reader is not None:
        if not table.body:
            raise LabelError(f"{table.name} holds a header and no labels.")
        return (reader(),)
    if len(table.header) > 1 and to_number(table.header[0]) is not None:
        return _read_published(table, epoch_s)
    raise LabelError(
        f"{table.name} is no label file that spindle knows: it starts with '{','.join(table.header)[:60]}', and has"
        " neither a number and a label per line, nor a column 'stage', 'brain_state' or 'trial_type'."
    )


def _read_published(table: Table, epoch_s: float) -> tuple[Hypnogram, ...]:
    first = table.integer(table.rows[0], 0)
    for epoch, row in enumerate(table.rows):
        # A line that is missing or doubled would shift every label after it.
        if table.integer(row, 0) != first + epoch:
            raise LabelError(f"{table.where(row)}: the number is {row.cells[0]}, where {first + epoch} should follow.")
    cells = [[cell.lower() for cell in row.cells[1:]] for row in table.rows]
    known = {*_PUBLISHED, *_UNLABELLED_MARKS}
    strange = [cell for row in cells for cell in row if cell not in known]
    total = len(cells) * len(cells[0])
    if 2 * len(strange) > total:
        raise LabelError(
            f"{table.name} is no table of labels: {len(strange):,} of {total:,} are none of w, n, r, 1, 2, 3, for"
            f" instance '{strange[0]}'."
        )
    for row in table.rows:
        for cell in row.cells[1:]:
            if len(cell) > 1:
                raise LabelError(f"{table.where(row)}: the label '{cell}' is unknown. Known are w, n, r, 1, 2, 3.")
    experts = zip(*cells, strict=True)
    return tuple(_hypnogram([_PUBLISHED.get(cell, _UNLABELLED) for cell in expert], epoch_s) for expert in experts)


def _read_accusleepy(table: Table, epoch_s: float) -> Hypnogram:
    column = table.header.index("brain_state")
    labels = []
    for row in table.body:
        digit = table.integer(row, column)
        if digit not in _ACCUSLEEPY:
            raise LabelError(
                f"{table.where(row)}: the brain state {row.cells[column]} is unknown. Known are 1 (REM), 2 (wake), "
                "3 (NREM), and 0 or -1 (undefined)."
            )
        labels.append(Label(stage=_ACCUSLEEPY[digit], artifact=False))
    return _hypnogram(labels, epoch_s)


def _read_bids(table: Table, epochs: int | None, epoch_s: float) -> Hypnogram:
    onset, duration, kind = (table.column(name) for name in ("onset", "duration", "trial_type"))
    artifact = table.column("artifact")
    if onset is None or duration is None or kind is None:
        raise LabelError(
            f"{table.name} needs the columns onset, duration and trial_type; it has {', '.join(table.header)}."
        )
    events = []
    for row in table.body:
        length = 0.0 if row.cells[duration].lower() in ("n/a", "") else table.number(row, duration)
        texts = [row.cells[kind]]
        if _flag(table, row, artifact):
            texts.append("artifact")
        where = f"line {row.line}"
        events += [Event(onset_s=table.number(row, onset), duration_s=length, text=text, where=where) for text in texts]
    return hypnogram_of_events(events, name=table.name, epoch_s=epoch_s, epochs=epochs)


def _read_edf(path: Path, epochs: int | None, epoch_s: float) -> Hypnogram:
    events = [
        Event(onset_s=note.onset_s, duration_s=note.duration_s, text=note.text, where=f"at {note.onset_s:.10g} s")
        for note in read_annotations(path).annotations
    ]
    return hypnogram_of_events(events, name=path.name, epoch_s=epoch_s, epochs=epochs)


def _flag(table: Table, row: Row, column: int | None) -> bool:
    """Read an artifact flag; without such a column nothing is an artifact."""
    text = "0" if column is None else row.cells[column]
    if text.lower() not in _FLAGS:
        raise LabelError(f"{table.where(row)}: artifact is '{text}', and can be 0 or 1.")
    return _FLAGS[text.lower()]


def _check_grid(table: Table, epoch_s: float) -> None:
    """Compare the columns `epoch` and `start_s`, where they exist, with the line's place."""
    number, start = table.column("epoch"), table.column("start_s")
    for epoch, row in enumerate(table.body):
        if number is not None and table.integer(row, number) != epoch:
            raise LabelError(f"{table.where(row)}: the epoch is {row.cells[number]}, where {epoch} should follow.")
        if start is not None and abs(table.number(row, start) - epoch * epoch_s) > _START_TOLERANCE * epoch_s:
            raise LabelError(
                f"{table.where(row)}: epoch {epoch} starts at {row.cells[start]} s; with epochs of {epoch_s:g} s it"
                f" would start at {epoch * epoch_s:.10g} s."
            )


def _hypnogram(labels: Sequence[Label], epoch_s: float) -> Hypnogram:
    stages = [label.stage or Stage.UNSCORED for label in labels]
    artifact = np.array([label.artifact for label in labels], dtype=bool)
    return Hypnogram(codes=np.array([s.code for s in stages], dtype=np.int8), artifact=artifact, epoch_s=epoch_s)

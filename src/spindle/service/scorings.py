"""Scorings: what people corrected, with undo and redo, and what is drawn, counted and downloaded of it.

Corrections are numbered rows. `Scoring.revision` is how many of them hold; whoever changes it holds the row's lock, so
that two changes at once follow each other. A correction made after an undo takes the place of what was undone.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from spindle.hypnogram import Stage
from spindle.outputs import Format, write_outputs
from spindle.report_page import write_report
from spindle.scores import Scores
from spindle.service.context import Context
from spindle.service.envelopes import ABOUT, About, read_window
from spindle.service.packed import packed
from spindle.service.problems import Problem
from spindle.service.scored import Change, Drawn, apply, corrected, in_short, load_drawn, load_scores
from spindle.service.tables import Correction, Scoring


class FileKind(StrEnum):
    """What can be downloaded of a scoring."""

    SCORES = "scores.csv"
    STAGES = "stages.csv"
    ARTIFACTS = "artifacts.csv"
    HYPNOGRAM = "hypnogram.edf"
    EVENTS = "events.tsv"
    REPORT = "report.html"

    @property
    def media_type(self) -> str:
        """The type that browsers are told."""
        return _MEDIA_TYPES[self.value.rpartition(".")[2]]


class Version(StrEnum):
    """With corrections or without; both are at the artifact threshold that is asked for."""

    CORRECTED = "corrected"
    ORIGINAL = "original"


@dataclass(frozen=True, kw_only=True)
class WindowWanted:
    """Epochs `first` to `last` in about `columns` columns; `whole` adds what is known of every epoch."""

    first: int
    last: int
    columns: int
    whole: bool


def file_key(scoring_id: str, name: str) -> str:
    """Where a file of a scoring lies."""
    return f"scorings/{scoring_id}/{name}"


def changes_of(session: Session, scoring: Scoring) -> list[Change]:
    """Give the corrections that hold, in their order."""
    rows = session.scalars(
        select(Correction)
        .where(Correction.scoring_id == scoring.id, Correction.number <= scoring.revision)
        .order_by(Correction.number)
    )
    return [
        Change(
            first=row.first, last=row.last, stage=None if row.stage is None else Stage(row.stage), artifact=row.artifact
        )
        for row in rows
    ]


def locked(session: Session, owner_id: str, scoring_id: str) -> Scoring | None:
    """Find a scoring of this account to change; others who want to change it wait for the end of the transaction."""
    wanted = select(Scoring).where(Scoring.id == scoring_id, Scoring.owner_id == owner_id)
    return session.scalars(wanted.with_for_update()).one_or_none()


def add_change(session: Session, scoring: Scoring, change: Change) -> None:
    """Add a correction to a scoring that is locked; what was undone before is gone. Errors: Problem 422."""
    if change.first > change.last or change.last >= scoring.epochs:
        raise Problem(
            422,
            f"Epochs {change.first} to {change.last} are not all among the scoring's, 0 to {scoring.epochs - 1}.",
        )
    if change.stage is None and change.artifact is None:
        raise Problem(422, "A correction sets a stage, an artifact flag, or both; this one sets nothing.")
    session.execute(delete(Correction).where(Correction.scoring_id == scoring.id, Correction.number > scoring.revision))
    scoring.revision += 1
    session.add(
        Correction(
            scoring_id=scoring.id,
            number=scoring.revision,
            first=change.first,
            last=change.last,
            stage=None if change.stage is None else change.stage.value,
            artifact=change.artifact,
        )
    )
    session.flush()


def step(session: Session, scoring: Scoring, by: int) -> Correction:
    """Undo (−1) or redo (+1) one correction of a scoring that is locked, and return it. Errors: Problem 409."""
    number = scoring.revision if by < 0 else scoring.revision + 1
    found = session.get(Correction, (scoring.id, number))
    if found is None:
        raise Problem(409, f"There is nothing to {'undo' if by < 0 else 'redo'}.")
    scoring.revision += by
    return found


def count_changes(session: Session, scoring_id: str) -> int:
    """Count corrections, also those that were undone and can be redone."""
    statement = select(func.count()).select_from(Correction).where(Correction.scoring_id == scoring_id)
    return session.scalar(statement) or 0


def load_now(
    context: Context, scoring: Scoring, *, threshold: float | None = None, version: Version = Version.CORRECTED
) -> Scores:
    """Read a scoring with the corrections that hold, at its own threshold or another. Errors: Problem 404."""
    return load_and_count(context, scoring, threshold=threshold, version=version)[0]


def load_and_count(
    context: Context, scoring: Scoring, *, threshold: float | None = None, version: Version = Version.CORRECTED
) -> tuple[Scores, int]:
    """Read a scoring as `load_now` does, and count the epochs that corrections changed. Errors: Problem 404."""
    with context.database.reading() as session:
        changes = changes_of(session, scoring) if version is Version.CORRECTED else []
    with _there(context, scoring, "scores.npz") as path:
        original = load_scores(path)
    scores = corrected(original, scoring.artifact_threshold if threshold is None else threshold, changes)
    same_states = scores.hypnogram.codes == original.hypnogram.codes
    same_flags = scores.hypnogram.artifact == original.at_threshold(scores.artifact_threshold)
    return scores, int((~(same_states & same_flags)).sum())


def refresh_summary(context: Context, scoring: Scoring) -> None:
    """Bring `Scoring.summary` up to date, unless somebody changed the scoring once more in the meantime."""
    summary = in_short(load_now(context, scoring))
    same = (Scoring.revision == scoring.revision, Scoring.artifact_threshold == scoring.artifact_threshold)
    with context.database.writing() as session:
        session.execute(update(Scoring).where(Scoring.id == scoring.id, *same).values(summary=summary))


def stages_between(
    context: Context, scoring: Scoring, changes: list[Change], first: int, last: int
) -> tuple[list[Stage], list[bool | None]]:
    """Give the states of some epochs, and what people said of their artifact flags. Errors: Problem 404."""
    with _there(context, scoring, "scores.npz") as path:
        now = apply(load_drawn(path).codes, changes)
    here = slice(first, last + 1)
    marks = [None if mark < 0 else bool(mark) for mark in now.marks[here].tolist()]
    return [Stage.of_code(code) for code in now.codes[here].tolist()], marks


def view(context: Context, scoring: Scoring, wanted: WindowWanted) -> bytes:
    """Make what a page draws of a window, as `spindle.service.packed` has it. Errors: Problem 404, 422."""
    if not 0 <= wanted.first <= wanted.last < scoring.epochs:
        raise Problem(422, f"Epochs {wanted.first} to {wanted.last} are no window of epochs 0 to {scoring.epochs - 1}.")
    with _there(context, scoring, "scores.npz") as path:
        drawn = load_drawn(path)
    words: dict[str, Any] = {"first": wanted.first, "last": wanted.last, "epochs": scoring.epochs}
    words["epoch_s"] = scoring.epoch_s
    arrays: dict[str, Any] = {}
    _add_spectrogram(words, arrays, drawn, wanted)
    _add_signals(context, scoring, words, arrays, wanted)
    if wanted.whole:
        _add_whole(context, scoring, words, arrays, drawn)
    return packed(words, arrays)


def write_file(scores: Scores, kind: FileKind, folder: Path) -> Path:
    """Write one file of a scoring into a folder of its own, and return its path. Errors: OutputError."""
    if kind is FileKind.REPORT:
        write_report(scores, folder / kind.value)
        return folder / kind.value
    written = write_outputs(scores, folder, [_FORMATS[kind]], "scoring")
    return next(path for path in written if path.name.endswith(f"_{kind.value}"))


def _change(row: Correction) -> Change:
    stage = None if row.stage is None else Stage(row.stage)
    return Change(first=row.first, last=row.last, stage=stage, artifact=row.artifact)


def _add_spectrogram(words: dict[str, Any], arrays: dict[str, Any], drawn: Drawn, wanted: WindowWanted) -> None:
    size = max(-(-(wanted.last + 1 - wanted.first) // wanted.columns), 1)
    # Columns begin at multiples of their width, as those of the signals do.
    first = wanted.first - wanted.first % size
    places = np.arange(first, wanted.last + 1, size) - first
    here = drawn.shades[first : wanted.last + 1].astype(np.uint32)
    total = np.add.reduceat(here, places, axis=0)
    known = np.maximum(np.add.reduceat((here > 0).astype(np.uint32), places, axis=0), 1)
    arrays["spectrogram"] = ((total + known // 2) // known).astype(np.uint8).T
    words["spectrogram"] = {"first": first, "size": size, "last": wanted.last}


def _add_signals(
    context: Context, scoring: Scoring, words: dict[str, Any], arrays: dict[str, Any], wanted: WindowWanted
) -> None:
    with _there(context, scoring, f"envelopes/{ABOUT}") as path:
        about = About.read(path)
    first_s, last_s = wanted.first * scoring.epoch_s, (wanted.last + 1) * scoring.epoch_s
    level = about.level_for(first_s, last_s, wanted.columns)
    with _there(context, scoring, f"envelopes/{level.name}.npy") as path:
        found = read_window(path, level, first_s, last_s, wanted.columns)
    arrays["signals"] = found.extremes
    words["signals"] = {"first_s": found.first_s, "column_s": found.column_s}
    if wanted.whole:
        words["channels"] = [vars(channel) for channel in about.channels]


def _add_whole(context: Context, scoring: Scoring, words: dict[str, Any], arrays: dict[str, Any], drawn: Drawn) -> None:
    with context.database.reading() as session:
        changes = changes_of(session, scoring)
        words["corrections"] = count_changes(session, scoring.id)
    now = apply(drawn.codes, changes)
    probability = np.rint(255 * np.nan_to_num(drawn.stage_probability)).astype(np.uint8)
    arrays["original"] = drawn.codes.astype(np.int8)
    arrays["codes"], arrays["marks"] = now.codes, now.marks
    arrays["stage_probability"] = probability.T
    arrays["artifact_probability"] = np.nan_to_num(drawn.artifact_probability)
    words["revision"], words["threshold"] = scoring.revision, scoring.artifact_threshold
    for name in ("name", "animal", "start", "model_name", "notes", "frequencies_hz", "shade_limits"):
        words[name] = drawn.words[name]


def _there(context: Context, scoring: Scoring, name: str) -> Any:
    key = file_key(scoring.id, name)
    if not context.files.exists(key):
        raise Problem(404, "The files of this scoring are gone; score the recording again.")
    return context.files.local(key)


_MEDIA_TYPES = {
    "csv": "text/csv; charset=utf-8",
    "tsv": "text/tab-separated-values; charset=utf-8",
    "edf": "application/octet-stream",
    "html": "text/html; charset=utf-8",
}
_FORMATS = {
    FileKind.SCORES: Format.CSV,
    FileKind.STAGES: Format.SERVICE,
    FileKind.ARTIFACTS: Format.SERVICE,
    FileKind.HYPNOGRAM: Format.EDF,
    FileKind.EVENTS: Format.BIDS,
}

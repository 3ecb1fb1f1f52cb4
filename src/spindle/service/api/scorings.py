"""Scorings: looking at one, correcting it, moving its artifact threshold, taking its files home."""

from __future__ import annotations

import re
from contextlib import ExitStack
from datetime import datetime
from pathlib import PurePath
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from fastapi.responses import FileResponse
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import select
from starlette.types import Receive, Scope, Send

from spindle.hypnogram import Stage
from spindle.service import scorings
from spindle.service.api.paging import Cursor, Limit, Page, one_page
from spindle.service.audit import note
from spindle.service.context import Context
from spindle.service.guard import InContext, SignedIn, own
from spindle.service.packed import MEDIA_TYPE
from spindle.service.problems import not_found
from spindle.service.scored import Change
from spindle.service.scorings import FileKind, Version
from spindle.service.sending import ALONE, disposition
from spindle.service.tables import Correction, Recording, Scoring
from spindle.summary import summarise

router = APIRouter(prefix="/scorings", tags=["scorings"])

MOST_COLUMNS = 4000
LONGEST_NAME = 120

Threshold = Annotated[float, Field(gt=0, lt=1)]
MaybeThreshold = Annotated[float | None, Query(gt=0, lt=1, description="artifact threshold; its own if left out")]
_ABSENT: dict[int | str, dict[str, Any]] = {404: {}}
_REFUSED: dict[int | str, dict[str, Any]] = {404: {}, 422: {}}


class ScoringShown(BaseModel):
    """The scoring of one animal. `revision` is how many corrections hold."""

    model_config = ConfigDict(from_attributes=True)
    id: str
    recording_id: str
    job_id: str
    animal: str
    model_name: str
    epochs: int
    epoch_s: float
    artifact_threshold: float
    revision: int
    summary: dict[str, Any]
    created_at: datetime


class ScoringChange(BaseModel):
    """What to change of a scoring."""

    artifact_threshold: Threshold


class NewCorrection(BaseModel):
    """Epochs `first` to `last`, counted from 0, both included; `stage` and `artifact` are left alone where missing."""

    first: int = Field(ge=0)
    last: int = Field(ge=0)
    stage: Stage | None = None
    artifact: bool | None = None


class CorrectionShown(BaseModel):
    """One correction; `holds` is false where it was undone."""

    model_config = ConfigDict(from_attributes=True)
    number: int
    first: int
    last: int
    stage: Stage | None
    artifact: bool | None
    made_at: datetime
    holds: bool = True


class CorrectionAnswer(BaseModel):
    """How epochs `first` to `last` stand now; an `artifact` of null follows the threshold.

    `revision` corrections hold; of all `corrections`, the rest can be redone.
    """

    revision: int
    corrections: int
    first: int
    last: int
    stages: list[Stage]
    artifact: list[bool | None]


class StateShown(BaseModel):
    """One state; a bout is a run of its epochs, which an artifact does not end."""

    state: Stage
    epochs: int
    hours: float
    share: float
    bouts: int
    mean_bout_s: float
    longest_bout_s: float


class SummaryShown(BaseModel):
    """A scoring in numbers, with corrections, at a threshold. Shares are parts of the scored epochs, 0 to 1."""

    threshold: float
    epochs: int
    scored: int
    hours: float
    states: list[StateShown]
    artifact_epochs: int
    artifact_share: float
    uncertain_epochs: int
    corrected_epochs: int


class TemporaryFile(FileResponse):
    """Sends a file, and closes what it came from when it was sent, or could not be."""

    def __init__(self, path: PurePath, stack: ExitStack, **options: Any) -> None:
        super().__init__(str(path), **options)
        self.stack = stack

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        with self.stack:
            await super().__call__(scope, receive, send)


@router.get("")
def list_scorings(
    user: SignedIn, context: InContext, recording: str | None = None, limit: Limit = 50, cursor: Cursor = None
) -> Page[ScoringShown]:
    """List one's scorings, newest first; `recording` is the id of the only one whose scorings are wanted."""
    statement = select(Scoring).where(Scoring.owner_id == user.id)
    if recording is not None:
        statement = statement.where(Scoring.recording_id == recording)
    with context.database.reading() as session:
        rows, following = one_page(session, statement, Scoring, limit, cursor)
    return Page[ScoringShown](items=[ScoringShown.model_validate(row) for row in rows], next=following)


@router.get("/{scoring_id}", responses=_ABSENT)
def show_scoring(scoring_id: str, user: SignedIn, context: InContext) -> ScoringShown:
    """Show one scoring."""
    return ScoringShown.model_validate(own(context, user, Scoring, scoring_id, "scoring"))


@router.patch("/{scoring_id}", responses=_REFUSED)
def change_scoring(scoring_id: str, wanted: ScoringChange, user: SignedIn, context: InContext) -> ScoringShown:
    """Move the artifact threshold; nothing is scored again."""
    with context.database.writing() as session:
        scoring = scorings.locked(session, user.id, scoring_id)
        if scoring is None:
            raise not_found("scoring")
        scoring.artifact_threshold = wanted.artifact_threshold
        note(session, user.id, "scoring.change", scoring_id)
    scorings.refresh_summary(context, scoring)
    return ScoringShown.model_validate(own(context, user, Scoring, scoring_id, "scoring"))


@router.delete("/{scoring_id}", status_code=204, responses=_ABSENT)
def delete_scoring(scoring_id: str, user: SignedIn, context: InContext) -> None:
    """Delete a scoring, its corrections and its files; the recording stays."""
    with context.database.writing() as session:
        scoring = scorings.locked(session, user.id, scoring_id)
        if scoring is None:
            raise not_found("scoring")
        session.delete(scoring)
        note(session, user.id, "scoring.delete", scoring_id)
    context.files.remove(f"scorings/{scoring_id}")


@router.get("/{scoring_id}/view", response_class=Response, responses=_REFUSED | {200: {"content": {MEDIA_TYPE: {}}}})
def view_scoring(
    scoring_id: str,
    user: SignedIn,
    context: InContext,
    first: Annotated[int, Query(ge=0)] = 0,
    last: Annotated[int | None, Query(ge=0, description="the last epoch, included; the end if left out")] = None,
    columns: Annotated[int, Query(ge=1, le=MOST_COLUMNS)] = 1200,
    whole: Annotated[bool, Query(description="add states and probabilities of every epoch")] = False,
) -> Response:
    """Get what a page draws of some epochs: spectrogram and signals, pooled to about `columns` columns.

    The answer is binary: 4 bytes with the length of a JSON record, the record, and arrays at the offsets it tells.
    """
    scoring = own(context, user, Scoring, scoring_id, "scoring")
    end = scoring.epochs - 1 if last is None else last
    wanted = scorings.WindowWanted(first=first, last=end, columns=columns, whole=whole)
    return Response(scorings.view(context, scoring, wanted), media_type=MEDIA_TYPE)


@router.get("/{scoring_id}/corrections", responses=_ABSENT)
def list_corrections(
    scoring_id: str, user: SignedIn, context: InContext, limit: Limit = 200, after: Annotated[int, Query(ge=0)] = 0
) -> list[CorrectionShown]:
    """List corrections from the first on; `after` is the number of the last one of the page before."""
    scoring = own(context, user, Scoring, scoring_id, "scoring")
    statement = select(Correction).where(Correction.scoring_id == scoring_id, Correction.number > after)
    with context.database.reading() as session:
        rows = session.scalars(statement.order_by(Correction.number).limit(limit)).all()
    found = [CorrectionShown.model_validate(row) for row in rows]
    return [one.model_copy(update={"holds": one.number <= scoring.revision}) for one in found]


@router.post("/{scoring_id}/corrections", status_code=201, responses=_REFUSED)
def correct(scoring_id: str, wanted: NewCorrection, user: SignedIn, context: InContext) -> CorrectionAnswer:
    """Change epochs. The scoring itself stays; corrections that were undone can no longer be redone."""
    change = Change(first=wanted.first, last=wanted.last, stage=wanted.stage, artifact=wanted.artifact)
    with context.database.writing() as session:
        scoring = scorings.locked(session, user.id, scoring_id)
        if scoring is None:
            raise not_found("scoring")
        scorings.add_change(session, scoring, change)
        note(session, user.id, "scoring.correct", scoring_id)
    return _answer(context, scoring, change.first, change.last)


@router.post("/{scoring_id}/undo", responses=_ABSENT | {409: {}})
def undo(scoring_id: str, user: SignedIn, context: InContext) -> CorrectionAnswer:
    """Take the last correction back."""
    return _step(context, user.id, scoring_id, -1)


@router.post("/{scoring_id}/redo", responses=_ABSENT | {409: {}})
def redo(scoring_id: str, user: SignedIn, context: InContext) -> CorrectionAnswer:
    """Make the correction that was undone last once more."""
    return _step(context, user.id, scoring_id, +1)


@router.get("/{scoring_id}/summary", responses=_REFUSED)
def summary_of_scoring(
    scoring_id: str,
    user: SignedIn,
    context: InContext,
    threshold: MaybeThreshold = None,
    version: Version = Version.CORRECTED,
) -> SummaryShown:
    """Count states, bouts and artifacts at a threshold, which nothing remembers."""
    scoring = own(context, user, Scoring, scoring_id, "scoring")
    scores, changed = scorings.load_and_count(context, scoring, threshold=threshold, version=version)
    found = summarise(scores)
    return SummaryShown(
        threshold=scores.artifact_threshold,
        epochs=found.epochs,
        scored=found.scored,
        hours=found.duration_s / 3600,
        states=[
            StateShown(
                state=one.stage,
                epochs=one.epochs,
                hours=one.duration_s / 3600,
                share=one.fraction,
                bouts=one.bouts,
                mean_bout_s=one.mean_bout_s,
                longest_bout_s=one.longest_bout_s,
            )
            for one in found.states
        ],
        artifact_epochs=found.artifacts,
        artifact_share=found.share(found.artifacts),
        uncertain_epochs=found.uncertain,
        corrected_epochs=changed,
    )


@router.get("/{scoring_id}/files/{kind}", response_class=Response, responses=_REFUSED)
def download(
    scoring_id: str,
    kind: FileKind,
    user: SignedIn,
    context: InContext,
    version: Version = Version.CORRECTED,
    threshold: MaybeThreshold = None,
) -> Response:
    """Download a scoring, with corrections or without, at its artifact threshold or another."""
    scoring = own(context, user, Scoring, scoring_id, "scoring")
    recording = own(context, user, Recording, scoring.recording_id, "recording")
    scores = scorings.load_now(context, scoring, threshold=threshold, version=version)
    stem = "_".join(part for part in (PurePath(recording.name).stem, scoring.animal) if part)
    marked = f"{stem}_original" if version is Version.ORIGINAL else stem
    with ExitStack() as stack:
        folder = stack.enter_context(context.files.working_folder())
        path = scorings.write_file(scores, kind, folder)
        headers = {"Content-Disposition": disposition(f"{safe_name(marked)}_{kind.value}")}
        if kind is FileKind.REPORT:
            headers["Content-Security-Policy"] = ALONE
        return TemporaryFile(path, stack.pop_all(), media_type=kind.media_type, headers=headers)


def safe_name(name: str) -> str:
    """Make of a user's name one that every system can save: letters, digits, and few signs."""
    return re.sub(r"[^\w .,()+=-]+", "_", name).strip(" ._")[:LONGEST_NAME] or "scoring"


def _step(context: Context, owner_id: str, scoring_id: str, by: int) -> CorrectionAnswer:
    with context.database.writing() as session:
        scoring = scorings.locked(session, owner_id, scoring_id)
        if scoring is None:
            raise not_found("scoring")
        moved = scorings.step(session, scoring, by)
        first, last = moved.first, moved.last
        note(session, owner_id, "scoring.undo" if by < 0 else "scoring.redo", scoring_id)
    return _answer(context, scoring, first, last)


def _answer(context: Context, scoring: Scoring, first: int, last: int) -> CorrectionAnswer:
    with context.database.reading() as session:
        changes = scorings.changes_of(session, scoring)
        count = scorings.count_changes(session, scoring.id)
    stages, artifact = scorings.stages_between(context, scoring, changes, first, last)
    scorings.refresh_summary(context, scoring)
    return CorrectionAnswer(
        revision=scoring.revision, corrections=count, first=first, last=last, stages=stages, artifact=artifact
    )

"""Recordings: adding, listing, choosing channels, scoring, downloading, deleting."""

from __future__ import annotations

import hashlib
from typing import Annotated, Literal

from fastapi import APIRouter, Header, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel, Field
from sqlalchemy import select
from starlette.concurrency import run_in_threadpool

from spindle.service import recordings, tables
from spindle.service.api.jobs import Job
from spindle.service.api.jobs import shown as shown_jobs
from spindle.service.api.paging import Cursor, Limit, Page, one_page
from spindle.service.api.recording_views import Recording, shown
from spindle.service.audit import note
from spindle.service.channel_choice import montages_of
from spindle.service.database import owned
from spindle.service.guard import InContext, SignedIn, own
from spindle.service.problems import not_found
from spindle.service.receiving import FILE_BODY, announced_bytes, receive
from spindle.service.sending import send_file
from spindle.service.tables import JobKind, JobState, new_id
from spindle.service.uploads import Incoming

router = APIRouter(prefix="/recordings", tags=["recordings"])

FileName = Annotated[str, Query(min_length=1, max_length=1000, description="what the file is called")]
Sha256 = Annotated[
    str | None,
    Header(alias="X-Checksum-SHA256", pattern="^[0-9a-fA-F]{64}$", description="what the file's SHA-256 should be"),
]
ChannelName = Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[^\x00]+$")]


class RecordingChange(BaseModel):
    """What to change of a recording; what is left out stays. No EEGs and no EMG leave the choice to the labels."""

    name: str | None = Field(default=None, min_length=1, max_length=1000)
    eeg: list[ChannelName] | None = Field(default=None, max_length=10)
    emg: ChannelName | None = None


class ScoreRequest(BaseModel):
    """How to score: `model` is `starter` or the id of one's own."""

    model: str = Field(default="starter", max_length=32)
    artifact_threshold: float = Field(default=0.5, gt=0, lt=1)
    method: Literal["spindle"] = "spindle"


@router.get("", responses={422: {}})
def list_recordings(
    user: SignedIn,
    context: InContext,
    search: Annotated[str | None, Query(max_length=200, description="part of the name")] = None,
    unscored: Annotated[bool, Query(description="only those without a scoring, and without a job for one")] = False,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[Recording]:
    """List one's own recordings, newest first."""
    table = tables.Recording
    statement = select(table).where(table.owner_id == user.id)
    if search:
        statement = statement.where(table.name.icontains(search.replace("\0", ""), autoescape=True))
    if unscored:
        active = (tables.Job.kind == JobKind.SCORE) & tables.Job.state.in_((JobState.QUEUED, JobState.RUNNING))
        statement = statement.where(
            ~select(tables.Scoring.id).where(tables.Scoring.recording_id == table.id).exists(),
            ~select(tables.Job.id).where(tables.Job.recording_id == table.id, active).exists(),
        )
    with context.database.reading() as session:
        rows, following = one_page(session, statement, table, limit, cursor)
        return Page[Recording](items=shown(session, rows), next=following)


@router.put(
    "", status_code=201, responses={200: {}, 400: {}, 408: {}, 413: {}, 422: {}, 507: {}}, openapi_extra=FILE_BODY
)
async def put_recording(
    name: FileName,
    request: Request,
    response: Response,
    user: SignedIn,
    context: InContext,
    expected: Sha256 = None,
) -> Recording:
    """Add a file in one piece: the body is the file itself. 201, or 200 where the account has it already."""
    shown_name = recordings.clean_name(name)
    announced = announced_bytes(request)
    await run_in_threadpool(recordings.check_room, context, user, shown_name, announced or 0)
    largest, left = context.settings.limits.largest_bytes, await run_in_threadpool(recordings.room, context, user)
    too_many = (
        recordings.too_large(context, shown_name) if largest <= left else recordings.no_quota(context, user, shown_name)
    )
    part, digest = Incoming(context.files, user.id).new_part(new_id()), hashlib.sha256()
    try:
        await receive(request, part, most=min(largest, left), too_many=too_many, sums=(digest,))
        accepted = await run_in_threadpool(
            recordings.accept, context, user, part, shown_name, digest.hexdigest(), expected
        )
    finally:
        part.unlink(missing_ok=True)
    response.status_code = 201 if accepted.is_new else 200
    return await run_in_threadpool(show_recording, accepted.recording.id, user, context)


@router.get("/{recording_id}", responses={404: {}})
def show_recording(recording_id: str, user: SignedIn, context: InContext) -> Recording:
    """Tell what is known of a recording."""
    row = own(context, user, tables.Recording, recording_id, "recording")
    with context.database.reading() as session:
        return shown(session, [row])[0]


@router.patch("/{recording_id}", responses={404: {}, 422: {}})
def change_recording(recording_id: str, wanted: RecordingChange, user: SignedIn, context: InContext) -> Recording:
    """Rename a recording, or say which channels are scored."""
    with context.database.writing() as session:
        row = owned(session, tables.Recording, user.id, recording_id)
        if row is None:
            raise not_found("recording")
        if wanted.name is not None:
            row.name = recordings.clean_name(wanted.name)
        if wanted.model_fields_set & {"eeg", "emg"}:
            eeg = list(wanted.eeg or []) if "eeg" in wanted.model_fields_set else row.eeg
            emg = wanted.emg if "emg" in wanted.model_fields_set else row.emg
            if eeg or emg is not None:
                montages_of(row, eeg, emg)
            row.eeg, row.emg = eeg, emg
        note(session, user.id, "recording.change", recording_id)
    return show_recording(recording_id, user, context)


@router.delete("/{recording_id}", status_code=204, responses={404: {}})
def delete_recording(recording_id: str, user: SignedIn, context: InContext) -> None:
    """Delete a recording and all that came of it: labels, jobs, scorings, corrections. There is no way back."""
    recordings.delete(context, user, recording_id)


@router.get("/{recording_id}/file", response_class=Response, responses={404: {}})
def download_recording(recording_id: str, user: SignedIn, context: InContext) -> Response:
    """Give the file as it was sent."""
    row = own(context, user, tables.Recording, recording_id, "recording")
    return send_file(context.files, row.file, row.name, "application/octet-stream")


@router.post("/{recording_id}/score", status_code=202, responses={404: {}, 422: {}})
def score_recording(recording_id: str, wanted: ScoreRequest, user: SignedIn, context: InContext) -> Job:
    """Score a recording, as a job. 422 with the reason where it is not clear which channels to take."""
    row = own(context, user, tables.Recording, recording_id, "recording")
    montages_of(row, row.eeg, row.emg)
    model: dict[str, str | None] = {"id": "starter", "file": None, "name": "starter"}
    if wanted.model != "starter":
        own_model = own(context, user, tables.Model, wanted.model, "model")
        model = {"id": own_model.id, "file": own_model.file, "name": own_model.name}
    request = {
        "recording": {"id": row.id, "file": row.file, "name": row.name},
        "eeg": row.eeg,
        "emg": row.emg,
        "model": model,
        "method": wanted.method,
        "artifact_threshold": wanted.artifact_threshold,
    }
    job = context.jobs.submit(user.id, JobKind.SCORE, title=f"Score {row.name}", request=request, recording_id=row.id)
    with context.database.writing() as session:
        note(session, user.id, "recording.score", row.id)
    with context.database.reading() as session:
        return shown_jobs(session, [job])[0]

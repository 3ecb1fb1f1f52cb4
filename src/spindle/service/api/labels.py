"""Experts' labels of recordings, from which models learn."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from fastapi import APIRouter, Request
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict
from sqlalchemy import select
from starlette.concurrency import run_in_threadpool

from spindle.errors import LabelError
from spindle.labels import read_labels
from spindle.recording import EPOCH_S
from spindle.service import recordings, tables
from spindle.service.api.recordings import FileName
from spindle.service.audit import note
from spindle.service.channel_choice import choice_of
from spindle.service.context import Context
from spindle.service.database import owned
from spindle.service.guard import InContext, SignedIn, User, own
from spindle.service.inspection import renamed
from spindle.service.problems import not_found
from spindle.service.receiving import FILE_BODY, full_disk_is_a_problem, receive
from spindle.service.sending import send_file
from spindle.service.tables import new_id
from spindle.service.uploads import Incoming

router = APIRouter(tags=["labels"])

LARGEST_BYTES = 32 * 2**20
"""A week of 4-s epochs in the longest format has a fifth of it."""


class LabelFile(BaseModel):
    """A file of labels, of one or several experts."""

    model_config = ConfigDict(from_attributes=True)
    id: str
    recording_id: str
    name: str
    epochs: int
    created_at: datetime


@router.put(
    "/recordings/{recording_id}/labels",
    status_code=201,
    responses={400: {}, 404: {}, 408: {}, 413: {}, 422: {}, 507: {}},
    openapi_extra=FILE_BODY,
)
async def put_labels(
    recording_id: str, name: FileName, request: Request, user: SignedIn, context: InContext
) -> LabelFile:
    """Add a file of labels, in any format that `spindle train` reads; the body is the file itself."""
    row = await run_in_threadpool(own, context, user, tables.Recording, recording_id, "recording")
    shown_name = recordings.clean_name(name)
    part = Incoming(context.files, user.id).new_part(new_id())
    try:
        too_many = f"{shown_name} is larger than a file of labels can be."
        await receive(request, part, most=LARGEST_BYTES, too_many=too_many)
        return await run_in_threadpool(_keep, context, user, row, part, shown_name)
    finally:
        part.unlink(missing_ok=True)


@router.get("/recordings/{recording_id}/labels", responses={404: {}})
def list_labels(recording_id: str, user: SignedIn, context: InContext) -> list[LabelFile]:
    """List the labels of a recording, newest first."""
    own(context, user, tables.Recording, recording_id, "recording")
    statement = select(tables.LabelFile).where(
        tables.LabelFile.owner_id == user.id, tables.LabelFile.recording_id == recording_id
    )
    with context.database.reading() as session:
        rows = session.scalars(statement.order_by(tables.LabelFile.created_at.desc())).all()
    return [LabelFile.model_validate(row) for row in rows]


@router.get("/labels/{label_id}/file", response_class=Response, responses={404: {}})
def download_labels(label_id: str, user: SignedIn, context: InContext) -> Response:
    """Give the file as it was sent."""
    row = own(context, user, tables.LabelFile, label_id, "label file")
    return send_file(context.files, row.file, row.name, "application/octet-stream")


@router.delete("/labels/{label_id}", status_code=204, responses={404: {}})
def delete_labels(label_id: str, user: SignedIn, context: InContext) -> None:
    """Delete a file of labels. Models that learned from it stay."""
    with context.database.writing() as session:
        row = owned(session, tables.LabelFile, user.id, label_id)
        if row is None:
            raise not_found("label file")
        session.delete(row)
        note(session, user.id, "labels.delete", label_id)
    context.files.remove(f"labels/{label_id}")


def _keep(context: Context, user: User, recording: tables.Recording, part: Path, name: str) -> LabelFile:
    epochs = choice_of(recording).epochs
    if epochs is None:
        epochs = int(recording.duration_s / EPOCH_S + 1e-6)
    try:
        read_labels(part, epochs=epochs, recording=recording.name)
    except LabelError as error:
        raise LabelError(renamed(str(error), part, name)) from None
    key = new_id()
    row = tables.LabelFile(
        id=key, owner_id=user.id, recording_id=recording.id, name=name, file=f"labels/{key}/labels", epochs=epochs
    )
    with full_disk_is_a_problem():
        context.files.put(part, row.file)
    with context.database.writing() as session:
        still_there = owned(session, tables.Recording, user.id, recording.id) is not None
        if still_there:
            session.add(row)
            note(session, user.id, "labels.add", key)
    if not still_there:
        context.files.remove(f"labels/{key}")
        raise not_found("recording")
    return LabelFile.model_validate(row)

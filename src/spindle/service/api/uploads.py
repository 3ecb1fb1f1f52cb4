"""Uploads that go on after an interruption: the tus protocol, version 1.0.0, for which every language has clients.

An upload is made with its length, receives pieces at its offset, and becomes a recording with its last piece: the
header `Recording-Id` of that answer says which. Who lost the answer asks again.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
import re
from email.utils import format_datetime
from typing import Annotated, Any

from fastapi import APIRouter, Header, Request
from fastapi.responses import Response
from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool

from latentia.errors import LatentiaError
from spindle.service import recordings
from spindle.service.context import Context
from spindle.service.guard import InContext, SignedIn, User
from spindle.service.problems import Problem, not_found
from spindle.service.receiving import announced_bytes, full_disk_is_a_problem, receive
from spindle.service.uploads import Incoming, Upload, UploadBusy, sweep

router = APIRouter(prefix="/uploads", tags=["uploads"])

VERSION = "1.0.0"
PIECE = "application/offset+octet-stream"
EXTENSIONS = "creation,expiration,checksum,termination"
ALGORITHMS = ("sha256", "sha1", "md5")
CHECKSUM_MISMATCH = 460
MOST_UNFINISHED = 100
"""So many uploads of one account may be on their way."""

Version = Annotated[str | None, Header(alias="Tus-Resumable", description=f"the protocol's version, {VERSION}")]
Size = Annotated[int | None, Header(ge=0, lt=2**60)]


class UploadState(BaseModel):
    """An upload. `mark` is what its sender put into the metadata to know the file by."""

    id: str
    name: str
    mark: str
    length: int
    offset: int
    recording_id: str | None


@router.options("", status_code=204)
def tell_abilities(user: SignedIn, context: InContext, response: Response) -> None:
    """Tell what of the protocol is spoken here."""
    response.headers.update(
        {
            "Tus-Resumable": VERSION,
            "Tus-Version": VERSION,
            "Tus-Extension": EXTENSIONS,
            "Tus-Checksum-Algorithm": ",".join(ALGORITHMS),
            "Tus-Max-Size": str(context.settings.limits.largest_bytes),
        }
    )


@router.get("")
def list_uploads(user: SignedIn, context: InContext) -> list[UploadState]:
    """List one's own uploads that have not ended."""
    incoming = Incoming(context.files, user.id)
    return [_state(incoming, upload) for upload in incoming.unfinished()]


@router.post("", status_code=201, responses={400: {}, 409: {}, 412: {}, 413: {}, 422: {}, 507: {}})
def begin_upload(
    user: SignedIn,
    context: InContext,
    response: Response,
    version: Version = None,
    upload_length: Size = None,
    upload_metadata: Annotated[str, Header(max_length=8000)] = "",
) -> None:
    """Begin an upload of `Upload-Length` bytes. `Upload-Metadata` has `filename`, and may have `sha256` and `mark`."""
    _check_version(version)
    if upload_length is None:
        raise Problem(400, "The header Upload-Length is missing: how many bytes the file has.")
    metadata = _metadata(upload_metadata)
    name = recordings.clean_name(metadata.get("filename") or metadata.get("name", ""))
    sha256 = metadata.get("sha256")
    if sha256 is not None and not re.fullmatch(r"[0-9a-fA-F]{64}", sha256):
        raise Problem(400, "The metadata's sha256 is no SHA-256, which has 64 hexadecimal digits.")
    if upload_length == 0:
        raise Problem(422, f"{name} is empty.")
    sweep(context.files)
    incoming = Incoming(context.files, user.id)
    if len(incoming.unfinished()) >= MOST_UNFINISHED:
        raise Problem(409, f"{MOST_UNFINISHED} uploads have not ended; end or discard some of them.")
    recordings.check_room(context, user, name, upload_length)
    with full_disk_is_a_problem():
        upload = incoming.begin(name, upload_length, mark=metadata.get("mark", "")[:1000], sha256=sha256)
    response.headers["Location"] = f"/api/v1/uploads/{upload.id}"
    _tell(response, incoming, upload)


@router.head("/{upload_id}", responses={404: {}, 412: {}, 422: {}})
def tell_offset(
    upload_id: str, user: SignedIn, context: InContext, response: Response, version: Version = None
) -> None:
    """Tell how much has arrived. What has arrived whole becomes a recording now, if it is none yet."""
    incoming, upload = _find(context, user, upload_id)
    _check_version(version)
    upload = _finish_if_whole(context, user, upload)
    response.headers["Upload-Length"] = str(upload.length)
    _tell(response, incoming, upload)


@router.get("/{upload_id}", responses={404: {}, 422: {}})
def show_upload(upload_id: str, user: SignedIn, context: InContext) -> UploadState:
    """Tell the same as JSON, and what is wrong with a file that has arrived whole."""
    incoming, upload = _find(context, user, upload_id)
    return _state(incoming, _finish_if_whole(context, user, upload))


@router.patch(
    "/{upload_id}",
    status_code=204,
    responses={code: {} for code in (400, 404, 408, 409, 412, 413, 415, 422, 423, CHECKSUM_MISMATCH, 507)},
    openapi_extra={
        "requestBody": {"content": {PIECE: {"schema": {"type": "string", "format": "binary"}}}},
    },
)
async def add_piece(
    upload_id: str,
    request: Request,
    response: Response,
    user: SignedIn,
    context: InContext,
    version: Version = None,
    upload_offset: Size = None,
    upload_checksum: Annotated[str | None, Header(max_length=200)] = None,
) -> None:
    """Add the body at `Upload-Offset`, which is where the last piece ended."""
    incoming, upload = await run_in_threadpool(_find, context, user, upload_id)
    _check_version(version)
    if request.headers.get("Content-Type") != PIECE:
        raise Problem(415, f"A piece has the content type {PIECE}.")
    digest, expected = _checksum(upload_checksum)
    try:
        with incoming.held(upload):
            # Who held it before may have ended it.
            upload = incoming.find(upload_id) or upload
            offset = incoming.offset(upload)
            if upload_offset != offset:
                raise Problem(409, f"{offset} bytes have arrived, and the piece begins at {upload_offset}.")
            if upload.recording_id is None:
                await _receive(request, incoming, upload, digest, expected)
                upload = await run_in_threadpool(_accept_if_whole, context, user, incoming, upload)
    except UploadBusy:
        raise _busy() from None
    _tell(response, incoming, upload)


@router.delete("/{upload_id}", status_code=204, responses={404: {}, 412: {}, 423: {}})
def discard_upload(
    upload_id: str, user: SignedIn, context: InContext, response: Response, version: Version = None
) -> None:
    """Forget an upload, and what has arrived of it. A recording that it became stays."""
    incoming, upload = _find(context, user, upload_id)
    try:
        with incoming.held(upload):
            incoming.remove(upload)
    except UploadBusy:
        raise _busy() from None
    response.headers["Tus-Resumable"] = VERSION


async def _receive(request: Request, incoming: Incoming, upload: Upload, digest: Any, expected: bytes) -> None:
    part, offset = incoming.part(upload), incoming.offset(upload)
    left = upload.length - offset
    too_many = f"{upload.name} was announced with {upload.length} bytes; this piece would make it longer."
    if (announced_bytes(request) or 0) > left:
        raise Problem(413, too_many)
    try:
        await receive(request, part, most=left, too_many=too_many, sums=() if digest is None else (digest,))
        fits = digest is None or hmac.compare_digest(digest.digest(), expected)
    except Problem as problem:
        if problem.status == 507:
            # The disk needs the room more than the sender needs what has come so far.
            incoming.remove(upload)
        elif digest is not None:
            # A piece with a checksum counts whole or not at all.
            os.truncate(part, offset)
        raise
    if not fits:
        os.truncate(part, offset)
        raise Problem(CHECKSUM_MISMATCH, "The piece arrived with another checksum than its sender's; send it again.")


def _finish_if_whole(context: Context, user: User, upload: Upload) -> Upload:
    """Make a recording of what was whole when the program died. What somebody works on now is left to them."""
    incoming = Incoming(context.files, user.id)
    if upload.recording_id is not None or incoming.offset(upload) < upload.length:
        return upload
    try:
        with incoming.held(upload):
            return _accept_if_whole(context, user, incoming, incoming.find(upload.id) or upload)
    except UploadBusy:
        return upload


def _accept_if_whole(context: Context, user: User, incoming: Incoming, upload: Upload) -> Upload:
    """Make a recording of a whole upload; one that cannot be a recording is forgotten. Only while it is held."""
    if upload.recording_id is not None or incoming.offset(upload) < upload.length:
        return upload
    part = incoming.part(upload)
    try:
        accepted = recordings.accept(
            context, user, part, upload.name, recordings.sha256_of(part), expected=upload.sha256
        )
    except (LatentiaError, Problem):
        incoming.remove(upload)
        raise
    return incoming.finish(upload, accepted.recording.id)


def _find(context: Context, user: User, key: str) -> tuple[Incoming, Upload]:
    incoming = Incoming(context.files, user.id)
    upload = incoming.find(key)
    if upload is None:
        raise not_found("upload")
    return incoming, upload


def _state(incoming: Incoming, upload: Upload) -> UploadState:
    return UploadState(
        id=upload.id,
        name=upload.name,
        mark=upload.mark,
        length=upload.length,
        offset=incoming.offset(upload),
        recording_id=upload.recording_id,
    )


def _tell(response: Response, incoming: Incoming, upload: Upload) -> None:
    response.headers["Tus-Resumable"] = VERSION
    response.headers["Upload-Offset"] = str(incoming.offset(upload))
    response.headers["Upload-Expires"] = format_datetime(incoming.expires_at(upload), usegmt=True)
    if upload.recording_id is not None:
        response.headers["Recording-Id"] = upload.recording_id


def _busy() -> Problem:
    return Problem(423, "Another request is adding to this upload; wait until it has ended.")


def _check_version(version: str | None) -> None:
    if version != VERSION:
        raise Problem(412, f"The header Tus-Resumable must be {VERSION}.", headers={"Tus-Version": VERSION})


def _checksum(text: str | None) -> tuple[Any, bytes]:
    """Read `ALGORITHM BASE64`. Errors: Problem 400."""
    if text is None:
        return None, b""
    algorithm, _, value = text.partition(" ")
    if algorithm not in ALGORITHMS:
        raise Problem(400, f"The checksum '{algorithm[:20]}' is not known here; known are {', '.join(ALGORITHMS)}.")
    return hashlib.new(algorithm, usedforsecurity=False), _decoded(value)


def _metadata(text: str) -> dict[str, str]:
    """Read `name BASE64,name BASE64`. Errors: Problem 400."""
    pairs = (pair.strip().partition(" ") for pair in text.split(",") if pair.strip())
    return {name: _decoded(value).decode("utf-8", "replace") for name, _, value in pairs}


def _decoded(value: str) -> bytes:
    try:
        return base64.b64decode(value, validate=True)
    except (ValueError, binascii.Error):
        raise Problem(400, f"'{value[:40]}' is not base64.") from None

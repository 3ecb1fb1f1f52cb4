"""Sending a file so that it arrives whole: in pieces, each with its checksum, and on from where a connection broke.

The tus protocol, version 1.0.0. An upload bears the file's SHA-256 as its mark, by which another run of the program
finds it and goes on with it.
"""

from __future__ import annotations

import base64
import hashlib
import time
from collections.abc import Callable
from pathlib import Path

import httpx

from spindle.errors import RecordingError, RemoteError
from spindle.remote.connection import AGAIN, FIRST_PAUSE_S, LONGEST_PAUSE_S, LOST, Connection, Json, check

PIECE = 8 * 2**20
VERSION = {"Tus-Resumable": "1.0.0"}
LATER = AGAIN | LOST | {409, 423, 460}
"""Answers after which the service is asked where to go on: another offset, a piece still being written or damaged."""

Progress = Callable[[str, float, str], None]


def sha256_of(path: Path, progress: Progress) -> str:
    """Return the checksum of a file. Errors: OSError."""
    digest, size, done = hashlib.sha256(), max(1, path.stat().st_size), 0
    with path.open("rb") as file:
        while block := file.read(PIECE):
            digest.update(block)
            done += len(block)
            progress("Reading", done / size, path.name)
    return digest.hexdigest()


def send(connection: Connection, path: Path, sha256: str, progress: Progress) -> str:
    """Send a file, or the rest of it, and return the id of the recording that it became.

    Errors: RecordingError for a file that is empty or changes meanwhile; RemoteError with the service's own sentence.
    """
    size = path.stat().st_size
    if size == 0:
        raise RecordingError(f"{path.name} is empty.")
    upload = _begun(connection, sha256, size) or _begin(connection, path, sha256, size)
    offset, heard, pause_s = _state(connection, upload)["offset"], time.monotonic(), FIRST_PAUSE_S
    with path.open("rb") as file:
        while True:
            file.seek(offset)
            piece = file.read(PIECE)
            if not piece and offset < size:
                raise RecordingError(f"{path.name} became shorter while it was sent.")
            progress("Sending", offset / size, path.name)
            answer = _send_piece(connection, upload, offset, piece)
            if answer is not None and answer.status_code not in LATER:
                check(answer, connection.address)
                offset, heard, pause_s = int(answer.headers["Upload-Offset"]), time.monotonic(), FIRST_PAUSE_S
                if "Recording-Id" in answer.headers:
                    progress("Sending", 1.0, path.name)
                    return answer.headers["Recording-Id"]
                continue
            if time.monotonic() - heard > connection.patience_s:
                if answer is not None:
                    check(answer, connection.address)
                raise RemoteError(
                    f"{connection.address} does not answer. {path.name} is there to {offset / size:.0%}; "
                    "send it again, and the rest will follow."
                )
            time.sleep(pause_s)
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
            state = _state(connection, upload)
            if state["recording_id"] is not None:
                return str(state["recording_id"])
            offset = state["offset"]


def _send_piece(connection: Connection, upload: str, offset: int, piece: bytes) -> httpx.Response | None:
    """Send a piece; None where there was no answer."""
    checksum = base64.b64encode(hashlib.sha256(piece).digest()).decode()
    headers = {
        **VERSION,
        "Upload-Offset": str(offset),
        "Upload-Checksum": f"sha256 {checksum}",
        "Content-Type": "application/offset+octet-stream",
    }
    try:
        return connection.http.patch(f"/uploads/{upload}", headers=headers, content=piece)
    except httpx.TransportError:
        return None


def _begun(connection: Connection, sha256: str, size: int) -> str | None:
    """Find an upload of the same file that has not ended."""
    for upload in connection.ask("GET", "/uploads"):
        if upload["mark"] == sha256 and upload["length"] == size:
            return str(upload["id"])
    return None


def _begin(connection: Connection, path: Path, sha256: str, size: int) -> str:
    said = {"filename": path.name, "sha256": sha256, "mark": sha256}
    metadata = ",".join(f"{name} {base64.b64encode(value.encode()).decode()}" for name, value in said.items())
    headers = {**VERSION, "Upload-Length": str(size), "Upload-Metadata": metadata}
    # Asked again when there was no answer: an upload that was begun twice is empty, and forgotten after a while.
    answer = connection.patiently(lambda: connection.http.post("/uploads", headers=headers))
    check(answer, connection.address)
    return answer.headers["Location"].rstrip("/").rpartition("/")[2]


def _state(connection: Connection, upload: str) -> Json:
    found: Json = connection.ask("GET", f"/uploads/{upload}")
    return found

"""Uploads in pieces, as a tus client sends them, and how they are cut short."""

from __future__ import annotations

import base64
import errno
import hashlib
import json
import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import update
from tests.spindle.service.recording_files import edf_bytes, files_of, nothing_left

from spindle.service import receiving
from spindle.service.context import Context
from spindle.service.tables import Account
from spindle.service.uploads import KEPT_FOR, Incoming, sweep

UPLOADS = "/api/v1/uploads"
TUS = {"Tus-Resumable": "1.0.0"}


@pytest.fixture
def edf(tmp_path: Path) -> bytes:
    return edf_bytes(tmp_path)


def metadata(**values: str) -> str:
    return ",".join(f"{name} {base64.b64encode(value.encode()).decode()}" for name, value in values.items())


def begin(client: TestClient, length: int, **values: str) -> Any:
    told = metadata(**({"filename": "mouse07.edf"} | values))
    return client.post(UPLOADS, headers={**TUS, "Upload-Length": str(length), "Upload-Metadata": told})


def begun(client: TestClient, length: int, **values: str) -> str:
    answer = begin(client, length, **values)
    assert answer.status_code == 201, answer.text
    return answer.headers["Location"]


def piece(client: TestClient, place: str, offset: int, content: bytes, **more: str) -> Any:
    headers = {"Content-Type": "application/offset+octet-stream", "Upload-Offset": str(offset), **TUS, **more}
    return client.patch(place, content=content, headers=headers)


def test_a_file_in_pieces_becomes_a_recording(context: Context, ann: TestClient, edf: bytes) -> None:
    place = begun(ann, len(edf), sha256=hashlib.sha256(edf).hexdigest())
    first = piece(ann, place, 0, edf[:10_000])
    assert (first.status_code, first.headers["Upload-Offset"]) == (204, "10000")
    asked = ann.head(place, headers=TUS)
    assert (asked.headers["Upload-Offset"], asked.headers["Upload-Length"]) == ("10000", str(len(edf)))
    last = piece(ann, place, 10_000, edf[10_000:])
    assert (last.status_code, last.headers["Upload-Offset"]) == (204, str(len(edf)))
    made = last.headers["Recording-Id"]
    assert ann.get(f"/api/v1/recordings/{made}/file").content == edf
    # Whoever lost the answer learns it by asking, or by sending the end again.
    assert ann.head(place, headers=TUS).headers["Recording-Id"] == made
    assert piece(ann, place, len(edf), b"").headers["Recording-Id"] == made
    assert ann.get(UPLOADS).json() == []


def test_the_same_file_again_becomes_the_same_recording(context: Context, ann: TestClient, edf: bytes) -> None:
    made = [piece(ann, begun(ann, len(edf)), 0, edf).headers["Recording-Id"] for _ in range(2)]
    assert made[0] == made[1]


def test_a_broken_upload_goes_on_where_the_disk_is(context: Context, ann: Any, edf: bytes) -> None:
    """What a killed program had written is there, although nobody wrote down how much it was."""
    place = begun(ann, len(edf), mark="mouse07.edf 12345")
    incoming = Incoming(context.files, ann.account_id)
    upload = incoming.unfinished()[0]
    incoming.part(upload).write_bytes(edf[:12_345])
    found = ann.get(UPLOADS).json()[0]
    assert (found["mark"], found["offset"]) == ("mouse07.edf 12345", 12_345)
    assert piece(ann, place, 12_345, edf[12_345:]).headers["Recording-Id"]


def test_what_was_whole_when_the_program_died_becomes_a_recording(context: Context, ann: Any, edf: bytes) -> None:
    place = begun(ann, len(edf))
    incoming = Incoming(context.files, ann.account_id)
    incoming.part(incoming.unfinished()[0]).write_bytes(edf)
    assert ann.head(place, headers=TUS).headers["Recording-Id"]


@pytest.mark.parametrize("offset", [0, 999, 1001])
def test_a_piece_at_another_offset_changes_nothing(ann: TestClient, edf: bytes, offset: int) -> None:
    place = begun(ann, len(edf))
    piece(ann, place, 0, edf[:1000])
    assert piece(ann, place, offset, b"x" * 10).status_code == 409
    assert ann.head(place, headers=TUS).headers["Upload-Offset"] == "1000"


def test_two_cannot_add_to_one_upload_at_once(context: Context, ann: Any, edf: bytes) -> None:
    place = begun(ann, len(edf))
    incoming = Incoming(context.files, ann.account_id)
    with incoming.held(incoming.unfinished()[0]):
        assert piece(ann, place, 0, edf).status_code == 423
        assert ann.delete(place, headers=TUS).status_code == 423
    assert piece(ann, place, 0, edf).status_code == 204


@pytest.mark.parametrize("algorithm", ["sha256", "sha1", "md5"])
def test_a_piece_with_a_wrong_checksum_does_not_count(ann: TestClient, edf: bytes, algorithm: str) -> None:
    place = begun(ann, len(edf))
    checksum = f"{algorithm} {base64.b64encode(hashlib.new(algorithm, edf[:1000]).digest()).decode()}"
    wrong = piece(ann, place, 0, b"x" + edf[1:1000], **{"Upload-Checksum": checksum})
    assert (wrong.status_code, wrong.json()["title"]) == (460, "Checksum Mismatch")
    assert ann.head(place, headers=TUS).headers["Upload-Offset"] == "0"
    assert piece(ann, place, 0, edf[:1000], **{"Upload-Checksum": checksum}).status_code == 204


def test_a_file_with_another_checksum_than_announced_is_refused(context: Context, ann: TestClient, edf: bytes) -> None:
    answer = piece(ann, begun(ann, len(edf), sha256="0" * 64), 0, edf)
    assert (answer.status_code, "checksum" in answer.json()["detail"]) == (422, True)
    assert nothing_left(context)


def test_what_is_no_recording_is_refused_at_its_end(context: Context, ann: TestClient) -> None:
    place = begun(ann, 10, filename="a/b/notes.txt")
    answer = piece(ann, place, 0, b"0123456789")
    assert answer.status_code == 422
    assert answer.json()["detail"] == "notes.txt is not an EDF or BDF file: it does not start like one."
    assert ann.head(place, headers=TUS).status_code == 404
    assert nothing_left(context)


def test_a_piece_longer_than_announced_is_refused(context: Context, ann: TestClient) -> None:
    place = begun(ann, 10)
    answers = [piece(ann, place, 0, b"x" * 11), piece(ann, place, 0, iter([b"x" * 6, b"x" * 6]))]  # type: ignore[arg-type]
    assert [answer.status_code for answer in answers] == [413, 413]


def test_what_is_too_large_cannot_begin(context: Context, ann: Any) -> None:
    assert begin(ann, 10**10).status_code == 413
    with context.database.writing() as session:
        session.execute(update(Account).where(Account.id == ann.account_id).values(quota_bytes=1000))
    assert begin(ann, 600).status_code == 201
    second = begin(ann, 600)
    assert (second.status_code, "600 bytes are uploads that have not ended" in second.json()["detail"]) == (413, True)
    assert begin(ann, 0).status_code == 422
    assert len(ann.get(UPLOADS).json()) == 1


def test_a_full_disk_ends_an_upload(
    context: Context, ann: TestClient, edf: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    place = begun(ann, len(edf))
    monkeypatch.setattr(receiving._Writer, "write", full)
    answer = piece(ann, place, 0, edf)
    assert (answer.status_code, "disk is full" in answer.json()["detail"]) == (507, True)
    assert nothing_left(context)


def test_a_discarded_upload_leaves_nothing(context: Context, ann: TestClient, edf: bytes) -> None:
    place = begun(ann, len(edf))
    piece(ann, place, 0, edf[:1000])
    assert ann.delete(place, headers=TUS).status_code == 204
    assert ann.head(place, headers=TUS).status_code == 404
    assert nothing_left(context)


def test_an_upload_that_nobody_goes_on_with_is_swept_away(context: Context, ann: Any, edf: bytes) -> None:
    place, kept = begun(ann, len(edf)), begun(ann, len(edf))
    key = place.rpartition("/")[2]
    folder = context.files.scratch / "incoming" / ann.account_id
    (folder / f"{'a' * 32}.part").write_bytes(b"of a program that died")
    long_ago = time.time() - KEPT_FOR.total_seconds() - 1
    for path in folder.iterdir():
        if not path.name.startswith(kept.rpartition("/")[2]):
            os.utime(path, (long_ago, long_ago))
    assert ann.head(place, headers=TUS).status_code == 404
    sweep(context.files)
    assert not [path for path in folder.iterdir() if path.name.startswith((key, "aaaa"))]
    assert ann.head(kept, headers=TUS).status_code == 200


@pytest.mark.parametrize("key", ["..", "%2e%2e%2fx", "a" * 32, "x" * 300, "A" * 32])
def test_an_upload_that_is_none_is_not_there(ann: TestClient, key: str) -> None:
    assert ann.head(f"{UPLOADS}/{key}", headers=TUS).status_code in (404, 405)


def test_names_are_never_paths(context: Context, ann: Any, edf: bytes) -> None:
    begun(ann, len(edf), filename="../../../evil\x00.edf")
    assert [upload["name"] for upload in ann.get(UPLOADS).json()] == ["evil .edf"]
    assert all(Path(name).name != "evil" for name in files_of(context))
    words = next((context.files.scratch / "incoming" / ann.account_id).glob("*.json"))
    assert json.loads(words.read_text())["name"] == "evil .edf"


def test_others_find_no_upload(ann: TestClient, bob: TestClient, nobody: TestClient, edf: bytes) -> None:
    place = begun(ann, len(edf))
    for client, status in ((bob, 404), (nobody, 401)):
        answers = [
            client.head(place, headers=TUS),
            client.get(place),
            piece(client, place, 0, edf),
            client.delete(place, headers=TUS),
        ]
        assert [answer.status_code for answer in answers] == [status] * 4
    assert bob.get(UPLOADS).json() == []
    assert begin(nobody, 10).status_code == 401


def test_requests_that_tus_does_not_know_are_refused(ann: TestClient, edf: bytes) -> None:
    place = begun(ann, len(edf))
    assert ann.post(UPLOADS, headers={"Upload-Length": "10"}).status_code == 412
    assert ann.post(UPLOADS, headers=TUS).status_code == 400
    assert ann.post(UPLOADS, headers={**TUS, "Upload-Length": "many"}).status_code == 422
    assert ann.post(UPLOADS, headers={**TUS, "Upload-Length": "9", "Upload-Metadata": "filename ?"}).status_code == 400
    assert piece(ann, place, 0, edf, **{"Content-Type": "text/plain"}).status_code == 415
    assert piece(ann, place, 0, edf, **{"Upload-Checksum": "crc32 AAAA"}).status_code == 400
    told = ann.options(UPLOADS)
    assert (told.status_code, told.headers["Tus-Extension"]) == (204, "creation,expiration,checksum,termination")


def test_uploads_that_begin_while_others_are_swept_away_all_begin(context: Context) -> None:
    def begin_and_discard(number: int) -> int:
        incoming = Incoming(context.files, f"{number % 3:032x}")
        for _ in range(60):
            sweep(context.files)
            incoming.unfinished()
            incoming.remove(incoming.begin("mouse.edf", 10))
        return 60

    with ThreadPoolExecutor(6) as pool:
        assert sum(pool.map(begin_and_discard, range(6))) == 360

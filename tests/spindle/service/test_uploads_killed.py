"""Uploads to a web program that is killed and started again, over a real connection."""

from __future__ import annotations

import base64
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
from tests.spindle.service import web_program
from tests.spindle.service.recording_files import edf_bytes, files_of

from spindle.service import accounts
from spindle.service.context import Context
from spindle.service.tables import Recording, Role

TUS = {"Tus-Resumable": "1.0.0"}


@contextmanager
def running(folder: Path, secret: str) -> Iterator[tuple[httpx.Client, subprocess.Popen[str]]]:
    """A web program, killed at the end without a warning."""
    command = [sys.executable, web_program.__file__, str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as program:
        assert program.stdout is not None
        address = f"http://127.0.0.1:{int(program.stdout.readline())}"
        headers = {"Authorization": f"Bearer {secret}"}
        with httpx.Client(base_url=address, headers=headers, timeout=60) as client:
            try:
                yield client, program
            finally:
                program.kill()


def make_token(context: Context) -> str:
    with context.database.writing() as session:
        account = accounts.make_account(session, "ann", "correct horse battery", Role.USER)
        return accounts.make_token(session, account.id, "tests")[1]


def part_bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*.part"))


def test_an_upload_goes_on_after_the_program_was_killed_in_the_middle_of_a_piece(tmp_path: Path) -> None:
    folder, edf = tmp_path / "data", edf_bytes(tmp_path, s=8000)
    context = web_program.open_context(folder)
    secret = make_token(context)

    with running(folder, secret) as (client, program):
        told = f"filename {base64.b64encode(b'mouse07.edf').decode()}"
        made = client.post("/api/v1/uploads", headers={**TUS, "Upload-Length": str(len(edf)), "Upload-Metadata": told})
        place = made.headers["Location"]

        def half_then_kill() -> Iterator[bytes]:
            yield edf[: len(edf) // 2]
            while part_bytes(folder) < 2**20:
                time.sleep(0.01)
            program.kill()
            program.wait()
            yield edf[len(edf) // 2 :]

        headers = {**TUS, "Upload-Offset": "0", "Content-Type": "application/offset+octet-stream"}
        try:
            client.patch(place, content=half_then_kill(), headers=headers)
        except httpx.TransportError:
            pass
        else:
            raise AssertionError("the program was killed and answered")

    on_disk = part_bytes(folder)
    assert 0 < on_disk < len(edf)
    with running(folder, secret) as (client, _):
        offset = int(client.head(place, headers=TUS).headers["Upload-Offset"])
        assert offset == on_disk
        headers = {**TUS, "Upload-Offset": str(offset), "Content-Type": "application/offset+octet-stream"}
        made = client.patch(place, content=edf[offset:], headers=headers)
        assert made.status_code == 204, made.text
        key = made.headers["Recording-Id"]
        assert client.get(f"/api/v1/recordings/{key}/file").content == edf


def test_a_program_killed_during_a_put_leaves_nothing_that_is_shown(tmp_path: Path) -> None:
    folder, edf = tmp_path / "data", edf_bytes(tmp_path, s=8000)
    context = web_program.open_context(folder)
    with running(folder, make_token(context)) as (client, program):

        def cut_short() -> Iterator[bytes]:
            yield edf[: len(edf) // 2]
            program.kill()
            program.wait()
            yield edf[len(edf) // 2 :]

        with suppress(httpx.TransportError):
            client.put("/api/v1/recordings", params={"name": "mouse07.edf"}, content=cut_short())
    with context.database.reading() as session:
        assert session.query(Recording).count() == 0
    assert all(name.endswith(".part") for name in files_of(context))

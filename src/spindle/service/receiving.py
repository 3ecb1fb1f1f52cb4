"""The body of a request into a file, a block at a time: memory does not grow with the file."""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from fastapi import Request
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect

from spindle.service.bodies import take_a_file
from spindle.service.problems import Problem

BLOCK_BYTES = 2**20
"""How much is gathered before it is written, on another thread, so that nobody else waits for the disk."""
FILE_BODY = {
    "requestBody": {
        "required": True,
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}
"""What the OpenAPI document says of a route whose body is a file."""
IDLE_S = 60.0
"""A sender of whom nothing was heard for so long has gone, although nobody told us."""

_FULL = (errno.ENOSPC, errno.EDQUOT)


def announced_bytes(request: Request) -> int | None:
    """Return how much the request says that it brings. Errors: Problem 400 for what is no number."""
    text = request.headers.get("Content-Length")
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise Problem(400, f"Content-Length is '{text[:40]}', and is a number of bytes.")
    return int(text)


async def receive(request: Request, path: Path, *, most: int, too_many: str, sums: tuple[Any, ...] = ()) -> int:
    """Append the body to a file and to the checksums; return how many bytes there were, once they are on the disk.

    What arrived stays in the file also where the rest does not come. Errors: Problem 413, with the sentence
    `too_many`, for more than `most` bytes; 400 and 408 for a sender who went away; 507 for a full disk.
    """
    take_a_file(request)
    received = 0
    with full_disk_is_a_problem():
        writer = _Writer(path, sums)
        try:
            async for chunk in _until_idle(request.stream()):
                received += len(chunk)
                if received > most:
                    raise Problem(413, too_many)
                if writer.hold(chunk):
                    await run_in_threadpool(writer.write)
            await run_in_threadpool(writer.settle)
        except ClientDisconnect:
            raise Problem(400, "The connection ended before all was here.") from None
        finally:
            writer.close()
    return received


@contextmanager
def full_disk_is_a_problem() -> Iterator[None]:
    """Say in a sentence that the disk is full. Errors: Problem 507."""
    try:
        yield
    except OSError as error:
        if error.errno not in _FULL:
            raise
        raise disk_full() from None


def disk_full() -> Problem:
    """Make the answer for a full disk."""
    return Problem(507, "The service's disk is full; whoever runs it has to make room. Nothing was kept.")


class _Writer:
    """Gathers small pieces and writes large ones."""

    def __init__(self, path: Path, sums: tuple[Any, ...]) -> None:
        self._file = path.open("ab", buffering=0)
        self._sums = sums
        self._held = bytearray()

    def hold(self, chunk: bytes) -> bool:
        """Keep a piece; say whether it is time to write."""
        self._held += chunk
        return len(self._held) >= BLOCK_BYTES

    def write(self) -> None:
        """Write what is held."""
        left = memoryview(bytes(self._held))
        self._held.clear()
        for one in self._sums:
            one.update(left)
        while left:
            left = left[self._file.write(left) :]

    def settle(self) -> None:
        """Write, and wait until the disk has it."""
        self.write()
        os.fsync(self._file.fileno())

    def close(self) -> None:
        """Write the rest and close."""
        try:
            self.write()
        finally:
            self._file.close()


async def _until_idle(stream: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    while True:
        try:
            async with asyncio.timeout(IDLE_S):
                chunk = await anext(stream)
        except StopAsyncIteration:
            return
        except TimeoutError:
            raise Problem(408, f"Nothing came for {IDLE_S:g} s.") from None
        yield chunk

"""What the body of a request may be: small, unless its route says that it receives a file, and words that can be kept.

FastAPI reads the whole body of a route that takes JSON before it looks who is asking, so that without a bound anybody
could fill the memory of the web program.
"""

from __future__ import annotations

import math
from typing import Any

from fastapi import HTTPException, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from spindle.service.problems import Problem

MOST_BYTES = 4 * 2**20
"""The largest words that a page sends are the rows of a cohort: 2,000 animals take less than a megabyte."""

UNKEPT = (
    "The request holds what cannot be kept: a number that is none or infinite, the character NUL, or half a character."
)

_BOUND = "spindle.bound"
_TOO_LARGE = (
    f"The request is too large: its body may have up to {MOST_BYTES:,} bytes, and files have routes of their own."
)


class BoundedBodies:
    """Answers 413 once more has come than `MOST_BYTES`, and so keeps no more than that."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        came = 0

        async def bounded() -> Message:
            nonlocal came
            message = await receive()
            came += len(message.get("body", b""))
            if came > MOST_BYTES and scope[_BOUND]:
                raise HTTPException(413, _TOO_LARGE)
            return message

        scope[_BOUND] = True
        await self.app(scope, bounded, send)


def take_a_file(request: Request) -> None:
    """Let the body be as large as it is: for routes that write it to a file, and bound it themselves."""
    request.scope[_BOUND] = False


async def check_words(request: Request) -> None:
    """Refuse JSON that could be written down and never be read again. Errors: Problem 422.

    Python reads numbers and halves of characters that JSON does not have, and cannot write them as an answer.
    """
    if getattr(request.scope.get("route"), "body_field", None) is None:
        return
    try:
        left = [await request.json()]
    except ValueError:
        # Whoever asked for words says so better.
        return
    while left:
        found: Any = left.pop()
        if isinstance(found, dict):
            left += [*found.keys(), *found.values()]
        elif isinstance(found, list):
            left += found
        elif (isinstance(found, str) and not _can_be_kept(found)) or (
            isinstance(found, float) and not math.isfinite(found)
        ):
            raise Problem(422, UNKEPT)


def _can_be_kept(text: str) -> bool:
    try:
        return b"\0" not in text.encode()
    except UnicodeEncodeError:
        return False

"""What is answered when something cannot be done: one sentence, as RFC 9457 problem details."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from sqlalchemy.exc import DataError
from starlette.exceptions import HTTPException

from latentia.errors import LatentiaError

MEDIA_TYPE = "application/problem+json"
_KNOWN = frozenset(HTTPStatus)


class Problem(Exception):  # noqa: N818 - it is the RFC's own word
    """A request that cannot be fulfilled, in one sentence for the user. `more` are further members of the answer."""

    def __init__(self, status: int, detail: str, *, headers: dict[str, str] | None = None, **more: Any) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.headers = headers
        self.more = more


def not_found(thing: str = "page") -> Problem:
    """Make the answer for what is not there, or belongs to somebody else."""
    return Problem(404, f"There is no such {thing}.")


def install_problems(app: FastAPI) -> None:
    """Have every error answered in this form."""

    async def on_problem(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, Problem)
        return answer(error.status, error.detail, error.headers, **error.more)

    async def on_user_mistake(request: Request, error: Exception) -> JSONResponse:
        return answer(422, str(error))

    async def on_http(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, HTTPException)
        return answer(error.status_code, str(error.detail), dict(error.headers) if error.headers else None)

    async def on_invalid(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, RequestValidationError)
        wrong = [{"where": ".".join(map(str, one["loc"])), "what": one["msg"]} for one in error.errors()]
        said = "; ".join(f"{one['where']}: {one['what']}" for one in wrong)
        return answer(422, f"The request cannot be understood: {said}.", errors=wrong)

    async def on_unkept(request: Request, error: Exception) -> JSONResponse:
        return answer(422, "The request holds a number or a text that is too large to be looked for or kept.")

    async def on_fault(request: Request, error: Exception) -> JSONResponse:
        # The server logs the error itself; the user is told nothing of its inside.
        return answer(500, "Something went wrong that nobody foresaw; whoever runs the service finds it in the log.")

    app.add_exception_handler(Exception, on_fault)
    app.add_exception_handler(Problem, on_problem)
    app.add_exception_handler(DataError, on_unkept)
    app.add_exception_handler(LatentiaError, on_user_mistake)
    app.add_exception_handler(HTTPException, on_http)
    app.add_exception_handler(RequestValidationError, on_invalid)


def answer(status: int, detail: str, headers: dict[str, str] | None = None, **more: Any) -> JSONResponse:
    """Make the answer itself."""
    # tus has a status of its own, which HTTP does not know.
    title = HTTPStatus(status).phrase if status in _KNOWN else "Checksum Mismatch"
    body = {"type": "about:blank", "title": title, "status": status, "detail": detail, **more}
    return JSONResponse(body, status_code=status, headers=headers, media_type=MEDIA_TYPE)

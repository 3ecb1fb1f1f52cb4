"""Asking a web service: its own sentence where it refuses, and patience where it does not answer for a while."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx

from spindle.errors import RemoteError, SettingError

Json = dict[str, Any]
"""A thing as the service answers it; its document (`/api/v1/openapi.json`) says what is in it."""

PATIENCE_S = 300.0
"""How long a service may be out of reach, as while it starts again, before that is an error."""

PAGE = 200
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 15.0
AGAIN = frozenset({429, 503})
"""Answers of a service that is busy: nothing was done."""
LOST = frozenset({502, 504})
"""Answers of a proxy that has no answer itself, as while the service starts again."""


class Connection:
    """Asks one service on behalf of one account. Close it, or use it in a `with` block."""

    def __init__(self, address: str, token: str, *, patience_s: float = PATIENCE_S) -> None:
        if not address.startswith(("http://", "https://")):
            raise SettingError(f"The service's address must begin with https:// or http://, not {address}.")
        if not token.isascii() or not token.isprintable() or not token:
            raise SettingError("The token is not one of this service; copy it from the account page once more.")
        self.address = address.rstrip("/")
        self.patience_s = patience_s
        self.http = httpx.Client(
            base_url=f"{self.address}/api/v1",
            headers={"Authorization": f"Bearer {token}"},
            timeout=httpx.Timeout(60.0, connect=10.0),
            follow_redirects=False,
        )

    def close(self) -> None:
        """Close the connection."""
        self.http.close()

    def ask(self, method: str, path: str, **sent: Any) -> Any:
        """Ask, and return what is answered, as Python's own types; None where nothing is.

        Where there is no answer, what changes something may have been done, and is not asked again.
        Errors: RemoteError with the service's sentence.
        """
        harmless = method in ("GET", "HEAD")
        answer = self.patiently(lambda: self.http.request(method, path, **sent), if_lost=harmless)
        check(answer, self.address)
        return json_of(answer, self.address) if answer.content and answer.status_code != 204 else None

    def pages(self, path: str, **params: Any) -> Iterator[Json]:
        """Give the things of a list, asking for a page at a time."""
        cursor: dict[str, str] = {}
        while True:
            page = self.ask("GET", path, params={"limit": PAGE, **params, **cursor})
            yield from page["items"]
            if page["next"] is None:
                return
            cursor = {"cursor": page["next"]}

    def patiently(self, request: Callable[[], httpx.Response], *, if_lost: bool = True) -> httpx.Response:
        """Ask until there is an answer that is not "later"; `if_lost`, also when none came. Errors: RemoteError."""
        again = AGAIN | LOST if if_lost else AGAIN
        deadline, pause_s = time.monotonic() + self.patience_s, FIRST_PAUSE_S
        while True:
            answer: httpx.Response | None = None
            try:
                answer = request()
                if answer.status_code not in again:
                    return answer
                told = answer.headers.get("Retry-After", "")
                wait_s = max(pause_s, float(told) if told.isdecimal() else 0.0)
            except httpx.TransportError as error:
                if not if_lost or time.monotonic() + pause_s > deadline:
                    raise self.unreachable(error) from None
                wait_s = pause_s
            if answer is not None and time.monotonic() + wait_s > deadline:
                return answer
            time.sleep(wait_s)
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)

    def unreachable(self, error: httpx.TransportError) -> RemoteError:
        """Say that there is no answer."""
        return RemoteError(f"{self.address} does not answer: {str(error) or type(error).__name__}.")


def check(answer: httpx.Response, address: str) -> None:
    """Make sure that the service did what it was asked. Errors: RemoteError with its own sentence."""
    if answer.is_success:
        return
    answer.read()
    try:
        detail = answer.json()["detail"]
    except (ValueError, KeyError, TypeError):
        detail = f"{address} answers {answer.status_code}, and not as a web service of SPINDLE does."
    raise RemoteError(str(detail))


def json_of(answer: httpx.Response, address: str) -> Any:
    """Read an answer. Errors: RemoteError where it is none of a web service of SPINDLE."""
    try:
        return answer.json()
    except ValueError:
        raise RemoteError(f"{address} answers, but not as a web service of SPINDLE does.") from None

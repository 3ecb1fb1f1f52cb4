"""Who is asking: every route names one of these as a parameter, and gets nothing without it.

A script sends `Authorization: Bearer TOKEN`. A browser sends its cookie, and with everything that changes something
also the header `X-CSRF-Token`, which another site's page cannot know.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, TypeVar

from fastapi import Depends, Request
from fastapi.security import APIKeyCookie, HTTPBearer
from fastapi.security.http import HTTPAuthorizationCredentials
from sqlalchemy import update

from spindle.service.accounts import account_of_cookie, account_of_token
from spindle.service.context import Context
from spindle.service.database import owned
from spindle.service.problems import Problem, not_found
from spindle.service.tables import ApiToken, Role, now

COOKIE = "spindle_session"
CSRF_HEADER = "X-CSRF-Token"
HARMLESS = frozenset({"GET", "HEAD", "OPTIONS"})
USED_EVERY = timedelta(minutes=1)
"""How exactly it is kept when a token was last used; writing it down at each request would cost a transaction."""

_bearer = HTTPBearer(auto_error=False, description="A token of the account page")
_cookie = APIKeyCookie(name=COOKIE, auto_error=False, description="A browser's session")
_Row = TypeVar("_Row")


@dataclass(frozen=True, kw_only=True)
class User:
    """Who is asking. `csrf` is what a browser's page sends along; None for scripts."""

    id: str
    name: str
    role: Role
    quota_bytes: int | None
    csrf: str | None = None


def context_of(request: Request) -> Context:
    """Give the service's parts."""
    found: Context = request.app.state.context
    return found


def maybe_user(
    request: Request,
    bearer: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)],
    cookie: Annotated[str | None, Depends(_cookie)],
) -> User | None:
    """Find who is asking, if they say so. Errors: Problem 401 for a token that is none, 403 without CSRF token."""
    context = context_of(request)
    if bearer is not None:
        with context.database.reading() as session:
            found = account_of_token(session, bearer.credentials)
        if found is None:
            count_stranger(request)
            raise Problem(401, "This token opens nothing; make one on the account page.", headers=_ASK)
        account, token = found
        if token.used_at is None or now() - token.used_at > USED_EVERY:
            with context.database.writing() as session:
                session.execute(update(ApiToken).where(ApiToken.id == token.id).values(used_at=now()))
        user = User(id=account.id, name=account.name, role=Role(account.role), quota_bytes=account.quota_bytes)
    elif cookie is not None:
        with context.database.reading() as session:
            browser = account_of_cookie(session, cookie)
        if browser is None:
            count_stranger(request)
            return None
        account, kept = browser
        if request.method not in HARMLESS and not hmac.compare_digest(
            request.headers.get(CSRF_HEADER, "").encode(), kept.csrf.encode()
        ):
            raise Problem(403, f"The header {CSRF_HEADER} is missing or old; load the page again.")
        user = User(
            id=account.id, name=account.name, role=Role(account.role), quota_bytes=account.quota_bytes, csrf=kept.csrf
        )
    else:
        count_stranger(request)
        return None
    _check_rate(context, user.id)
    return user


def address_of(request: Request) -> str:
    """Tell from where a request comes."""
    return request.client.host if request.client is not None else "nowhere"


def count_stranger(request: Request) -> None:
    """Count the request of somebody who has not said who they are, by address. Errors: Problem 429."""
    _check_rate(context_of(request), f"address {address_of(request)}")


def signed_in(user: Annotated[User | None, Depends(maybe_user)]) -> User:
    """Give who is asking. Errors: Problem 401."""
    if user is None:
        raise Problem(401, "Sign in, or send a token: Authorization: Bearer TOKEN.", headers=_ASK)
    return user


def administrator(user: Annotated[User, Depends(signed_in)]) -> User:
    """Give the administrator who is asking. Others get 404, as if there were nothing. Errors: Problem 401, 404."""
    if user.role is not Role.ADMINISTRATOR:
        raise not_found()
    return user


def own(context: Context, user: User, table: type[_Row], key: str, thing: str) -> _Row:
    """Find what belongs to this user. Errors: Problem 404, also for what belongs to somebody else."""
    with context.database.reading() as session:
        found = owned(session, table, user.id, key)
    if found is None:
        raise not_found(thing)
    return found


def _check_rate(context: Context, key: str) -> None:
    wait_s = context.requests.wait_s(key)
    if wait_s > 0:
        raise Problem(429, "Too many requests; wait a moment.", headers={"Retry-After": str(int(wait_s) + 1)})


_ASK = {"WWW-Authenticate": "Bearer"}

InContext = Annotated[Context, Depends(context_of)]
MaybeUser = Annotated[User | None, Depends(maybe_user)]
SignedIn = Annotated[User, Depends(signed_in)]
Administrator = Annotated[User, Depends(administrator)]

"""Signing in and out with a browser, and who one is."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Cookie, Depends, Request, Response
from pydantic import BaseModel, Field

from spindle.service import accounts
from spindle.service.audit import note
from spindle.service.context import Context
from spindle.service.guard import COOKIE, InContext, SignedIn, address_of, count_stranger
from spindle.service.problems import Problem
from spindle.service.tables import Role

router = APIRouter(tags=["session"])


class Credentials(BaseModel):
    """Name and password."""

    name: str = Field(max_length=200)
    password: str = Field(max_length=200)


class Acceptance(Credentials):
    """What makes an account from an invitation."""

    invitation: str = Field(max_length=100)


class PasswordChange(BaseModel):
    """An old password and a new one."""

    old: str = Field(max_length=200)
    new: str = Field(max_length=200)


class Me(BaseModel):
    """Who is asking. `csrf` goes into the header `X-CSRF-Token`; scripts have none and need none."""

    id: str
    name: str
    role: Role
    csrf: str | None


@router.post("/session", responses={401: {}, 429: {}})
def sign_in(wanted: Credentials, request: Request, response: Response, context: InContext) -> Me:
    """Sign in: the answer sets the cookie, and tells the CSRF token."""
    for key in (f"address {address_of(request)}", f"name {wanted.name.strip().lower()}"):
        wait_s = context.sign_ins.wait_s(key)
        if wait_s > 0:
            raise Problem(429, "Too many attempts; wait a minute.", headers={"Retry-After": str(int(wait_s) + 1)})
    with context.database.reading() as session:
        account = accounts.find_account(session, wanted.name, wanted.password)
    if account is None:
        raise Problem(401, "Name or password is wrong.")
    return _begin(context, response, account.id, account.name, Role(account.role), "session.begin")


@router.post(
    "/accounts", status_code=201, responses={404: {}, 422: {}, 429: {}}, dependencies=[Depends(count_stranger)]
)
def accept_invitation(wanted: Acceptance, response: Response, context: InContext) -> Me:
    """Make the account of an invitation, and sign in."""
    with context.database.writing() as session:
        account = accounts.accept(session, wanted.invitation, wanted.name, wanted.password)
    if account is None:
        raise Problem(404, "This invitation was used already, or is over; ask for a new one.")
    return _begin(context, response, account.id, account.name, Role(account.role), "account.make")


@router.delete("/session", status_code=204)
def sign_out(
    user: SignedIn, response: Response, context: InContext, cookie: Annotated[str | None, Cookie(alias=COOKIE)] = None
) -> None:
    """End the browser's session."""
    with context.database.writing() as session:
        if cookie is not None:
            accounts.sign_out(session, cookie)
        note(session, user.id, "session.end")
    response.delete_cookie(COOKIE)


@router.get("/me")
def me(user: SignedIn) -> Me:
    """Tell who is asking."""
    return Me(id=user.id, name=user.name, role=user.role, csrf=user.csrf)


@router.put("/me/password", status_code=204, responses={403: {}, 422: {}})
def change_password(wanted: PasswordChange, user: SignedIn, context: InContext) -> None:
    """Change the password; every browser is signed out."""
    if context.sign_ins.wait_s(f"name {user.name.lower()}") > 0:
        raise Problem(429, "Too many attempts; wait a minute.", headers={"Retry-After": "60"})
    # Not while others wait to write: a password takes its time on purpose.
    with context.database.reading() as session:
        if accounts.find_account(session, user.name, wanted.old) is None:
            raise Problem(403, "The old password is wrong.")
    with context.database.writing() as session:
        accounts.change_password(session, user.id, wanted.new)
        note(session, user.id, "account.password", user.id)


def _begin(context: Context, response: Response, account_id: str, name: str, role: Role, action: str) -> Me:
    with context.database.writing() as session:
        signed = accounts.sign_in(session, account_id)
        note(session, account_id, action, account_id)
    response.set_cookie(
        COOKIE,
        signed.cookie,
        max_age=int(accounts.SIGNED_IN_FOR.total_seconds()),
        httponly=True,
        samesite="lax",
        secure=context.settings.web.is_secure,
    )
    return Me(id=account_id, name=name, role=role, csrf=signed.csrf)

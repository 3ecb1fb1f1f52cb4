"""Pages about people: signing in, the first steps of a new account, one's own account, administration."""

from __future__ import annotations

import re
from pathlib import Path

from fastapi import APIRouter, Depends
from fastapi.responses import FileResponse, HTMLResponse, RedirectResponse, Response

from spindle.service.accounts import has_accounts, invitation
from spindle.service.guard import InContext, MaybeUser, count_stranger
from spindle.service.pages.render import Reader, render
from spindle.service.problems import not_found
from spindle.service.tables import Account, Role

router = APIRouter(include_in_schema=False)


@router.get("/sign-in")
def sign_in(user: MaybeUser, context: InContext, next: str = "/") -> Response:
    """Ask for name and password."""
    # Only a path of ours: a link from elsewhere must not lead on to elsewhere.
    target = next if re.fullmatch(r"/[A-Za-z0-9/_-]*", next) and not next.startswith("//") else "/"
    if user is not None:
        return RedirectResponse(target, status_code=303)
    with context.database.reading() as session:
        nobody = not has_accounts(session)
    return render("sign_in.html", target=target, nobody=nobody)


@router.get("/welcome/{secret}", dependencies=[Depends(count_stranger)])
def welcome(secret: str, context: InContext) -> HTMLResponse:
    """Make an account from an invitation."""
    with context.database.reading() as session:
        found = invitation(session, secret)
        back = session.get(Account, found.account_id) if found is not None and found.account_id else None
    return render(
        "welcome.html",
        secret=secret if found else None,
        name=back.name if back else None,
        status=200 if found else 404,
    )


@router.get("/account")
def account(user: Reader) -> HTMLResponse:
    """Show one's own account: password and tokens."""
    return render("account.html", user=user, place="account")


@router.get("/administration")
def administration(user: Reader) -> HTMLResponse:
    """Show all accounts and who did what."""
    if user.role is not Role.ADMINISTRATOR:
        raise not_found()
    return render("administration.html", user=user, place="administration")


@router.get("/favicon.ico")
def icon() -> FileResponse:
    """Give the picture of the browser's tab."""
    return FileResponse(Path(__file__).parents[1] / "static" / "icon.svg", media_type="image/svg+xml")

"""Pages from templates. Everything that a user named is escaped, and who is not signed in is sent to do so."""

from __future__ import annotations

from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import bokeh
from fastapi import Depends, Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from spindle.service.guard import MaybeUser, User
from spindle.service.problems import Problem

PLACES = (
    ("recordings", "/", "Recordings"),
    ("cohorts", "/cohorts", "Cohorts"),
    ("models", "/models", "Models"),
    ("jobs", "/jobs", "Jobs"),
)
"""The pages of the menu: name, address and title."""


@cache
def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=select_autoescape(),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def render(
    template: str, *, user: User | None = None, place: str = "", status: int = 200, **values: Any
) -> HTMLResponse:
    """Make a page. `place` is the entry of the menu that it belongs to; `values` are for its template."""
    # A new version's scripts and styles have new addresses, so that no browser shows old ones.
    shared = {"user": user, "place": place, "places": PLACES, "stamp": f"{version('latentia')}-{bokeh.__version__}"}
    return HTMLResponse(_environment().get_template(template).render(shared | values), status_code=status)


def _reader(request: Request, user: MaybeUser) -> User:
    if user is None:
        raise Problem(303, "Sign in first.", headers={"Location": f"/sign-in?next={quote(request.url.path)}"})
    return user


Reader = Annotated[User, Depends(_reader)]
"""Who looks at a page; who is not signed in is sent to the page for it."""

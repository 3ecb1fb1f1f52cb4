"""The page of all jobs."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from spindle.service.pages.render import Reader, render

router = APIRouter(include_in_schema=False)


@router.get("/jobs")
def jobs(user: Reader) -> HTMLResponse:
    """Show what is waiting, running and done."""
    return render("jobs.html", user=user, place="jobs")

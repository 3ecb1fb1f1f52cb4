"""Pages of recordings: the list, with uploads, and one with its channels, labels, jobs and scorings."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from spindle.service.guard import InContext, own
from spindle.service.pages.render import Reader, render
from spindle.service.tables import Recording

router = APIRouter(include_in_schema=False)


@router.get("/")
def recordings(user: Reader) -> HTMLResponse:
    """List the recordings."""
    return render("recordings.html", user=user, place="recordings")


@router.get("/recordings/{recording_id}")
def recording(recording_id: str, user: Reader, context: InContext) -> HTMLResponse:
    """Show one recording."""
    found = own(context, user, Recording, recording_id, "recording")
    return render("recording.html", user=user, place="recordings", recording=found)

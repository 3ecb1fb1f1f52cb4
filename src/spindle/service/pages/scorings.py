"""The page of a scoring: the recording as it was scored, to be looked at, corrected and downloaded."""

from __future__ import annotations

from datetime import datetime

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from spindle.drawing import in_full, in_words
from spindle.service.guard import InContext, own
from spindle.service.pages.render import Reader, render
from spindle.service.tables import Recording, Scoring

router = APIRouter(include_in_schema=False)

DOWNLOADS = (
    ("scores.csv", "Table of scores"),
    ("stages.csv", "States, as the first SPINDLE service wrote them"),
    ("artifacts.csv", "Artifacts, as the first SPINDLE service wrote them"),
    ("hypnogram.edf", "EDF+ annotations"),
    ("events.tsv", "BIDS events"),
    ("report.html", "Report to read and print"),
)
"""Files of a scoring, and what the page calls them."""

COLUMNS = 1000
"""What is asked for before the page knows its width."""

SPANS = ((86400, "24 h"), (14400, "4 h"), (3600, "1 h"), (600, "10 min"), (60, "1 min"), (0, "Epoch"))
"""Lengths that the page's buttons show; 0 is one epoch."""


@router.get("/scorings/{scoring_id}")
def scoring(scoring_id: str, user: Reader, context: InContext) -> HTMLResponse:
    """Show a scoring."""
    found = own(context, user, Scoring, scoring_id, "scoring")
    recording = own(context, user, Recording, found.recording_id, "recording")
    start = datetime.fromisoformat(recording.started_at) if recording.started_at else None
    return render(
        "scoring.html",
        user=user,
        place="recordings",
        scoring=found,
        recording=recording,
        started=f"{in_full(start)}, " if start else "",
        length=in_words(found.epochs * found.epoch_s),
        downloads=DOWNLOADS,
        spans=SPANS,
        columns=COLUMNS,
    )

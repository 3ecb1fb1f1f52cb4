"""The page of models: their cards, training, and bringing one's own."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from spindle.service.pages.render import Reader, render

router = APIRouter(include_in_schema=False)


@router.get("/models")
def models(user: Reader) -> HTMLResponse:
    """Show all models."""
    return render("models.html", user=user, place="models")

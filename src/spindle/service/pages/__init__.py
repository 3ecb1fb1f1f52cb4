"""The pages: Jinja makes them, and their scripts ask `/api/v1` for what changes while one looks."""

from __future__ import annotations

from fastapi import APIRouter

from spindle.service.pages import cohorts, jobs, models, people, recordings, scorings

ROUTERS: tuple[APIRouter, ...] = (
    cohorts.router,
    jobs.router,
    models.router,
    people.router,
    recordings.router,
    scorings.router,
)
"""Everything that answers with HTML."""

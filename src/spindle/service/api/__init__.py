"""The routes of `/api/v1`: one file per thing. A route checks, asks, and answers; it decides nothing about sleep."""

from __future__ import annotations

from fastapi import APIRouter

from spindle.service.api import accounts, cohorts, jobs, labels, models, recordings, scorings, session, tokens, uploads

ROUTERS: tuple[APIRouter, ...] = (
    accounts.router,
    cohorts.router,
    jobs.router,
    labels.router,
    models.router,
    recordings.router,
    scorings.router,
    session.router,
    tokens.router,
    uploads.router,
)
"""Everything under `/api/v1`."""

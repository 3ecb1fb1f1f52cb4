"""The routes of `/api/v1`: one file per thing. A route checks, asks, and answers; it decides nothing about sleep."""

from __future__ import annotations

from fastapi import APIRouter

from spindle.service.api import accounts, session, tokens

ROUTERS: tuple[APIRouter, ...] = (session.router, accounts.router, tokens.router)
"""Everything under `/api/v1`."""

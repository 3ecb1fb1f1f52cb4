"""Clearing up: files that no row names, leftovers of what was killed, and what was kept for long enough."""

from __future__ import annotations

from spindle.service.database import Database
from spindle.service.files import FileStore


def tidy(database: Database, store: FileStore, keep_days: int) -> None:
    """Do all of it."""

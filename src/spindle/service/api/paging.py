"""Long lists, a page at a time: newest first, from where the page before ended."""

from __future__ import annotations

import base64
import binascii
from datetime import datetime
from typing import Annotated, Any, Generic, TypeVar

from fastapi import Query
from pydantic import BaseModel
from sqlalchemy import Select, and_, or_
from sqlalchemy.orm import Session

from spindle.service.problems import Problem

MOST = 200

Limit = Annotated[int, Query(ge=1, le=MOST, description="how many at most")]
Cursor = Annotated[str | None, Query(description="`next` of the page before")]
_Shown = TypeVar("_Shown")


class Page(BaseModel, Generic[_Shown]):
    """Part of a list; `next` is null on the last page."""

    items: list[_Shown]
    next: str | None


def one_page(
    session: Session, statement: Select[Any], table: Any, limit: int, cursor: str | None
) -> tuple[list[Any], str | None]:
    """Return the rows of a page and where the next begins. Errors: Problem 422 for a cursor that is none."""
    if cursor is not None:
        at, key = _read(cursor)
        statement = statement.where(or_(table.created_at < at, and_(table.created_at == at, table.id < key)))
    rows = session.scalars(statement.order_by(table.created_at.desc(), table.id.desc()).limit(limit + 1)).all()
    if len(rows) <= limit:
        return list(rows), None
    last = rows[limit - 1]
    return list(rows[:limit]), base64.urlsafe_b64encode(f"{last.created_at.isoformat()} {last.id}".encode()).decode()


def _read(cursor: str) -> tuple[datetime, str]:
    try:
        at, _, key = base64.urlsafe_b64decode(cursor.encode()).decode().partition(" ")
        moment = datetime.fromisoformat(at)
        if moment.tzinfo is None or "\0" in key:
            raise ValueError(at)
        return moment, key
    except (ValueError, binascii.Error):
        raise Problem(422, f"'{cursor[:40]}' is not where a page ends; take `next` of the page before.") from None

"""Who did what, when: kept for administrators, without names of people or files."""

from __future__ import annotations

from sqlalchemy.orm import Session

from spindle.service.tables import AuditEntry


def note(session: Session, account_id: str | None, action: str, subject: str = "") -> None:
    """Add a line, in the transaction of what it tells of. `action` is like `recording.delete`, `subject` an id."""
    session.add(AuditEntry(account_id=account_id, action=action, subject=subject))

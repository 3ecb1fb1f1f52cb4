"""What administrators do: invite, close and open accounts, set quotas, read who did what."""

from __future__ import annotations

from datetime import datetime

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import func, select

from spindle.service import accounts
from spindle.service.api.paging import Limit
from spindle.service.audit import note
from spindle.service.context import Context
from spindle.service.guard import Administrator, InContext
from spindle.service.problems import Problem, not_found
from spindle.service.tables import Account, AuditEntry, Recording, Role

router = APIRouter(tags=["administration"])


class NewInvitation(BaseModel):
    """Who is invited, as what."""

    role: Role = Role.USER


class InvitationLink(BaseModel):
    """A link that makes one account, within a week."""

    link: str


class Person(BaseModel):
    """An account as administrators see it: how much it keeps, and nothing of what."""

    model_config = ConfigDict(from_attributes=True)
    id: str
    name: str
    role: Role
    active: bool
    quota_bytes: int | None
    created_at: datetime
    recordings: int = 0
    bytes: int = 0


class PersonChange(BaseModel):
    """What to change of an account; what is left out stays."""

    active: bool | None = None
    role: Role | None = None
    quota_bytes: int | None = Field(default=None, ge=0, le=2**50)


class AuditLine(BaseModel):
    """Who did what, when, to what."""

    model_config = ConfigDict(from_attributes=True)
    number: int
    at: datetime
    account_id: str | None
    action: str
    subject: str


@router.post("/invitations", status_code=201)
def make_invitation(wanted: NewInvitation, user: Administrator, request: Request, context: InContext) -> InvitationLink:
    """Make a link with which one more person can make an account."""
    with context.database.writing() as session:
        secret = accounts.invite(session, wanted.role)
        note(session, user.id, "account.invite")
    return _link(context, request, secret)


@router.post("/accounts/{account_id}/reset", status_code=201, responses={404: {}})
def reset_password(account_id: str, user: Administrator, request: Request, context: InContext) -> InvitationLink:
    """Make a link with which somebody who forgot their password sets another one."""
    with context.database.writing() as session:
        if session.get(Account, account_id) is None:
            raise not_found("account")
        secret = accounts.invite_back(session, account_id)
        note(session, user.id, "account.reset", account_id)
    return _link(context, request, secret)


@router.get("/accounts")
def list_accounts(user: Administrator, context: InContext) -> list[Person]:
    """List all accounts."""
    with context.database.reading() as session:
        kept = {
            owner: (count, size)
            for owner, count, size in session.execute(
                select(Recording.owner_id, func.count(), func.sum(Recording.size_bytes)).group_by(Recording.owner_id)
            )
        }
        people = [Person.model_validate(row) for row in session.scalars(select(Account).order_by(Account.name))]
    for person in people:
        count, size = kept.get(person.id, (0, 0))
        person.recordings, person.bytes = count, int(size)
    return people


@router.patch("/accounts/{account_id}", responses={404: {}, 409: {}})
def change_account(account_id: str, wanted: PersonChange, user: Administrator, context: InContext) -> Person:
    """Close or open an account, or change its role or quota. One cannot close or demote oneself."""
    if account_id == user.id and (wanted.active is False or wanted.role is Role.USER):
        raise Problem(409, "Another administrator has to do that to your own account.")
    with context.database.writing() as session:
        account = session.get(Account, account_id)
        if account is None:
            raise not_found("account")
        for name in wanted.model_fields_set:
            value = getattr(wanted, name)
            if value is not None or name == "quota_bytes":
                setattr(account, name, value)
        note(session, user.id, "account.change", account_id)
    return Person.model_validate(account)


@router.get("/audit")
def read_audit(
    user: Administrator, context: InContext, limit: Limit = 100, before: int | None = None
) -> list[AuditLine]:
    """Read who did what, newest first; `before` is the number of the last line of the page before."""
    statement = select(AuditEntry).order_by(AuditEntry.number.desc()).limit(limit)
    if before is not None:
        statement = statement.where(AuditEntry.number < before)
    with context.database.reading() as session:
        return [AuditLine.model_validate(row) for row in session.scalars(statement)]


def _link(context: Context, request: Request, secret: str) -> InvitationLink:
    address = context.settings.web.address or str(request.base_url)
    return InvitationLink(link=f"{address.rstrip('/')}/welcome/{secret}")

"""Tokens: passwords of programs."""

from __future__ import annotations

from datetime import datetime

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import select

from spindle.service import accounts
from spindle.service.audit import note
from spindle.service.database import owned
from spindle.service.guard import InContext, SignedIn
from spindle.service.problems import not_found
from spindle.service.tables import ApiToken

router = APIRouter(prefix="/tokens", tags=["tokens"])


class TokenName(BaseModel):
    """What a token is for."""

    name: str = Field(min_length=1, max_length=200)


class Token(BaseModel):
    """A token, without what it opens."""

    model_config = ConfigDict(from_attributes=True)
    id: str
    name: str
    created_at: datetime
    used_at: datetime | None


class NewToken(Token):
    """A token that was just made. `token` is shown this once."""

    token: str


@router.get("")
def list_tokens(user: SignedIn, context: InContext) -> list[Token]:
    """List one's own tokens, newest first."""
    with context.database.reading() as session:
        rows = session.scalars(
            select(ApiToken).where(ApiToken.owner_id == user.id).order_by(ApiToken.created_at.desc())
        ).all()
    return [Token.model_validate(row) for row in rows]


@router.post("", status_code=201)
def make_token(wanted: TokenName, user: SignedIn, context: InContext) -> NewToken:
    """Make a token. It is shown in this answer and never again."""
    with context.database.writing() as session:
        token, secret = accounts.make_token(session, user.id, wanted.name)
        note(session, user.id, "token.make", token.id)
    return NewToken(id=token.id, name=token.name, created_at=token.created_at, used_at=token.used_at, token=secret)


@router.delete("/{token_id}", status_code=204, responses={404: {}})
def revoke_token(token_id: str, user: SignedIn, context: InContext) -> None:
    """Take a token's power away."""
    with context.database.writing() as session:
        token = owned(session, ApiToken, user.id, token_id)
        if token is None:
            raise not_found("token")
        session.delete(token)
        note(session, user.id, "token.revoke", token_id)

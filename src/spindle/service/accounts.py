"""Accounts, passwords, invitations and tokens: who may use the service.

Passwords are hashed with scrypt; of everything else that proves who somebody is, 32 random bytes, only the SHA-256 is
kept. A hash of a guess costs as much for a name that does not exist, so that names cannot be found out.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import ColumnElement, delete, func, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from spindle.errors import SettingError
from spindle.service.tables import Account, ApiToken, BrowserSession, Invitation, Role, now

SHORTEST_PASSWORD, LONGEST_PASSWORD = 10, 200
INVITED_FOR = timedelta(days=7)
SIGNED_IN_FOR = timedelta(days=14)
TOKEN_PREFIX = "spindle_"
"""Tokens begin so that those who find one in a script know what it opens."""

_NAME = re.compile(r"[^\s/\\\x00-\x1f]{1,200}")
# 16 MiB and about 50 ms for each guess; OWASP's parameters for scrypt with this much memory.
_COST, _BLOCK, _PARALLEL = 2**14, 8, 5


@dataclass(frozen=True, kw_only=True)
class SignedIn:
    """What a browser gets at signing in: the cookie's content, and what it must send along with every change."""

    cookie: str
    csrf: str


def hash_of(secret: str) -> str:
    """Return what is kept of a random secret; it needs no salt, because it cannot be guessed."""
    return hashlib.sha256(secret.encode()).hexdigest()


def hash_password(password: str) -> str:
    """Return what is kept of a password, with the parameters that made it."""
    salt = secrets.token_bytes(16)
    return "$".join(("scrypt", f"{_COST},{_BLOCK},{_PARALLEL}", _text(salt), _text(_scrypt(password, salt))))


def password_fits(password: str, kept: str) -> bool:
    """Whether this is the password."""
    _, _, salt, digest = kept.split("$")
    return hmac.compare_digest(_scrypt(password, base64.b64decode(salt)), base64.b64decode(digest))


def invite(session: Session, role: Role = Role.USER) -> str:
    """Make a word with which one account can be made, within a week."""
    return _new_link(session, role, None)


def invite_back(session: Session, account_id: str) -> str:
    """Make a word with which somebody who forgot their password sets another one, within a week."""
    return _new_link(session, Role(session.get_one(Account, account_id).role), account_id)


def _new_link(session: Session, role: Role, account_id: str | None) -> str:
    session.execute(delete(Invitation).where(Invitation.expires_at <= now()))
    secret = secrets.token_urlsafe(32)
    session.add(
        Invitation(token_hash=hash_of(secret), role=role, account_id=account_id, expires_at=now() + INVITED_FOR)
    )
    return secret


def invitation(session: Session, secret: str) -> Invitation | None:
    """Find an invitation that still holds."""
    found = session.get(Invitation, hash_of(secret))
    return found if found is not None and found.expires_at > now() else None


def accept(session: Session, secret: str, name: str, password: str) -> Account | None:
    """Make the account of an invitation, which is used up; None where it does not hold.

    One for an account that is there sets its password anew, leaves its name, and ends the other links for it.
    Errors: SettingError for a name that cannot be, or that is taken, and for a password that is too short.
    """
    # Locked: of several who use one link at once, those who come later find that it is gone.
    held = session.scalars(select(Invitation).where(Invitation.token_hash == hash_of(secret)).with_for_update())
    found = held.one_or_none()
    if found is None or found.expires_at <= now():
        return None
    others = delete(Invitation).where(Invitation.token_hash != found.token_hash)
    if found.account_id is not None:
        account = session.get_one(Account, found.account_id)
        if not account.active:
            return None
        change_password(session, account.id, password)
        session.execute(others.where(Invitation.account_id == account.id))
    else:
        if not has_accounts(session):
            # Links of earlier starts, of which each shows one as long as nobody has an account.
            session.execute(others)
        account = make_account(session, name, password, Role(found.role))
    session.delete(found)
    return account


def make_account(session: Session, name: str, password: str, role: Role) -> Account:
    """Make an account. Errors: SettingError."""
    name = name.strip()
    if not _NAME.fullmatch(name):
        raise SettingError("A name has 1 to 200 characters, without spaces, slashes and control characters.")
    check_password(password)
    taken = f"There is an account '{name}' already; choose another name."
    if session.scalar(select(func.count()).select_from(Account).where(_is_called(name))):
        raise SettingError(taken)
    account = Account(name=name, password_hash=hash_password(password), role=role)
    session.add(account)
    try:
        session.flush()
    except IntegrityError:
        # Somebody else has taken it at this moment.
        raise SettingError(taken) from None
    return account


def check_password(password: str) -> None:
    """Refuse a password that is too short or too long. Errors: SettingError."""
    if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
        raise SettingError(
            f"A password has {SHORTEST_PASSWORD} to {LONGEST_PASSWORD} characters; this one has {len(password)}."
        )


def find_account(session: Session, name: str, password: str) -> Account | None:
    """Find the account that this name and password open; None where there is none, or it is closed."""
    account = session.scalars(select(Account).where(_is_called(name.strip()))).one_or_none()
    fits = password_fits(password[:LONGEST_PASSWORD], account.password_hash if account else _NOBODY)
    return account if account is not None and fits and account.active else None


def change_password(session: Session, account_id: str, password: str) -> None:
    """Set a password, and sign out every browser. Errors: SettingError."""
    check_password(password)
    session.execute(update(Account).where(Account.id == account_id).values(password_hash=hash_password(password)))
    session.execute(delete(BrowserSession).where(BrowserSession.account_id == account_id))


def sign_in(session: Session, account_id: str) -> SignedIn:
    """Begin a browser's session."""
    session.execute(delete(BrowserSession).where(BrowserSession.expires_at < now()))
    cookie, csrf = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
    expires = now() + SIGNED_IN_FOR
    session.add(BrowserSession(token_hash=hash_of(cookie), account_id=account_id, csrf=csrf, expires_at=expires))
    return SignedIn(cookie=cookie, csrf=csrf)


def sign_out(session: Session, cookie: str) -> None:
    """End a browser's session."""
    session.execute(delete(BrowserSession).where(BrowserSession.token_hash == hash_of(cookie)))


def account_of_cookie(session: Session, cookie: str) -> tuple[Account, BrowserSession] | None:
    """Find who a browser is."""
    found = session.get(BrowserSession, hash_of(cookie))
    if found is None or found.expires_at <= now():
        return None
    account = session.get(Account, found.account_id)
    return (account, found) if account is not None and account.active else None


def make_token(session: Session, owner_id: str, name: str) -> tuple[ApiToken, str]:
    """Make a token; the second value is the token itself, which nobody can be shown again."""
    secret = TOKEN_PREFIX + secrets.token_urlsafe(32)
    token = ApiToken(owner_id=owner_id, name=name, token_hash=hash_of(secret))
    session.add(token)
    session.flush()
    return token, secret


def account_of_token(session: Session, secret: str) -> tuple[Account, ApiToken] | None:
    """Find whose program this is."""
    token = session.scalars(select(ApiToken).where(ApiToken.token_hash == hash_of(secret))).one_or_none()
    account = session.get(Account, token.owner_id) if token is not None else None
    return (account, token) if account is not None and token is not None and account.active else None


def has_accounts(session: Session) -> bool:
    """Whether anybody has an account yet."""
    return session.scalar(select(Account.id).limit(1)) is not None


def _is_called(name: str) -> ColumnElement[bool]:
    # Both sides by the database: not every one knows the small form of every letter, as Python does.
    return func.lower(Account.name) == func.lower(name)


def _scrypt(password: str, salt: bytes) -> bytes:
    return hashlib.scrypt(password.encode(), salt=salt, n=_COST, r=_BLOCK, p=_PARALLEL, maxmem=64 * 2**20)


def _text(value: bytes) -> str:
    return base64.b64encode(value).decode()


_NOBODY = hash_password(secrets.token_urlsafe(16))

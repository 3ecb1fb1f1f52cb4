"""Recordings of the service: what is accepted, what an account has room for, and what goes with a recording."""

from __future__ import annotations

import hashlib
import shutil
import unicodedata
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from spindle.service import tables
from spindle.service.audit import note
from spindle.service.channel_choice import stored_channels
from spindle.service.context import Context
from spindle.service.database import owned
from spindle.service.guard import User
from spindle.service.inspection import inspect, renamed
from spindle.service.problems import Problem, not_found
from spindle.service.receiving import disk_full, full_disk_is_a_problem
from spindle.service.tables import JobState, new_id
from spindle.service.uploads import Incoming

LONGEST_NAME = 200
_BLOCK = 2**22


@dataclass(frozen=True, kw_only=True)
class Accepted:
    """A recording that is kept now; `is_new` is False where the account had the same file already."""

    recording: tables.Recording
    is_new: bool


def clean_name(name: str) -> str:
    """Return what a file is called on pages: without folders, and without what cannot be seen.

    It is only shown; no path is made of it. The end of a long name stays, because it tells the format.
    """
    parts = unicodedata.normalize("NFC", name.encode("utf-8", "replace").decode("utf-8")).replace("\\", "/").split("/")
    # A space for what cannot be printed, such as a line's end or a mark that turns the direction of reading.
    seen = (" ".join("".join(one if one.isprintable() else " " for one in part).split()) for part in reversed(parts))
    found = next((part for part in seen if part.strip(". ")), "recording.edf")
    if len(found) <= LONGEST_NAME:
        return found
    end = found[-20:]
    return f"{found[: LONGEST_NAME - len(end) - 1]}…{end}"


def in_words(size: int) -> str:
    """Say a number of bytes as people do."""
    for unit, bytes_each in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if size >= bytes_each:
            return f"{size / bytes_each:.3g} {unit}"
    return f"{size} bytes"


def quota_of(context: Context, user: User) -> int:
    """Return how much an account may keep."""
    return context.settings.limits.quota_bytes if user.quota_bytes is None else user.quota_bytes


def kept_bytes(session: Session, owner_id: str) -> int:
    """Return how much an account keeps."""
    statement = select(func.coalesce(func.sum(tables.Recording.size_bytes), 0))
    return int(session.scalars(statement.where(tables.Recording.owner_id == owner_id)).one())


def check_room(context: Context, user: User, name: str, size: int) -> None:
    """Refuse a file of so many bytes before any of it has come. Errors: Problem 413, 507."""
    if size > context.settings.limits.largest_bytes:
        raise Problem(413, too_large(context, name, size))
    incoming = Incoming(context.files, user.id)
    coming = sum(upload.length for upload in incoming.unfinished())
    if size + coming > room(context, user):
        raise Problem(413, no_quota(context, user, name, coming))
    # What others have announced and not sent is not counted: the disk itself has the last word.
    if size > shutil.disk_usage(context.files.scratch).free:
        raise disk_full()


def room(context: Context, user: User) -> int:
    """Return how much more the account may keep."""
    with context.database.reading() as session:
        return quota_of(context, user) - kept_bytes(session, user.id)


def too_large(context: Context, name: str, size: int | None = None) -> str:
    """Say that a file is too large."""
    has = "is larger than the service takes" if size is None else f"has {in_words(size)}"
    return f"{name} {has}; recordings may have up to {in_words(context.settings.limits.largest_bytes)}."


def no_quota(context: Context, user: User, name: str, coming: int = 0) -> str:
    """Say that the account is full."""
    others = f", of which {in_words(coming)} are uploads that have not ended" if coming else ""
    return (
        f"There is no room for {name}: your account may keep {in_words(quota_of(context, user))}{others}; delete what "
        "you need no more, or ask an administrator for a larger quota."
    )


def sha256_of(path: Path) -> str:
    """Return a file's checksum."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def accept(context: Context, user: User, path: Path, name: str, sha256: str, expected: str | None = None) -> Accepted:
    """Take a file over as a recording, if it is one; `path` is gone afterwards, whatever happens.

    `sha256` is what the file has, `expected` what its sender said. The same file again gives the recording that is
    there. Errors: RecordingError, as the command line has them; Problem 413 for a quota, 422 for another checksum, 507.
    """
    try:
        if expected is not None and expected.lower() != sha256:
            raise Problem(422, f"{name} arrived with another checksum than its sender's; send it again.")
        known = _same(context, user.id, sha256)
        if known is not None:
            return Accepted(recording=known, is_new=False)
        row = _read(path, name)
        row.owner_id, row.sha256, row.size_bytes = user.id, sha256, path.stat().st_size
        with full_disk_is_a_problem():
            context.files.put(path, row.file)
        return _keep(context, user, row)
    finally:
        path.unlink(missing_ok=True)


def delete(context: Context, user: User, recording_id: str) -> None:
    """Delete a recording with its labels, jobs and scorings; what works on it is stopped. Errors: Problem 404."""
    with context.database.reading() as session:
        jobs = session.scalars(
            select(tables.Job.id).where(
                tables.Job.owner_id == user.id,
                tables.Job.recording_id == recording_id,
                tables.Job.state.in_((JobState.QUEUED, JobState.RUNNING)),
            )
        ).all()
    for job_id in jobs:
        context.jobs.cancel(user.id, job_id)
    with context.database.writing() as session:
        row = owned(session, tables.Recording, user.id, recording_id)
        if row is None:
            raise not_found("recording")
        labels, scorings = (
            session.scalars(select(table.id).where(table.recording_id == recording_id)).all()
            for table in (tables.LabelFile, tables.Scoring)
        )
        session.delete(row)
        note(session, user.id, "recording.delete", recording_id)
    # Files go after the rows that name them; should this be cut short, what no row names is swept away later.
    for key in (
        f"recordings/{recording_id}",
        *(f"labels/{one}" for one in labels),
        *(f"scorings/{one}" for one in scorings),
    ):
        context.files.remove(key)


def _read(path: Path, name: str) -> tables.Recording:
    """Make the row of a file. Errors: RecordingError."""
    recording = inspect(path, name)
    with path.open("rb") as file:
        is_bdf = file.read(1) == b"\xff"
    key = new_id()
    return tables.Recording(
        id=key,
        name=name,
        file=f"recordings/{key}/recording.{'bdf' if is_bdf else 'edf'}",
        started_at=None if recording.start is None else recording.start.isoformat(),
        duration_s=max(channel.duration_s for channel in recording.channels),
        channels=stored_channels(recording.channels),
        eeg=[],
        emg=None,
        notes=[renamed(one, path, name) for one in recording.notes],
    )


def _keep(context: Context, user: User, row: tables.Recording) -> Accepted:
    try:
        with context.database.writing() as session:
            # Two files that arrive at once are counted one after the other.
            session.execute(select(tables.Account.id).where(tables.Account.id == user.id).with_for_update())
            if kept_bytes(session, user.id) + row.size_bytes > quota_of(context, user):
                raise Problem(413, no_quota(context, user, row.name))
            session.add(row)
            note(session, user.id, "recording.add", row.id)
    except (IntegrityError, Problem) as error:
        context.files.remove(row.file.rpartition("/")[0])
        known = None if isinstance(error, Problem) else _same(context, user.id, row.sha256)
        if known is None:
            raise
        return Accepted(recording=known, is_new=False)
    return Accepted(recording=row, is_new=True)


def _same(context: Context, owner_id: str, sha256: str) -> tables.Recording | None:
    statement: Any = select(tables.Recording).where(
        tables.Recording.owner_id == owner_id, tables.Recording.sha256 == sha256
    )
    with context.database.reading() as session:
        found: tables.Recording | None = session.scalars(statement).one_or_none()
    return found

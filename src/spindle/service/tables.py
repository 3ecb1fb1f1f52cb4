"""What the service remembers: one class per table, and which belongs to whom.

Every row that a user made has `owner_id`, and `spindle.service.database` has no way to ask for one without it.
Recordings, results and models themselves are files; the tables hold the words and numbers about them.
A change of this file needs a file in `migrations/versions`; a test compares the two.
"""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, ClassVar

from sqlalchemy import (
    JSON,
    BigInteger,
    DateTime,
    Dialect,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Text,
    TypeDecorator,
    UniqueConstraint,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


def new_id() -> str:
    """Make a name that nobody can guess."""
    return uuid.uuid4().hex


def now() -> datetime:
    """The time, with its zone."""
    return datetime.now(UTC)


class UtcTime(TypeDecorator[datetime]):
    """A moment, in UTC; SQLite keeps no zones, so that none may be kept."""

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Store in UTC, without the zone."""
        return None if value is None else value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Read back with the zone."""
        return None if value is None else value.replace(tzinfo=UTC)


class Table(DeclarativeBase):
    """What all tables have in common: names of constraints, which migrations need."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(column_0_label)s",
            "uq": "uq_%(table_name)s_%(column_0_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map: ClassVar[dict[Any, Any]] = {datetime: UtcTime, dict[str, Any]: JSON, list[Any]: JSON}


class Role(StrEnum):
    """What an account may do: its own work, or also look after accounts."""

    USER = "user"
    ADMINISTRATOR = "administrator"


class JobKind(StrEnum):
    """What a job does."""

    SCORE = "score"
    TRAIN = "train"
    ANALYZE = "analyze"


class JobState(StrEnum):
    """Where a job stands; the last three are final."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_final(self) -> bool:
        """Whether nothing more happens to the job."""
        return self in (JobState.DONE, JobState.FAILED, JobState.CANCELLED)


def _key() -> Mapped[str]:
    return mapped_column(String(32), primary_key=True, default=new_id)


def _owner() -> Mapped[str]:
    return mapped_column(String(32), ForeignKey("accounts.id", ondelete="CASCADE"), index=True)


class Account(Table):
    """Somebody who may sign in. `quota_bytes` is None where the service's own holds."""

    __tablename__ = "accounts"
    id: Mapped[str] = _key()
    name: Mapped[str] = mapped_column(String(200), unique=True)
    password_hash: Mapped[str] = mapped_column(String(300))
    role: Mapped[str] = mapped_column(String(20), default=Role.USER)
    active: Mapped[bool] = mapped_column(default=True)
    quota_bytes: Mapped[int | None] = mapped_column(BigInteger)
    created_at: Mapped[datetime] = mapped_column(default=now)


class Invitation(Table):
    """A link with which one account can be made, or the password of `account_id` set anew, once.

    The link itself is not kept, only its hash.
    """

    __tablename__ = "invitations"
    token_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    role: Mapped[str] = mapped_column(String(20))
    account_id: Mapped[str | None] = mapped_column(String(32), ForeignKey("accounts.id", ondelete="CASCADE"))
    created_at: Mapped[datetime] = mapped_column(default=now)
    expires_at: Mapped[datetime]


class BrowserSession(Table):
    """A browser that has signed in. The cookie is not kept, only its hash."""

    __tablename__ = "browser_sessions"
    token_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    account_id: Mapped[str] = mapped_column(String(32), ForeignKey("accounts.id", ondelete="CASCADE"), index=True)
    csrf: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[datetime] = mapped_column(default=now)
    expires_at: Mapped[datetime]


class ApiToken(Table):
    """A password of a program. It is shown once; only its hash is kept."""

    __tablename__ = "api_tokens"
    id: Mapped[str] = _key()
    owner_id: Mapped[str] = _owner()
    name: Mapped[str] = mapped_column(String(200))
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    created_at: Mapped[datetime] = mapped_column(default=now)
    used_at: Mapped[datetime | None]


class Recording(Table):
    """A file that was accepted. `channels` are records of label, unit, rate_hz and role; `eeg` and `emg` are the
    names that scoring takes, as `spindle.montage.choose_montages` reads them: [] and None leave it to the labels.
    """

    __tablename__ = "recordings"
    __table_args__ = (UniqueConstraint("owner_id", "sha256"), Index("ix_recordings_page", "owner_id", "created_at"))
    id: Mapped[str] = _key()
    owner_id: Mapped[str] = _owner()
    name: Mapped[str] = mapped_column(String(255))
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    sha256: Mapped[str] = mapped_column(String(64))
    file: Mapped[str] = mapped_column(String(400))
    started_at: Mapped[str | None] = mapped_column(String(40))
    duration_s: Mapped[float]
    channels: Mapped[list[Any]]
    eeg: Mapped[list[Any]] = mapped_column(default=list)
    emg: Mapped[str | None] = mapped_column(String(100))
    notes: Mapped[list[Any]] = mapped_column(default=list)
    created_at: Mapped[datetime] = mapped_column(default=now)


class LabelFile(Table):
    """An expert's labels of a recording."""

    __tablename__ = "label_files"
    id: Mapped[str] = _key()
    owner_id: Mapped[str] = _owner()
    recording_id: Mapped[str] = mapped_column(String(32), ForeignKey("recordings.id", ondelete="CASCADE"), index=True)
    name: Mapped[str] = mapped_column(String(255))
    file: Mapped[str] = mapped_column(String(400))
    epochs: Mapped[int]
    created_at: Mapped[datetime] = mapped_column(default=now)


class Model(Table):
    """A model that a laboratory trained or brought. `card` is what its file says of itself."""

    __tablename__ = "models"
    id: Mapped[str] = _key()
    owner_id: Mapped[str] = _owner()
    name: Mapped[str] = mapped_column(String(200))
    file: Mapped[str] = mapped_column(String(400))
    card: Mapped[dict[str, Any]]
    job_id: Mapped[str | None] = mapped_column(String(32), unique=True)
    created_at: Mapped[datetime] = mapped_column(default=now)


class Job(Table):
    """Work to be done. `request` is all that decides its result; `attempt` counts how often it was begun.

    A process that works at a job holds the number of its attempt, and may end the job only while that is the last:
    so that a worker that was thought dead cannot end what another has begun again.
    """

    __tablename__ = "jobs"
    __table_args__ = (Index("ix_jobs_page", "owner_id", "created_at"),)
    id: Mapped[str] = _key()
    owner_id: Mapped[str] = _owner()
    kind: Mapped[str] = mapped_column(String(20))
    title: Mapped[str] = mapped_column(String(300), default="")
    recording_id: Mapped[str | None] = mapped_column(
        String(32), ForeignKey("recordings.id", ondelete="CASCADE"), index=True
    )
    cohort_id: Mapped[str | None] = mapped_column(String(32), ForeignKey("cohorts.id", ondelete="CASCADE"), index=True)
    request: Mapped[dict[str, Any]]
    state: Mapped[str] = mapped_column(String(20), default=JobState.QUEUED, index=True)
    attempt: Mapped[int] = mapped_column(default=0)
    cancel: Mapped[bool] = mapped_column(default=False)
    doing: Mapped[str] = mapped_column(String(300), default="")
    share: Mapped[float] = mapped_column(default=0.0)
    problem: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(default=now)
    started_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]


class JobLine(Table):
    """One line of a job's log, for its owner to read."""

    __tablename__ = "job_lines"
    number: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    job_id: Mapped[str] = mapped_column(String(32), ForeignKey("jobs.id", ondelete="CASCADE"), index=True)
    at: Mapped[datetime] = mapped_column(default=now)
    text: Mapped[str] = mapped_column(Text)


class Scoring(Table):
    """The scoring of one animal of a recording.

    Its files are under `scorings/ID/`. `artifact_threshold` is where the user left it. `revision` is how many of its
    corrections hold: undoing lowers it, redoing raises it. `summary` is what a list shows without opening files.
    """

    __tablename__ = "scorings"
    __table_args__ = (UniqueConstraint("job_id", "animal"),)
    id: Mapped[str] = _key()
    owner_id: Mapped[str] = _owner()
    recording_id: Mapped[str] = mapped_column(String(32), ForeignKey("recordings.id", ondelete="CASCADE"), index=True)
    job_id: Mapped[str] = mapped_column(String(32), ForeignKey("jobs.id", ondelete="CASCADE"), index=True)
    animal: Mapped[str] = mapped_column(String(100), default="")
    model_name: Mapped[str] = mapped_column(String(300))
    epochs: Mapped[int]
    epoch_s: Mapped[float]
    artifact_threshold: Mapped[float]
    revision: Mapped[int] = mapped_column(default=0)
    summary: Mapped[dict[str, Any]]
    created_at: Mapped[datetime] = mapped_column(default=now)


class Correction(Table):
    """A change that a person made to epochs `first` to `last`, both included, of a scoring.

    `stage` is a state's name, or None to leave it; `artifact` sets or clears the flag, or None leaves it.
    """

    __tablename__ = "corrections"
    scoring_id: Mapped[str] = mapped_column(String(32), ForeignKey("scorings.id", ondelete="CASCADE"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    first: Mapped[int]
    last: Mapped[int]
    stage: Mapped[str | None] = mapped_column(String(10))
    artifact: Mapped[bool | None]
    made_at: Mapped[datetime] = mapped_column(default=now)


class Cohort(Table):
    """Groups of animals to compare. `rows` are records of scoring_id, group, animal and lights_on; `settings` the
    fields of `spindle.options.AnalysisOptions` that differ from its defaults; `job_id` made the results that are shown.
    """

    __tablename__ = "cohorts"
    id: Mapped[str] = _key()
    owner_id: Mapped[str] = _owner()
    name: Mapped[str] = mapped_column(String(200))
    rows: Mapped[list[Any]] = mapped_column(default=list)
    settings: Mapped[dict[str, Any]] = mapped_column(default=dict)
    job_id: Mapped[str | None] = mapped_column(String(32))
    created_at: Mapped[datetime] = mapped_column(default=now)


class AuditEntry(Table):
    """Who did what, when, to what. It outlives what it is about, and names neither people nor files."""

    __tablename__ = "audit"
    number: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    at: Mapped[datetime] = mapped_column(default=now, index=True)
    account_id: Mapped[str | None] = mapped_column(String(32), index=True)
    action: Mapped[str] = mapped_column(String(60))
    subject: Mapped[str] = mapped_column(String(120))

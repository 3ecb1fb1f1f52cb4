"""Jobs as the web program and the workers know them: handed in, begun, told of, cancelled, ended once.

The rows say what is true. A queue only decides who works on a job, so that handing one over twice does no harm.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, Protocol, runtime_checkable

from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from spindle.errors import SettingError
from spindle.service.database import Database, owned
from spindle.service.tables import Cohort, Job, JobKind, JobLine, JobState, Model, Scoring, Table, now

MOST_BEGINNINGS = 10
"""A job that was begun so often and never ended has failed; each worker that dies while it works on it costs one."""

LOST = (
    "The process that worked on it came to its end from outside, again and again, as happens where memory is too small."
)
LONGEST_LINE = 2000

TABLES: dict[str, type[Table]] = {"scorings": Scoring, "models": Model}
"""What rows of results may be: only these, because their words come from another process."""

_log = logging.getLogger(__name__)


class QueueUnreachable(Exception):  # noqa: N818 - it is a state of things, and nobody's mistake
    """The queue cannot be reached now; workers find the rows that it lacks later."""


@runtime_checkable
class Queue(Protocol):
    """Hands jobs to workers, those of different owners in turn."""

    def put(self, job_id: str, owner_id: str) -> None:
        """Hand a job over; nothing happens where that was done before. Errors: QueueUnreachable."""

    def without_worker(self, job_ids: Sequence[str]) -> set[str]:
        """Those of these jobs that no worker has and none will be given. Errors: QueueUnreachable."""

    def put_again(self, job_id: str, owner_id: str) -> None:
        """Hand a job over that `without_worker` named. Errors: QueueUnreachable."""


@dataclass(frozen=True, kw_only=True)
class Begun:
    """A job that was begun: what its worker needs. Only who holds the last `attempt` may end it."""

    job_id: str
    attempt: int
    kind: str
    request: dict[str, Any]


class Standing(Enum):
    """What a worker is to do with the job that it works on."""

    GO_ON = auto()
    CANCEL = auto()
    LET_GO = auto()
    """The job is gone, has ended, or was begun again by another worker."""


class Jobs:
    """The table of jobs, with the queue that goes with it."""

    def __init__(self, database: Database, queue: Queue) -> None:
        self.database = database
        self.queue = queue

    def submit(
        self,
        owner_id: str,
        kind: JobKind,
        *,
        title: str,
        request: dict[str, Any],
        recording_id: str | None = None,
        cohort_id: str | None = None,
        job_id: str | None = None,
    ) -> Job:
        """Hand in a job. With a `job_id` that this account used before, the job of that id is returned as it is.

        The row is there when this returns; a queue that cannot be reached only delays the job.
        Errors: SettingError where the id is somebody else's.
        """
        job = Job(
            owner_id=owner_id,
            kind=kind,
            title=title[:300],
            request=request,
            recording_id=recording_id,
            cohort_id=cohort_id,
        )
        if job_id is not None:
            job.id = job_id
        try:
            with self.database.writing() as session:
                found = session.get(Job, job_id) if job_id is not None else None
                if found is None:
                    session.add(job)
        except IntegrityError:
            # Two requests with one id at the same moment: the other one was first.
            with self.database.reading() as session:
                found = session.get(Job, job.id)
            if found is None:
                raise
        job = found or job
        if job.owner_id != owner_id:
            raise SettingError(f"The id {job.id} belongs to another job; choose another one.")
        if job.state == JobState.QUEUED:
            self._put(job.id, owner_id)
        return job

    def cancel(self, owner_id: str, job_id: str) -> Job | None:
        """Cancel a job: at once where none works on it, and as soon as its worker looks otherwise.

        Returns the job as it is now, or None where this account has none of this id.
        """
        with self.database.writing() as session:
            job = owned(session, Job, owner_id, job_id)
            if job is None:
                return None
            # Read again under a lock: a worker may be about to begin or end it.
            job = _locked(session, job_id)
            if job is not None and not JobState(job.state).is_final:
                job.cancel = True
                if job.state == JobState.QUEUED:
                    _end(job, JobState.CANCELLED)
            return job

    def begin(self, job_id: str) -> Begun | None:
        """Begin a job, or begin it again. None where nothing is to be done: it has ended, or is gone."""
        with self.database.writing() as session:
            job = _locked(session, job_id)
            if job is None or JobState(job.state).is_final:
                return None
            if job.cancel:
                _end(job, JobState.CANCELLED)
                return None
            if job.attempt >= MOST_BEGINNINGS:
                _end(job, JobState.FAILED, LOST)
                return None
            job.attempt += 1
            job.state = JobState.RUNNING
            job.started_at = job.started_at or now()
            job.doing, job.share = "", 0.0
            return Begun(job_id=job.id, attempt=job.attempt, kind=job.kind, request=job.request)

    def put_back(self, begun: Begun) -> None:
        """Give a job up that was begun, because its worker has to stop. It does not count as a beginning."""
        with self.database.writing() as session:
            session.execute(
                update(Job).where(*_held(begun)).values(state=JobState.QUEUED, attempt=begun.attempt - 1, doing="")
            )

    def standing(self, begun: Begun) -> Standing:
        """Look whether a job is still its worker's, and still wanted."""
        with self.database.reading() as session:
            row = session.execute(select(Job.cancel).where(*_held(begun))).one_or_none()
        if row is None:
            return Standing.LET_GO
        return Standing.CANCEL if row.cancel else Standing.GO_ON

    def progress(self, begun: Begun, doing: str, share: float) -> None:
        """Say what is being done and the share that is done, 0 to 1; call it at most twice a second."""
        values = {"doing": doing[:300], "share": min(1.0, max(0.0, share))}
        with self.database.writing() as session:
            session.execute(update(Job).where(*_held(begun)).values(**values))

    def lines(self, begun: Begun, texts: Iterable[str]) -> None:
        """Add lines to the job's log."""
        with self.database.writing() as session:
            if session.execute(select(Job.id).where(*_held(begun))).one_or_none() is not None:
                session.add_all(JobLine(job_id=begun.job_id, text=text[:LONGEST_LINE]) for text in texts)

    def finish(
        self, begun: Begun, state: JobState, *, problem: str | None = None, rows: Sequence[dict[str, Any]] = ()
    ) -> JobState | None:
        """End a job, together with the rows of its results, if this attempt still may. Returns how it ended.

        None means that nothing was done: another attempt has it, or has ended it. A job that its owner has cancelled
        is cancelled, even if its results came at the same moment. Each row has `table`, a key of `TABLES`.
        """
        with self.database.writing() as session:
            job = _locked(session, begun.job_id)
            if job is None or job.attempt != begun.attempt or job.state != JobState.RUNNING:
                return None
            if job.cancel:
                state, problem = JobState.CANCELLED, None
            if state is JobState.DONE:
                session.add_all(_result(job, row) for row in rows)
                if job.cohort_id is not None and (cohort := session.get(Cohort, job.cohort_id)) is not None:
                    cohort.job_id = job.id
            _end(job, state, problem)
            return state

    def resubmit_lost(self, *, most: int = 1000) -> int:
        """Hand over the jobs that have not ended and that the queue does not know, or believes to have ended.

        So it is after a crash between row and queue, and where the queue's file was lost. Returns how many.
        Errors: QueueUnreachable.
        """
        with self.database.reading() as session:
            rows = session.execute(
                select(Job.id, Job.owner_id)
                .where(Job.state.in_([JobState.QUEUED, JobState.RUNNING]))
                .order_by(Job.created_at)
                .limit(most)
            ).all()
        owners = {row.id: row.owner_id for row in rows}
        lost = self.queue.without_worker(list(owners)) if owners else set()
        for job_id in owners:
            if job_id in lost:
                self.queue.put_again(job_id, owners[job_id])
        return len(lost)

    def _put(self, job_id: str, owner_id: str) -> None:
        try:
            self.queue.put(job_id, owner_id)
        except QueueUnreachable as error:
            _log.warning("job %s waits for a worker to find it: %s", job_id, error)


def _locked(session: Session, job_id: str) -> Job | None:
    # SQLite has one writer at a time anyway, and passes over FOR UPDATE.
    return session.scalars(
        select(Job).where(Job.id == job_id).with_for_update().execution_options(populate_existing=True)
    ).one_or_none()


def _held(begun: Begun) -> tuple[Any, ...]:
    return Job.id == begun.job_id, Job.attempt == begun.attempt, Job.state == JobState.RUNNING


def _end(job: Job, state: JobState, problem: str | None = None) -> None:
    job.state = state
    job.problem = problem
    job.ended_at = now()
    job.doing = ""
    if state is JobState.DONE:
        job.share = 1.0


def _result(job: Job, row: dict[str, Any]) -> Table:
    values = dict(row)
    table = TABLES[values.pop("table")]
    if table is Scoring:
        values["recording_id"] = job.recording_id
    return table(**values, owner_id=job.owner_id, job_id=job.id)

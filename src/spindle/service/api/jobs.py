"""Jobs: what is waiting, running and done, how far it is, what it said, and stopping it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict
from sqlalchemy import select
from sqlalchemy.orm import Session

from spindle.service import tables
from spindle.service.api.paging import Cursor, Limit, Page, one_page
from spindle.service.audit import note
from spindle.service.guard import InContext, SignedIn, own
from spindle.service.tables import JobKind, JobState

router = APIRouter(prefix="/jobs", tags=["jobs"])


class Job(BaseModel):
    """Work to be done. `share` of it is done, 0 to 1, and `doing` says at what it is; `problem` why it failed."""

    model_config = ConfigDict(from_attributes=True)
    id: str
    kind: JobKind
    title: str
    state: JobState
    share: float
    doing: str
    problem: str | None
    attempt: int
    recording_id: str | None
    cohort_id: str | None
    scorings: list[str] = []
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None


class JobLine(BaseModel):
    """A line of a job's log."""

    model_config = ConfigDict(from_attributes=True)
    number: int
    at: datetime
    text: str


def shown(session: Session, rows: Sequence[tables.Job]) -> list[Job]:
    """Make jobs as they are answered, with the scorings that came of them."""
    jobs = {row.id: Job.model_validate(row) for row in rows}
    scorings = select(tables.Scoring.job_id, tables.Scoring.id).where(tables.Scoring.job_id.in_(jobs))
    for job_id, scoring_id in session.execute(scorings.order_by(tables.Scoring.animal)):
        jobs[job_id].scorings.append(scoring_id)
    return list(jobs.values())


@router.get("", responses={422: {}})
def list_jobs(
    user: SignedIn,
    context: InContext,
    state: Annotated[list[JobState] | None, Query(description="only jobs that stand so")] = None,
    recording: Annotated[
        str | None, Query(pattern="^[0-9a-zA-Z]{1,32}$", description="only jobs of this recording")
    ] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[Job]:
    """List one's own jobs, newest first."""
    statement = select(tables.Job).where(tables.Job.owner_id == user.id)
    if state:
        statement = statement.where(tables.Job.state.in_(state))
    if recording is not None:
        statement = statement.where(tables.Job.recording_id == recording)
    with context.database.reading() as session:
        rows, following = one_page(session, statement, tables.Job, limit, cursor)
        return Page[Job](items=shown(session, rows), next=following)


@router.get("/{job_id}", responses={404: {}})
def show_job(job_id: str, user: SignedIn, context: InContext) -> Job:
    """Tell where a job stands."""
    row = own(context, user, tables.Job, job_id, "job")
    with context.database.reading() as session:
        return shown(session, [row])[0]


@router.get("/{job_id}/log", responses={404: {}})
def read_log(
    job_id: str,
    user: SignedIn,
    context: InContext,
    after: Annotated[int, Query(ge=0, lt=2**31, description="the number of the last line that is known")] = 0,
) -> list[JobLine]:
    """Read what a job said, at most a thousand lines at a time."""
    own(context, user, tables.Job, job_id, "job")
    statement = select(tables.JobLine).where(tables.JobLine.job_id == job_id, tables.JobLine.number > after)
    with context.database.reading() as session:
        rows = session.scalars(statement.order_by(tables.JobLine.number).limit(1000)).all()
    return [JobLine.model_validate(row) for row in rows]


@router.post("/{job_id}/cancel", responses={404: {}})
def cancel_job(job_id: str, user: SignedIn, context: InContext) -> Job:
    """Stop a job. One that runs ends within a moment; one that has ended stays as it is."""
    row = own(context, user, tables.Job, job_id, "job")
    if not JobState(row.state).is_final:
        context.jobs.cancel(user.id, job_id)
        with context.database.writing() as session:
            note(session, user.id, "job.cancel", job_id)
    return show_job(job_id, user, context)

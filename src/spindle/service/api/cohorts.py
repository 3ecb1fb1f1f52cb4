"""Cohorts: groups of animals, their analysis, and its tables and figures."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import fields
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

from fastapi import APIRouter, Query, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict, Field, create_model
from sqlalchemy import select
from sqlalchemy.orm import Session

from spindle.options import AnalysisOptions
from spindle.service.api.jobs import Job
from spindle.service.api.paging import Cursor, Limit, Page, one_page
from spindle.service.audit import note
from spindle.service.cohorts import analysis_request, animal_of, check_rows, check_settings
from spindle.service.context import Context
from spindle.service.database import owned
from spindle.service.guard import InContext, SignedIn, own
from spindle.service.problems import Problem, not_found
from spindle.service.sending import PIECE, disposition, send_file
from spindle.service.tables import Cohort, JobKind, Recording, Scoring
from spindle.service.tables import Job as JobRow

router = APIRouter(prefix="/cohorts", tags=["cohorts"])

PAGE = "analysis.html"
TYPES = {
    ".html": "text/html; charset=utf-8",
    ".csv": "text/csv; charset=utf-8",
    ".png": "image/png",
    ".svg": "image/svg+xml",
}

if TYPE_CHECKING:
    AnalysisSettings = BaseModel
else:
    # One source for the command line's options and these: the fields of AnalysisOptions, none of them required.
    AnalysisSettings = create_model(
        "AnalysisSettings",
        __config__=ConfigDict(extra="forbid"),
        __doc__="What differs from the usual in an analysis: the options of `spindle analyze`.",
        **{
            one.name: (
                get_type_hints(AnalysisOptions)[one.name] | None,
                Field(None, description=one.metadata.get("help")),
            )
            for one in fields(AnalysisOptions)
        },
    )


class CohortRow(BaseModel):
    """An animal: its scoring and its group. `animal` is its recording's name where none is given."""

    scoring_id: str = Field(max_length=40)
    group: str = Field(default="", max_length=100)
    animal: str = Field(default="", max_length=100)
    lights_on: str = Field(default="", max_length=5)


class CohortWords(BaseModel):
    """A cohort to be made."""

    name: str = Field(min_length=1, max_length=200)
    rows: list[CohortRow] = Field(default=[], max_length=2000)
    settings: AnalysisSettings = Field(default_factory=AnalysisSettings)


class CohortChange(BaseModel):
    """What to change; what is left out stays."""

    name: str | None = Field(default=None, min_length=1, max_length=200)
    rows: list[CohortRow] | None = Field(default=None, max_length=2000)
    settings: AnalysisSettings | None = None


class ShownRow(CohortRow):
    """An animal as it is shown, with the names of its recording and of the animal in it."""

    recording_id: str
    recording: str
    usual_name: str


class ShownCohort(BaseModel):
    """A cohort. `job` is its latest analysis; `results` says whether that has left tables and figures."""

    id: str
    name: str
    rows: list[ShownRow]
    settings: dict[str, Any]
    job: Job | None
    results: bool
    created_at: datetime


class CohortFile(BaseModel):
    """A table, figure or page that an analysis made."""

    path: str
    title: str


@router.get("")
def list_cohorts(user: SignedIn, context: InContext, limit: Limit = 50, cursor: Cursor = None) -> Page[ShownCohort]:
    """List one's own cohorts, newest first."""
    with context.database.reading() as session:
        rows, following = one_page(session, select(Cohort).where(Cohort.owner_id == user.id), Cohort, limit, cursor)
        return Page[ShownCohort](items=[_shown(session, row) for row in rows], next=following)


@router.post("", status_code=201, responses={422: {}})
def make_cohort(wanted: CohortWords, user: SignedIn, context: InContext) -> ShownCohort:
    """Make a cohort of scorings and their groups."""
    settings = check_settings(wanted.settings.model_dump(exclude_none=True))
    rows = [row.model_dump() for row in wanted.rows]
    with context.database.writing() as session:
        check_rows(session, user.id, rows)
        cohort = Cohort(owner_id=user.id, name=wanted.name, rows=rows, settings=settings)
        session.add(cohort)
        session.flush()
        note(session, user.id, "cohort.make", cohort.id)
        return _shown(session, cohort)


@router.get("/{cohort_id}", responses={404: {}})
def get_cohort(cohort_id: str, user: SignedIn, context: InContext) -> ShownCohort:
    """Show a cohort."""
    with context.database.reading() as session:
        return _shown(session, _own(session, user.id, cohort_id))


@router.patch("/{cohort_id}", responses={404: {}, 422: {}})
def change_cohort(cohort_id: str, wanted: CohortChange, user: SignedIn, context: InContext) -> ShownCohort:
    """Change a cohort; its results stay those of its last analysis."""
    with context.database.writing() as session:
        cohort = _own(session, user.id, cohort_id)
        if wanted.name is not None:
            cohort.name = wanted.name
        if wanted.rows is not None:
            rows = [row.model_dump() for row in wanted.rows]
            check_rows(session, user.id, rows)
            cohort.rows = rows
        if wanted.settings is not None:
            cohort.settings = check_settings(wanted.settings.model_dump(exclude_none=True))
        note(session, user.id, "cohort.change", cohort_id)
        return _shown(session, cohort)


@router.delete("/{cohort_id}", status_code=204, responses={404: {}})
def delete_cohort(cohort_id: str, user: SignedIn, context: InContext) -> None:
    """Delete a cohort and its results; recordings and scorings stay."""
    with context.database.reading() as session:
        cohort = _own(session, user.id, cohort_id)
    if cohort.job_id is not None:
        context.jobs.cancel(user.id, cohort.job_id)
    with context.database.writing() as session:
        session.delete(_own(session, user.id, cohort_id))
        note(session, user.id, "cohort.delete", cohort_id)
    context.files.remove(f"cohorts/{cohort_id}")


@router.post("/{cohort_id}/analyze", status_code=202, responses={404: {}, 422: {}})
def analyze_cohort(cohort_id: str, user: SignedIn, context: InContext) -> Job:
    """Analyse a cohort as its scorings are now, with their thresholds and corrections; the answer is the job."""
    with context.database.reading() as session:
        cohort = _own(session, user.id, cohort_id)
        request = analysis_request(session, cohort)
    job = context.jobs.submit(
        user.id, JobKind.ANALYZE, title=f"Analyse {cohort.name}", request=request, cohort_id=cohort_id
    )
    with context.database.writing() as session:
        _own(session, user.id, cohort_id).job_id = job.id
        note(session, user.id, "cohort.analyze", cohort_id)
    return Job.model_validate(job)


@router.get("/{cohort_id}/files", responses={404: {}})
def list_cohort_files(cohort_id: str, user: SignedIn, context: InContext) -> list[CohortFile]:
    """List what the last finished analysis made."""
    folder = _results(context, own(context, user, Cohort, cohort_id, "cohort"))
    return [CohortFile(path=name, title=_title(name)) for name in _names(context, folder)]


@router.get("/{cohort_id}/files/{path:path}", responses={404: {}}, response_class=Response)
def get_cohort_file(
    cohort_id: str, path: str, user: SignedIn, context: InContext, shown: Annotated[bool, Query()] = False
) -> Response:
    """Get a table, a figure or the page; `shown` is for looking at it in the browser."""
    cohort = own(context, user, Cohort, cohort_id, "cohort")
    folder = _results(context, cohort)
    if path not in _names(context, folder):
        raise not_found("file")
    kind = TYPES.get(Path(path).suffix, "application/octet-stream")
    return send_file(context.files, f"{folder}/{path}", f"{cohort.name} {Path(path).name}", kind, shown=shown)


@router.get("/{cohort_id}/archive.zip", responses={404: {}}, response_class=Response)
def get_cohort_archive(cohort_id: str, user: SignedIn, context: InContext) -> Response:
    """Get everything in one file."""
    cohort = own(context, user, Cohort, cohort_id, "cohort")
    folder = _results(context, cohort)
    names = _names(context, folder)
    if not names:
        raise not_found("result")
    with ExitStack() as stack:
        archive = stack.enter_context(context.files.working_folder()) / "archive.zip"
        with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as packed:
            for name in names:
                with context.files.local(f"{folder}/{name}") as path:
                    packed.write(path, name)
        kept = stack.pop_all()
    headers = {"Content-Disposition": disposition(f"{cohort.name}.zip"), "Content-Length": str(archive.stat().st_size)}
    return StreamingResponse(_pieces(archive, kept), media_type="application/zip", headers=headers)


def _pieces(path: Path, kept: ExitStack) -> Iterator[bytes]:
    with kept, path.open("rb") as file:
        while piece := file.read(PIECE):
            yield piece


def _own(session: Session, owner_id: str, cohort_id: str) -> Cohort:
    cohort = owned(session, Cohort, owner_id, cohort_id)
    if cohort is None:
        raise not_found("cohort")
    return cohort


def _results(context: Context, cohort: Cohort) -> str:
    """Return where the results of the latest analysis are that has ended well. Errors: Problem 404."""
    with context.database.reading() as session:
        latest = session.scalars(
            select(JobRow)
            .where(JobRow.cohort_id == cohort.id, JobRow.state == "done")
            .order_by(JobRow.created_at.desc(), JobRow.id.desc())
        ).first()
    if latest is None:
        raise Problem(404, f"{cohort.name} has not been analysed yet.")
    return f"cohorts/{cohort.id}/{latest.id}"


def _names(context: Context, folder: str) -> list[str]:
    """Names of what is shown: not what only makes the next analysis quick."""
    return [name for name in context.files.names(folder) if not name.startswith("work/") and Path(name).suffix in TYPES]


def _title(path: str) -> str:
    stem = Path(path).stem.replace("_", " ")
    return stem[:1].upper() + stem[1:]


def _shown(session: Session, cohort: Cohort) -> ShownCohort:
    rows = []
    for row in cohort.rows:
        scoring = session.get(Scoring, row["scoring_id"])
        if scoring is None:
            continue
        recording = session.get_one(Recording, scoring.recording_id)
        rows.append(
            ShownRow(
                **row, recording_id=recording.id, recording=recording.name, usual_name=animal_of(recording, scoring)
            )
        )
    jobs = select(JobRow).where(JobRow.cohort_id == cohort.id)
    job = session.get(JobRow, cohort.job_id) if cohort.job_id is not None else None
    return ShownCohort(
        id=cohort.id,
        name=cohort.name,
        rows=rows,
        settings=cohort.settings,
        job=None if job is None else Job.model_validate(job),
        results=session.scalars(jobs.where(JobRow.state == "done").limit(1)).first() is not None,
        created_at=cohort.created_at,
    )

"""Clearing up: files that no row names, leftovers of what was killed, and what was kept for long enough.

A file is there before the row that names it, and may stay after the row has gone: so what no row names is deleted, but
only after a day, because its row may be about to come.
"""

from __future__ import annotations

import logging
import re
import shutil
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from spindle.service.audit import note
from spindle.service.database import Database
from spindle.service.files import FileStore
from spindle.service.tables import Cohort, Job, JobState, LabelFile, Model, Recording, Scoring, now
from spindle.service.uploads import sweep as sweep_uploads

DAY_S = 86_400.0
LEFT_S = 14 * DAY_S
"""A folder of a process that is as old as this belongs to none that lives; the longest training takes days."""

NAMED: dict[str, Any] = {"recordings": Recording, "labels": LabelFile, "models": Model, "scorings": Scoring}
"""Folders whose files lie in folders of the ids of these rows."""

_OF_JOB = re.compile(r"work-([0-9a-z]{32})\.")

_log = logging.getLogger(__name__)


def tidy(database: Database, store: FileStore, keep_days: int) -> None:
    """Do all of it. `keep_days` is for how long recordings and results are kept; 0 keeps them."""
    forgotten = forget_old(database, store, keep_days) if keep_days else 0
    swept = sweep(database, store)
    cleared = clear_scratch(database, store)
    sweep_uploads(store)
    if forgotten or swept or cleared:
        _log.info("tidied: %d recordings too old, %d folders without rows, %d leftovers", forgotten, swept, cleared)


def forget_old(database: Database, store: FileStore, keep_days: int) -> int:
    """Delete recordings that are older, with their results, and analyses that are. Returns how many recordings."""
    before = now() - timedelta(days=keep_days)
    keys: list[str] = []
    with database.writing() as session:
        recordings = session.scalars(select(Recording).where(Recording.created_at < before)).all()
        for recording in recordings:
            keys += [f"recordings/{recording.id}"]
            keys += [f"labels/{one}" for one in _of_recording(session, LabelFile, recording)]
            keys += [f"scorings/{one}" for one in _of_recording(session, Scoring, recording)]
            session.delete(recording)
            note(session, None, "recording.expire", recording.id)
        session.flush()
        ended = [JobState.DONE, JobState.FAILED, JobState.CANCELLED]
        for job in session.scalars(select(Job).where(Job.created_at < before, Job.state.in_(ended))):
            if job.cohort_id is not None:
                keys.append(f"cohorts/{job.cohort_id}/{job.id}")
                cohort = session.get(Cohort, job.cohort_id)
                if cohort is not None and cohort.job_id == job.id:
                    cohort.job_id = None
            if job.recording_id is None:
                session.delete(job)
    # After the rows: a file that stays behind is swept later, and a row without its file would be a lie.
    for key in keys:
        store.remove(key)
    return len(recordings)


def sweep(database: Database, store: FileStore, *, clock: Callable[[], float] = time.time) -> int:
    """Delete the files that no row names and that are older than a day. Returns how many folders of them."""
    swept = 0
    for top, table in NAMED.items():
        found = {name.partition("/")[0] for name in store.names(top)}
        with database.reading() as session:
            unnamed = found - _those_of(session, table.id, found)
        swept += _remove_old(store, [f"{top}/{one}" for one in unnamed], clock)
    found = {"/".join(name.split("/")[:2]) for name in store.names("cohorts")}
    with database.reading() as session:
        kept = _analyses(session)
    return swept + _remove_old(store, [f"cohorts/{one}" for one in found - kept], clock)


def clear_scratch(database: Database, store: FileStore) -> int:
    """Delete what killed processes left on this machine, and trainings whose job has ended. Returns how many."""
    working = list(store.scratch.glob("work-*"))
    trainings = list(((store.folder if store.is_local else store.scratch) / "trainings").glob("*"))
    with database.reading() as session:
        waiting = select(Job.id).where(Job.state.in_([JobState.QUEUED, JobState.RUNNING]))
        at_work = set(session.scalars(waiting)) if trainings or working else set()
    over = [folder for folder in working if _is_over(folder, at_work)]
    over += [folder for folder in trainings if folder.name not in at_work]
    for folder in over:
        shutil.rmtree(folder, ignore_errors=True)
    return len(over)


def _is_over(folder: Path, at_work: set[str]) -> bool:
    """Whether nobody needs a working folder: its job has ended, or it is older than any process."""
    job = _OF_JOB.match(folder.name)
    if job is not None and job[1] not in at_work:
        return True
    # Whoever made it may delete it at this moment.
    with suppress(FileNotFoundError):
        return time.time() - folder.stat().st_mtime > LEFT_S
    return False


def _of_recording(session: Session, table: Any, recording: Recording) -> Iterable[str]:
    return session.scalars(select(table.id).where(table.recording_id == recording.id)).all()


def _analyses(session: Session) -> set[str]:
    """Return COHORT/JOB of what is shown, the latest analysis of each cohort that has ended well, and of what runs."""
    jobs = select(Job.cohort_id, Job.id, Job.state).where(Job.cohort_id.is_not(None))
    shown: dict[Any, str] = {}
    running = set()
    for cohort_id, job_id, state in session.execute(jobs.order_by(Job.created_at, Job.id)):
        if state == JobState.DONE:
            shown[cohort_id] = job_id
        elif not JobState(state).is_final:
            running.add(f"{cohort_id}/{job_id}")
    return running | {f"{cohort_id}/{job_id}" for cohort_id, job_id in shown.items()}


def _those_of(session: Session, column: Any, keys: set[str]) -> set[str]:
    """Return the keys that are in a column, asked for in pieces that every database takes."""
    ordered = sorted(keys)
    known: set[str] = set()
    for start in range(0, len(ordered), 500):
        known.update(session.scalars(select(column).where(column.in_(ordered[start : start + 500]))))
    return known


def _remove_old(store: FileStore, keys: list[str], clock: Callable[[], float]) -> int:
    removed = 0
    for key in keys:
        ages = [clock() - store.put_at(f"{key}/{name}") for name in store.names(key)]
        if ages and min(ages) > DAY_S:
            store.remove(key)
            removed += 1
    return removed

"""Recordings as they are answered: what is stored, and what would be scored of it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from pydantic import BaseModel, ConfigDict
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from spindle.service import tables
from spindle.service.api.jobs import Job
from spindle.service.api.jobs import shown as shown_jobs
from spindle.service.channel_choice import choice_of


class Channel(BaseModel):
    """One channel. `name` is what it is called in `eeg` and `emg`; `role` is EEG, EMG or null."""

    name: str
    label: str
    unit: str
    rate_hz: float
    role: str | None


class ScoringOfRecording(BaseModel):
    """A scoring of an animal of the recording."""

    model_config = ConfigDict(from_attributes=True)
    id: str
    animal: str
    model_name: str
    created_at: datetime


class Recording(BaseModel):
    """A recording. `eeg` and `emg` are the user's choice, [] and null where it is left to the labels.

    `choice_problem` says why nothing can be scored before channels are chosen; null where it can. `job` is the latest;
    `labels` is how many files of labels there are.
    """

    id: str
    name: str
    size_bytes: int
    sha256: str
    started_at: str | None
    duration_s: float
    channels: list[Channel]
    eeg: list[str]
    emg: str | None
    animals: list[str]
    choice_problem: str | None
    notes: list[str]
    created_at: datetime
    scorings: list[ScoringOfRecording]
    labels: int
    job: Job | None


def shown(session: Session, rows: Sequence[tables.Recording]) -> list[Recording]:
    """Make recordings as they are answered, with their scorings, newest first, and their latest jobs."""
    keys = [row.id for row in rows]
    scorings: dict[str, list[ScoringOfRecording]] = {key: [] for key in keys}
    found = select(tables.Scoring).where(tables.Scoring.recording_id.in_(keys))
    for one in session.scalars(found.order_by(tables.Scoring.created_at.desc(), tables.Scoring.animal)):
        scorings[one.recording_id].append(ScoringOfRecording.model_validate(one))
    counted = select(tables.LabelFile.recording_id, func.count()).where(tables.LabelFile.recording_id.in_(keys))
    labels: dict[str, int] = dict(session.execute(counted.group_by(tables.LabelFile.recording_id)).all())
    latest: dict[str, tables.Job] = {}
    jobs = select(tables.Job).where(tables.Job.recording_id.in_(keys)).order_by(tables.Job.created_at)
    for job in session.scalars(jobs):
        latest[str(job.recording_id)] = job
    shown_latest = {job.recording_id: job for job in shown_jobs(session, list(latest.values()))}
    return [_shown(row, scorings[row.id], labels.get(row.id, 0), shown_latest.get(row.id)) for row in rows]


def _shown(row: tables.Recording, scorings: list[ScoringOfRecording], labels: int, job: Job | None) -> Recording:
    choice = choice_of(row)
    channels = [
        Channel(name=name, label=one["label"], unit=one["unit"], rate_hz=one["rate_hz"], role=role)
        for one, name, role in zip(row.channels, choice.names, choice.roles, strict=True)
    ]
    return Recording(
        id=row.id,
        name=row.name,
        size_bytes=row.size_bytes,
        sha256=row.sha256,
        started_at=row.started_at,
        duration_s=row.duration_s,
        channels=channels,
        eeg=row.eeg,
        emg=row.emg,
        animals=[montage.animal for montage in choice.montages],
        choice_problem=choice.problem,
        notes=[*row.notes, *choice.notes],
        created_at=row.created_at,
        scorings=scorings,
        labels=labels,
        job=job,
    )

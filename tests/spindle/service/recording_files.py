"""Small recordings for the tests of the service."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from spindle.edf import write_edf
from spindle.recording import Channel
from spindle.service.context import Context
from spindle.service.jobs import Jobs
from spindle.service.tables import Job, Recording


def edf_bytes(folder: Path, labels: tuple[str, ...] = ("EEG1", "EEG2", "EMG"), *, seed: int = 0, s: int = 40) -> bytes:
    """An EDF file of noise; another seed gives another file."""
    noise = np.random.default_rng(seed)
    channels = [Channel.from_array(label, noise.normal(0, 50, 128 * s), 128.0) for label in labels]
    path = folder / f"made-{seed}.edf"
    write_edf(path, channels)
    return path.read_bytes()


class FakeJobs(Jobs):
    """Writes down what is to be done, and does nothing."""

    def __init__(self, database: Any) -> None:
        self.database = database
        self.cancelled: list[str] = []

    def submit(self, owner_id: str, kind: str, *, title: str, request: dict[str, Any], **more: Any) -> Job:
        with self.database.writing() as session:
            job = Job(owner_id=owner_id, kind=kind, title=title, request=request, **more)
            session.add(job)
        return job

    def cancel(self, owner_id: str, job_id: str) -> None:
        self.cancelled.append(job_id)
        with self.database.writing() as session:
            job = session.get(Job, job_id)
            assert job.owner_id == owner_id
            job.state = "cancelled"


def nothing_left(context: Context) -> bool:
    """Whether no file lies in scratch or among the recordings, and there is no row of one."""
    with context.database.reading() as session:
        rows = session.query(Recording).count()
    return not rows and not files_of(context)


def files_of(context: Context) -> list[str]:
    """All files of the data folder but the database's."""
    folder = context.files.folder
    return sorted(
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_file() and not path.name.startswith("spindle.sqlite")
    )

"""One of everything that an account can have, with a mark in every text, so that a leak is found by its words."""

from __future__ import annotations

import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import select

from spindle.service.context import Context
from spindle.service.tables import (
    ApiToken,
    Cohort,
    Correction,
    Job,
    JobKind,
    JobLine,
    JobState,
    LabelFile,
    Model,
    Recording,
    Scoring,
    Table,
    new_id,
)

MARK = "annssecret"
EPOCHS = 10


def give(context: Context, account_id: str) -> dict[str, str]:
    """Make one of everything for this account, files too; return the ids by what they are."""
    ids = {
        name: new_id() for name in ("recording", "label", "model", "scoring", "cohort", "job", "waiting", "analysis")
    }
    with context.database.writing() as session:
        session.add(_recording(ids, account_id))
        session.flush()
        session.add(
            Cohort(id=ids["cohort"], owner_id=account_id, name=f"{MARK} cohort", rows=_cohort_rows(ids), settings={})
        )
        session.flush()
        session.add_all(_jobs(ids, account_id))
        session.flush()
        session.get_one(Cohort, ids["cohort"]).job_id = ids["analysis"]
        session.add_all(_results(ids, account_id))
        session.flush()
        session.add(Correction(scoring_id=ids["scoring"], number=1, first=2, last=3, stage="rem", artifact=None))
        session.add(JobLine(job_id=ids["job"], text=f"{MARK} line"))
        token = session.scalars(select(ApiToken.id).where(ApiToken.owner_id == account_id)).first()
    for key in (
        f"recordings/{ids['recording']}/recording.edf",
        f"recordings/{ids['recording']}/labels/{ids['label']}.csv",
        f"models/{ids['model']}/model.safetensors",
        f"cohorts/{ids['cohort']}/{ids['analysis']}/analysis.html",
    ):
        _put(context, key, MARK.encode())
    return {**ids, "token": token or "", "account": account_id}


def names(ids: dict[str, str]) -> dict[str, str]:
    """What a parameter or a member of a body is called, and what of Ann's it names."""
    singular = {f"{name}_id": value for name, value in ids.items()}
    return {**ids, **singular, "labels": ids["label"], "labels_id": ids["label"], "base": ids["model"]}


def everything(context: Context) -> dict[str, Any]:
    """Return all rows but those that asking leaves behind, and all files with their content."""
    # Signing in and being refused are written down, and a token knows when it was used last.
    left = {"audit", "browser_sessions", "api_tokens"}
    found: dict[str, Any] = {}
    with context.database.reading() as session:
        for table in Table.metadata.sorted_tables:
            if table.name not in left:
                found[table.name] = sorted(map(str, session.execute(select(table)).all()))
        found["tokens"] = sorted(session.scalars(select(ApiToken.id)))
    folder = context.files.folder
    found["files"] = {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.name.startswith(("spindle.sqlite", "jobs.sqlite"))
    }
    return found


def _recording(ids: dict[str, str], account_id: str) -> Recording:
    return Recording(
        id=ids["recording"],
        owner_id=account_id,
        name=f"{MARK}.edf",
        size_bytes=len(MARK),
        sha256=ids["recording"] * 2,
        file=f"recordings/{ids['recording']}/recording.edf",
        started_at="2026-01-01T08:00:00",
        duration_s=4.0 * EPOCHS,
        channels=[
            {"label": label, "unit": "µV", "rate_hz": 128.0, "samples": 512 * EPOCHS, "role": role}
            for label, role in (("EEG1", "eeg"), ("EEG2", "eeg"), ("EMG", "emg"))
        ],
        eeg=["EEG1", "EEG2"],
        emg="EMG",
        notes=[f"{MARK} note"],
    )


def _cohort_rows(ids: dict[str, str]) -> list[dict[str, Any]]:
    return [{"scoring_id": ids["scoring"], "group": MARK, "animal": f"{MARK} animal", "lights_on": "08:00"}]


def _jobs(ids: dict[str, str], account_id: str) -> list[Job]:
    shared = {
        "owner_id": account_id,
        "kind": JobKind.SCORE,
        "title": f"{MARK} job",
        "recording_id": ids["recording"],
        "request": {},
    }
    return [
        Job(id=ids["job"], state=JobState.DONE, share=1.0, ended_at=datetime.now(UTC), **shared),
        Job(id=ids["waiting"], state=JobState.QUEUED, **shared),
        Job(
            id=ids["analysis"],
            owner_id=account_id,
            kind=JobKind.ANALYZE,
            title=f"{MARK} analysis",
            cohort_id=ids["cohort"],
            request={},
            state=JobState.DONE,
        ),
    ]


def _results(ids: dict[str, str], account_id: str) -> list[Table]:
    return [
        LabelFile(
            id=ids["label"],
            owner_id=account_id,
            recording_id=ids["recording"],
            name=f"{MARK} labels.csv",
            file=f"recordings/{ids['recording']}/labels/{ids['label']}.csv",
            epochs=EPOCHS,
        ),
        Model(
            id=ids["model"],
            owner_id=account_id,
            name=f"{MARK} model",
            file=f"models/{ids['model']}/model.safetensors",
            card={"name": MARK, "created": "2026-01-01", "commit": "0" * 40, "data": MARK},
        ),
        Scoring(
            id=ids["scoring"],
            owner_id=account_id,
            recording_id=ids["recording"],
            job_id=ids["job"],
            animal=f"{MARK} animal",
            model_name=MARK,
            epochs=EPOCHS,
            epoch_s=4.0,
            artifact_threshold=0.5,
            revision=1,
            summary={"words": MARK},
        ),
    ]


def _put(context: Context, key: str, content: bytes) -> None:
    with tempfile.NamedTemporaryFile(dir=context.files.scratch, delete=False) as file:
        file.write(content)
    context.files.put(Path(file.name), key)

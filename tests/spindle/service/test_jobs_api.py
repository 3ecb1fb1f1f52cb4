"""Asking for jobs, their logs, and stopping them."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi.testclient import TestClient

from spindle.service.context import Context
from spindle.service.tables import Job, JobKind, JobLine, JobState

JOBS = "/api/v1/jobs"


@pytest.fixture
def job(context: Context, ann: Any) -> Job:
    return context.jobs.submit(ann.account_id, JobKind.SCORE, title="Score mouse07.edf", request={})


def test_jobs_are_listed_by_their_state(context: Context, ann: Any, job: Job) -> None:
    other = context.jobs.submit(ann.account_id, JobKind.TRAIN, title="Train", request={})
    begun = context.jobs.begin(other.id)
    context.jobs.finish(begun, JobState.FAILED, problem="It broke.")

    def found(*states: str) -> list[str]:
        return [one["id"] for one in ann.get(JOBS, params={"state": states}).json()["items"]]

    assert found() == [other.id, job.id]
    assert found("queued", "running") == [job.id]
    assert found("failed") == [other.id]
    assert ann.get(JOBS, params={"state": "asleep"}).status_code == 422
    assert ann.get(JOBS, params={"recording": "none"}).json()["items"] == []
    assert ann.get(f"{JOBS}/{other.id}").json()["problem"] == "It broke."


def test_a_log_is_read_from_where_the_reader_stopped(context: Context, ann: Any, job: Job) -> None:
    with context.database.writing() as session:
        for text in ("one", "two", "three"):
            session.add(JobLine(job_id=job.id, text=text))
            session.flush()
    lines = ann.get(f"{JOBS}/{job.id}/log").json()
    assert [line["text"] for line in lines] == ["one", "two", "three"]
    rest = ann.get(f"{JOBS}/{job.id}/log", params={"after": lines[1]["number"]}).json()
    assert [line["text"] for line in rest] == ["three"]


def test_a_job_is_cancelled_once(context: Context, ann: Any, job: Job) -> None:
    first, second = (ann.post(f"{JOBS}/{job.id}/cancel") for _ in range(2))
    assert [first.json()["state"], second.json()["state"]] == ["cancelled", "cancelled"]


def test_others_find_no_job(ann: TestClient, bob: TestClient, job: Job) -> None:
    answers = [bob.get(f"{JOBS}/{job.id}"), bob.get(f"{JOBS}/{job.id}/log"), bob.post(f"{JOBS}/{job.id}/cancel")]
    assert [answer.status_code for answer in answers] == [404, 404, 404]
    assert bob.get(JOBS).json()["items"] == []

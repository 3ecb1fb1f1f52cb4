"""Jobs: handed in once, begun by one, ended once."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

import pytest
from sqlalchemy import select

from spindle.errors import SettingError
from spindle.service.context import Context
from spindle.service.jobs import LOST, MOST_BEGINNINGS, Jobs, QueueUnreachable, Standing
from spindle.service.tables import Account, Cohort, Job, JobKind, JobLine, JobState, Model


class ListedQueue:
    """A queue that only remembers what it was given."""

    def __init__(self) -> None:
        self.put_jobs: list[str] = []
        self.reachable = True

    def put(self, job_id: str, owner_id: str) -> None:
        if not self.reachable:
            raise QueueUnreachable("the queue is away")
        if job_id not in self.put_jobs:
            self.put_jobs.append(job_id)

    def without_worker(self, job_ids: Sequence[str]) -> set[str]:
        return set(job_ids) - set(self.put_jobs)

    def put_again(self, job_id: str, owner_id: str) -> None:
        self.put(job_id, owner_id)


@pytest.fixture
def queue() -> ListedQueue:
    return ListedQueue()


@pytest.fixture
def jobs(context: Context, queue: ListedQueue) -> Jobs:
    with context.database.writing() as session:
        for name in ("ann", "bob"):
            session.add(Account(id=name, name=name, password_hash="", role="user"))
    return Jobs(context.database, queue)


def submit(jobs: Jobs, owner: str = "ann", **more: Any) -> Job:
    return jobs.submit(owner, JobKind.SCORE, title="mouse.edf", request={"do": "nothing"}, **more)


def now_of(jobs: Jobs, job: Job) -> Job:
    with jobs.database.reading() as session:
        found = session.get(Job, job.id)
    assert found is not None
    return found


def models_of(jobs: Jobs) -> Sequence[Model]:
    with jobs.database.reading() as session:
        return session.scalars(select(Model)).all()


MODEL = {"table": "models", "name": "m", "file": "models/m/m", "card": {"name": "m"}}


def test_a_job_that_is_handed_in_is_in_the_table_and_in_the_queue(jobs: Jobs, queue: ListedQueue) -> None:
    job = submit(jobs)
    assert now_of(jobs, job).state == JobState.QUEUED
    assert queue.put_jobs == [job.id]


def test_a_job_that_is_handed_in_twice_by_one_id_is_one_job(jobs: Jobs, queue: ListedQueue) -> None:
    first, second = submit(jobs, job_id="a" * 32), submit(jobs, job_id="a" * 32)
    assert first.id == second.id
    assert queue.put_jobs == ["a" * 32]


def test_an_id_of_somebody_elses_job_is_refused(jobs: Jobs) -> None:
    submit(jobs, job_id="a" * 32)
    with pytest.raises(SettingError, match="belongs to another job"):
        submit(jobs, "bob", job_id="a" * 32)


def test_a_job_is_accepted_while_the_queue_is_away_and_handed_over_later(jobs: Jobs, queue: ListedQueue) -> None:
    queue.reachable = False
    job = submit(jobs)
    queue.reachable = True
    assert queue.put_jobs == []
    assert jobs.resubmit_lost() == 1
    assert queue.put_jobs == [job.id]
    assert jobs.resubmit_lost() == 0


def test_a_running_job_that_the_queue_does_not_know_is_handed_over(jobs: Jobs, queue: ListedQueue) -> None:
    job = submit(jobs)
    jobs.begin(job.id)
    queue.put_jobs.clear()
    assert jobs.resubmit_lost() == 1


def test_a_job_that_has_ended_is_not_handed_over(jobs: Jobs, queue: ListedQueue) -> None:
    begun = jobs.begin(submit(jobs).id)
    assert begun is not None
    jobs.finish(begun, JobState.DONE)
    queue.put_jobs.clear()
    assert jobs.resubmit_lost() == 0


def test_the_rows_of_results_come_with_the_end_of_their_job(jobs: Jobs) -> None:
    job = submit(jobs)
    begun = jobs.begin(job.id)
    assert begun is not None and begun.attempt == 1
    assert models_of(jobs) == []
    assert jobs.finish(begun, JobState.DONE, rows=[MODEL]) is JobState.DONE
    (model,) = models_of(jobs)
    assert (model.owner_id, model.job_id) == ("ann", job.id)
    assert now_of(jobs, job).share == 1.0


def test_a_job_ends_once(jobs: Jobs) -> None:
    job = submit(jobs)
    begun = jobs.begin(job.id)
    assert begun is not None
    jobs.finish(begun, JobState.DONE, rows=[MODEL])
    assert jobs.finish(begun, JobState.FAILED, problem="Too late.") is None
    assert jobs.begin(job.id) is None
    jobs.progress(begun, "Still at it", 0.1)
    jobs.lines(begun, ["Too late."])
    jobs.put_back(begun)
    assert jobs.cancel("ann", job.id) is not None
    ended = now_of(jobs, job)
    assert (ended.state, ended.problem, ended.doing, ended.attempt) == (JobState.DONE, None, "", 1)
    with jobs.database.reading() as session:
        assert session.scalars(select(JobLine)).all() == []


def test_a_worker_that_was_thought_dead_changes_nothing(jobs: Jobs) -> None:
    job = submit(jobs)
    first, second = jobs.begin(job.id), jobs.begin(job.id)
    assert first is not None and second is not None
    assert (first.attempt, second.attempt) == (1, 2)
    assert jobs.standing(first) is Standing.LET_GO
    assert jobs.finish(first, JobState.DONE, rows=[MODEL]) is None
    jobs.progress(first, "Old news", 0.9)
    jobs.put_back(first)
    assert models_of(jobs) == []
    assert jobs.standing(second) is Standing.GO_ON
    assert now_of(jobs, job).doing == ""
    assert jobs.finish(second, JobState.DONE, rows=[MODEL]) is JobState.DONE


def test_many_who_begin_and_end_one_job_at_once_make_one_result(jobs: Jobs) -> None:
    job = submit(jobs)
    ends: list[JobState | None] = []

    def do() -> None:
        begun = jobs.begin(job.id)
        if begun is not None:
            ends.append(jobs.finish(begun, JobState.DONE, rows=[MODEL]))

    threads = [threading.Thread(target=do) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [end for end in ends if end is not None] == [JobState.DONE]
    assert len(models_of(jobs)) == 1


def test_a_queued_job_is_cancelled_at_once_and_never_begun(jobs: Jobs) -> None:
    job = submit(jobs)
    cancelled = jobs.cancel("ann", job.id)
    assert cancelled is not None and cancelled.state == JobState.CANCELLED
    assert jobs.begin(job.id) is None


def test_a_running_job_is_told_that_it_is_cancelled_and_keeps_no_result(jobs: Jobs) -> None:
    job = submit(jobs)
    begun = jobs.begin(job.id)
    assert begun is not None
    jobs.cancel("ann", job.id)
    assert jobs.standing(begun) is Standing.CANCEL
    assert jobs.finish(begun, JobState.DONE, rows=[MODEL]) is JobState.CANCELLED
    assert models_of(jobs) == []


def test_a_cancelled_job_of_a_dead_worker_is_not_begun_again(jobs: Jobs) -> None:
    job = submit(jobs)
    jobs.begin(job.id)
    jobs.cancel("ann", job.id)
    assert jobs.begin(job.id) is None
    assert now_of(jobs, job).state == JobState.CANCELLED


def test_nobody_cancels_another_persons_job(jobs: Jobs) -> None:
    job = submit(jobs)
    assert jobs.cancel("bob", job.id) is None
    assert now_of(jobs, job).state == JobState.QUEUED


def test_a_job_that_was_put_back_waits_and_has_lost_no_beginning(jobs: Jobs) -> None:
    job = submit(jobs)
    for _ in range(MOST_BEGINNINGS + 2):
        begun = jobs.begin(job.id)
        assert begun is not None
        jobs.put_back(begun)
    assert now_of(jobs, job).state == JobState.QUEUED


def test_a_job_that_nobody_ends_has_failed_at_last(jobs: Jobs) -> None:
    job = submit(jobs)
    for _ in range(MOST_BEGINNINGS):
        assert jobs.begin(job.id) is not None
    assert jobs.begin(job.id) is None
    ended = now_of(jobs, job)
    assert (ended.state, ended.problem) == (JobState.FAILED, LOST)


def test_a_job_whose_row_was_deleted_is_let_go(jobs: Jobs) -> None:
    job = submit(jobs)
    begun = jobs.begin(job.id)
    assert begun is not None
    with jobs.database.writing() as session:
        session.delete(session.get(Job, job.id))
    assert jobs.standing(begun) is Standing.LET_GO
    assert jobs.finish(begun, JobState.DONE, rows=[MODEL]) is None


def test_the_last_analysis_that_was_done_is_the_one_that_its_cohort_shows(jobs: Jobs) -> None:
    with jobs.database.writing() as session:
        session.add(Cohort(id="c" * 32, owner_id="ann", name="mice"))
    job = jobs.submit("ann", JobKind.ANALYZE, title="mice", request={}, cohort_id="c" * 32)
    begun = jobs.begin(job.id)
    assert begun is not None
    jobs.finish(begun, JobState.DONE)
    with jobs.database.reading() as session:
        cohort = session.get(Cohort, "c" * 32)
    assert cohort is not None and cohort.job_id == job.id


def test_a_row_for_another_table_is_refused(jobs: Jobs) -> None:
    begun = jobs.begin(submit(jobs).id)
    assert begun is not None
    with pytest.raises(KeyError):
        jobs.finish(begun, JobState.DONE, rows=[{"table": "accounts", "name": "eve"}])

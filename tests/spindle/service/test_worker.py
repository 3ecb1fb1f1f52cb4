"""Workers, as processes that are killed, asked to end, and kept from the database."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from sqlalchemy import select, text

from spindle.api import simulate
from spindle.scoring import score
from spindle.service import processes
from spindle.service.child import GONE, NO_MEMORY, NO_ROOM
from spindle.service.context import Context
from spindle.service.engine import DbosQueue, prepare_queue
from spindle.service.jobs import Jobs
from spindle.service.scored import load_scores
from spindle.service.tables import Account, Job, JobKind, JobLine, JobState, Model, Recording, Scoring
from spindle.service.worker import DIED, MOST_DEATHS, UNFORESEEN

WORKER = str(Path(__file__).parent / "programs" / "worker.py")
PATIENCE_S = 90.0


class Service:
    """A database with a queue, and workers as a test wants them."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self.queue = DbosQueue(context.database)
        self.jobs = Jobs(context.database, self.queue)
        self.workers: list[subprocess.Popen[str]] = []
        prepare_queue(context.database)
        with context.database.writing() as session:
            for name in ("ann", "bob"):
                session.add(Account(id=name, name=name, password_hash="", role="user"))

    def start_worker(self, *command: str) -> subprocess.Popen[str]:
        worker = processes.start(command or (sys.executable, WORKER))
        processes.tell(worker, {"settings": processes.to_words(self.context.settings), "threads": 1})
        self.workers.append(worker)
        return worker

    def submit(self, do: str, owner: str = "ann", **request: Any) -> str:
        return self.jobs.submit(owner, JobKind.SCORE, title=do, request={"do": do, **request}).id

    def job(self, job_id: str) -> Job:
        with self.context.database.reading() as session:
            found = session.get(Job, job_id)
        assert found is not None
        return found

    def wait(self, job_id: str, fits: Callable[[Job], bool] = lambda job: JobState(job.state).is_final) -> Job:
        until_s = time.monotonic() + PATIENCE_S
        while not fits(job := self.job(job_id)):
            assert time.monotonic() < until_s, f"{job.title} is {job.state}, attempt {job.attempt}"
            time.sleep(0.05)
        return job

    def results(self, job_id: str) -> list[str]:
        with self.context.database.reading() as session:
            return list(session.scalars(select(Model.name).where(Model.job_id == job_id)))

    def close(self) -> None:
        for worker in self.workers:
            worker.kill()
            processes.let_end(worker, within_s=10)
        self.queue.close()


@pytest.fixture
def service(context: Context) -> Iterator[Service]:
    made = Service(context)
    yield made
    made.close()


def is_running(job: Job) -> bool:
    return job.state == JobState.RUNNING and job.doing != ""


def offspring(worker: subprocess.Popen[str]) -> list[psutil.Process]:
    return psutil.Process(worker.pid).children(recursive=True)


def test_work_is_done_in_one_attempt_and_what_it_says_is_kept(service: Service) -> None:
    service.start_worker()
    job_id = service.submit("say", seconds=0.5)
    seen = service.wait(job_id, is_running)
    assert (seen.doing, seen.share) == ("Half of it", 0.5)
    job = service.wait(job_id)
    assert (job.state, job.attempt, job.problem) == (JobState.DONE, 1, None)
    assert service.results(job_id) == ["say"]
    assert service.context.files.exists(f"scorings/{job_id}-1/done.txt")
    with service.context.database.reading() as session:
        lines = session.scalars(select(JobLine.text).where(JobLine.job_id == job_id).order_by(JobLine.number)).all()
    assert lines == ["The first line.", "The last line."]


def test_what_is_wrong_with_a_job_is_its_problem_and_no_reason_to_try_again(service: Service) -> None:
    problems = {
        "mistake": "mouse.edf holds no signal.",
        "no memory": NO_MEMORY,
        "no room": NO_ROOM,
        "no file": GONE,
    }
    service.start_worker()
    jobs = {do: service.submit(do) for do in problems}
    for do, problem in problems.items():
        job = service.wait(jobs[do])
        assert (job.state, job.problem, job.attempt) == (JobState.FAILED, problem, 1)


def test_a_poison_job_fails_with_its_reason_and_the_next_one_is_done(service: Service) -> None:
    service.start_worker()
    poison, bug, good = service.submit("die"), service.submit("bug"), service.submit("good")
    job = service.wait(poison)
    assert (job.state, job.problem, job.attempt) == (JobState.FAILED, DIED, MOST_DEATHS)
    assert service.wait(bug).problem == UNFORESEEN.format(kind="ZeroDivisionError")
    assert service.wait(good).state == JobState.DONE


def test_a_child_that_dies_once_costs_nothing(service: Service) -> None:
    service.start_worker()
    job_id = service.submit("die once")
    job = service.wait(job_id)
    assert (job.state, job.attempt) == (JobState.DONE, 2)
    assert service.results(job_id) == ["die once"]


def test_a_running_job_is_cancelled_and_its_process_ended(service: Service) -> None:
    worker = service.start_worker()
    job_id = service.submit("long", seconds=60)
    service.wait(job_id, is_running)
    before = {process.pid for process in offspring(worker)}
    service.jobs.cancel("ann", job_id)
    assert service.wait(job_id).state == JobState.CANCELLED
    # The spare one may take the next job; the one that worked is gone.
    next_job = service.submit("good")
    assert service.wait(next_job).state == JobState.DONE
    assert len(before & {process.pid for process in offspring(worker)}) < len(before)
    assert service.results(job_id) == []


def test_a_cancelled_job_leaves_nothing_of_what_it_worked_on(service: Service) -> None:
    service.start_worker()
    job_id = service.submit("borrow")
    service.wait(job_id, is_running)
    scratch = service.context.files.scratch
    assert [path.read_text() for path in scratch.glob("work-*/recording.edf")] == ["of somebody"]
    service.jobs.cancel("ann", job_id)
    service.wait(job_id)
    assert list(scratch.glob("work-*")) == []


def test_a_job_of_a_killed_worker_ends_once(service: Service) -> None:
    first = service.start_worker()
    job_id = service.submit("long", seconds=3)
    service.wait(job_id, is_running)
    children = offspring(first)
    assert children
    first.kill()
    first.wait()
    _, alive = psutil.wait_procs(children, timeout=20)
    assert alive == []
    service.start_worker()
    job = service.wait(job_id)
    assert (job.state, job.attempt) == (JobState.DONE, 2)
    assert service.results(job_id) == ["long"]


def test_a_living_worker_takes_over_from_a_dead_one(service: Service) -> None:
    first, second = service.start_worker(), service.start_worker()
    jobs = [service.submit("long", seconds=4) for _ in range(2)]
    for job_id in jobs:
        service.wait(job_id, is_running)
    first.kill()
    for job_id in jobs:
        assert service.wait(job_id).state == JobState.DONE
        assert service.results(job_id) == ["long"]
    assert sorted(service.job(job_id).attempt for job_id in jobs) == [1, 2]
    assert second.poll() is None


@pytest.mark.parametrize("asked_by", ["signal", "parent"])
def test_a_worker_that_has_to_end_puts_its_job_back(service: Service, asked_by: str) -> None:
    worker = service.start_worker()
    job_id = service.submit("long", seconds=4)
    service.wait(job_id, is_running)
    children = offspring(worker)
    if asked_by == "signal":
        worker.send_signal(signal.SIGTERM)
    else:
        assert worker.stdin is not None
        worker.stdin.close()
    assert worker.wait(30) == 0
    assert psutil.wait_procs(children, timeout=20)[1] == []
    job = service.job(job_id)
    assert (job.state, job.attempt) == (JobState.QUEUED, 0)
    service.start_worker()
    assert service.wait(job_id).state == JobState.DONE


def test_one_persons_batch_does_not_starve_anothers_job(service: Service) -> None:
    batch = [service.submit("short", seconds=0.2) for _ in range(50)]
    single = service.submit("mine", owner="bob")
    service.start_worker()
    assert service.wait(single).state == JobState.DONE
    assert sum(JobState(service.job(job_id).state).is_final for job_id in batch) < 40


def test_a_job_that_was_never_handed_over_is_found_by_a_worker(service: Service) -> None:
    with service.context.database.writing() as session:
        session.add(Job(id="f" * 32, owner_id="ann", kind=JobKind.SCORE, request={"do": "found"}))
    service.start_worker()
    assert service.wait("f" * 32).state == JobState.DONE


@pytest.mark.parametrize("storage", ["sqlite"], indirect=True)
def test_a_worker_listens_at_no_port(service: Service) -> None:
    worker = service.start_worker()
    service.wait(service.submit("good"))
    family = [psutil.Process(worker.pid), *offspring(worker)]
    assert [one for process in family for one in process.net_connections() if one.status == psutil.CONN_LISTEN] == []


@pytest.mark.parametrize("storage", ["postgresql"], indirect=True)
def test_a_lost_connection_to_the_database_only_delays(service: Service) -> None:
    service.start_worker()
    jobs = [service.submit("long", seconds=2) for _ in range(2)]
    service.wait(jobs[0], lambda job: job.state == JobState.RUNNING)
    for _ in range(5):
        with service.context.database.engine.connect() as connection:
            connection.execute(
                text(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                    "WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )
            )
        time.sleep(0.5)
    for job_id in jobs:
        assert service.wait(job_id).state == JobState.DONE
        assert service.results(job_id) == ["long"]


def test_a_recording_is_scored_by_the_service_as_it_is_elsewhere(service: Service, tmp_path: Path) -> None:
    (path,) = simulate(tmp_path / "mouse.edf", hours=0.1)
    direct = score(path)
    files = service.context.files
    shutil.copyfile(path, files.scratch / "mouse.edf")
    files.put(files.scratch / "mouse.edf", "recordings/r/recording.edf")
    with service.context.database.writing() as session:
        session.add(
            Recording(id="r", owner_id="ann", name="mouse.edf", size_bytes=1, sha256="", duration_s=360.0, channels=[],
                      file="recordings/r/recording.edf")
        )  # fmt: skip
    request = {
        "recording": {"id": "r", "file": "recordings/r/recording.edf", "name": "mouse.edf"},
        "eeg": [],
        "emg": None,
        "model": None,
    }
    job = service.jobs.submit("ann", JobKind.SCORE, title="mouse.edf", request=request, recording_id="r")
    service.start_worker(*processes.module("spindle.service.worker"))
    assert service.wait(job.id).state == JobState.DONE
    with service.context.database.reading() as session:
        (scoring,) = session.scalars(select(Scoring)).all()
    assert (scoring.owner_id, scoring.recording_id, scoring.job_id) == ("ann", "r", job.id)
    kept = load_scores(files.folder / "scorings" / scoring.id / "scores.npz")
    np.testing.assert_array_equal(kept.hypnogram.codes, direct.hypnogram.codes)

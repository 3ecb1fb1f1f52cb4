"""DBOS, which remembers who works on which job: the only file that knows it.

It is given no more than ids of jobs, as JSON. Everything else about them is in our own tables (`spindle.service.jobs`).
The calls of its networked services, its telemetry and its own console output are off.
"""

from __future__ import annotations

import logging
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from dbos import DBOS, DBOSClient, DBOSPortableJSONSerializer
from dbos import error as dbos_errors
from sqlalchemy import Engine, create_engine, event
from sqlalchemy.exc import SQLAlchemyError

from spindle.service.database import BUSY_S, Database
from spindle.service.jobs import QueueUnreachable
from spindle.service.lives import Lives, beside
from spindle.service.tables import new_id

APPLICATION, SCHEMA, QUEUE, WORKFLOW = "spindle", "spindle_jobs", "jobs", "run_job"

VERSION = "1"
"""What DBOS calls the version of the application. It never changes, so that an upgrade strands no job: the only thing
that a later version finds of an earlier one is an id."""

POLLING_S = 0.5
KEPT_DAYS = 7
"""How long DBOS's own records of jobs that have ended are kept; ours are another matter."""

_log = logging.getLogger(__name__)


class DbosQueue:
    """Hands jobs over, from any process; the workers need not be there. See `spindle.service.jobs.Queue`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._opened: DBOSClient | None = None

    @property
    def client(self) -> DBOSClient:
        """DBOS from outside; opened when it is first needed."""
        if self._opened is None:
            self._opened = DBOSClient(
                system_database_engine=_dbos_engine(self._database),
                dbos_system_schema=SCHEMA,
                serializer=DBOSPortableJSONSerializer(),
                application_name=APPLICATION,
                retry_connection_errors=False,
                lazy=True,
            )
        return self._opened

    def put(self, job_id: str, owner_id: str) -> None:
        """Hand a job over; the same id again changes nothing. Errors: QueueUnreachable."""
        with _reached():
            self.client.enqueue(
                {
                    "workflow_name": WORKFLOW,
                    "queue_name": QUEUE,
                    "workflow_id": job_id,
                    "app_version": VERSION,
                    "queue_partition_key": owner_id,
                },
                job_id,
            )

    def without_worker(self, job_ids: Sequence[str]) -> set[str]:
        """Those of these jobs that DBOS does not know, or believes to have ended. Errors: QueueUnreachable."""
        with _reached():
            known = self.client.list_workflows(workflow_ids=list(job_ids), load_input=False, load_output=False)
        awaited = {one.workflow_id for one in known if one.status in ("PENDING", "ENQUEUED", "DELAYED")}
        return set(job_ids) - awaited

    def put_again(self, job_id: str, owner_id: str) -> None:
        """Hand a job over that DBOS believes to have ended. Errors: QueueUnreachable."""
        with _reached():
            self.client.delete_workflow(job_id)
        self.put(job_id, owner_id)

    def close(self) -> None:
        """Close the connections."""
        if self._opened is not None:
            self._opened.destroy()
            self._opened = None


class Executor:
    """This process as one of those that DBOS gives jobs to, one at a time."""

    def __init__(self, database: Database, lives: Lives, queue: DbosQueue) -> None:
        # A name of its own for each life. Jobs of a dead one are handed out again by the others, or by the next one.
        self.name = new_id()
        self._database = database
        self._lives = lives
        self._queue = queue

    def start(self, run: Callable[[str], None]) -> None:
        """Take the lock of this life, and have `run` called with the ids of jobs. Errors: those of the database."""
        if not self._lives.take(self.name):
            raise RuntimeError(f"The lock {self.name} of a new worker is taken.")

        @DBOS.workflow(name=WORKFLOW)
        def run_job(job_id: str) -> None:
            run(job_id)

        _silence()
        DBOS(
            config={
                "name": APPLICATION,
                "system_database_engine": _dbos_engine(self._database),
                "dbos_system_schema": SCHEMA,
                "use_listen_notify": False,
                "serializer": DBOSPortableJSONSerializer(),
                "application_version": VERSION,
                "executor_id": self.name,
                "enable_otlp": False,
                "log_level": "ERROR",
            }
        )
        DBOS.listen_queues([QUEUE])
        DBOS.launch()
        # Partitions are owners: DBOS goes through them in random order, so that nobody's batch keeps others waiting.
        DBOS.register_queue(
            QUEUE,
            worker_concurrency=1,
            partition_worker_concurrency=1,
            polling_interval_sec=POLLING_S,
            on_conflict="always_update",
        )

    def take_over(self) -> int:
        """Hand out the jobs of workers that have died. One worker at a time may do so. Returns how many.

        Errors: QueueUnreachable.
        """
        taken = 0
        with _reached():
            for name in self._names_at_work():
                if self._lives.take(name):
                    taken += self._hand_out(name)
                    self._lives.release(name, forget=True)
        return taken

    def _names_at_work(self) -> list[str]:
        at_work = self._queue.client.list_workflows(status="PENDING", load_input=False, load_output=False)
        return sorted({one.executor_id for one in at_work if one.executor_id} - {self.name})

    def _hand_out(self, name: str) -> int:
        # Asked again, now that nobody can take the dead worker's name.
        client = self._queue.client
        jobs = client.list_workflows(status="PENDING", executor_id=name, load_input=False, load_output=False)
        for job in jobs:
            client.resume_workflow(job.workflow_id, queue_name=QUEUE)
        if jobs:
            _log.info("took over %d jobs of a worker that has died", len(jobs))
        return len(jobs)

    def prune(self) -> int:
        """Delete DBOS's records of jobs that ended long ago. Returns how many. Errors: QueueUnreachable."""
        before = (datetime.now(UTC) - timedelta(days=KEPT_DAYS)).isoformat()
        with _reached():
            old = self._queue.client.list_workflows(
                status=["SUCCESS", "ERROR", "CANCELLED", "MAX_RECOVERY_ATTEMPTS_EXCEEDED"],
                end_time=before,
                load_input=False,
                load_output=False,
                limit=1000,
            )
            if old:
                self._queue.client.delete_workflows([one.workflow_id for one in old])
        return len(old)


def prepare_queue(database: Database) -> None:
    """Make or upgrade DBOS's tables, before any process uses them. Errors: those of the database."""
    _silence()
    engine = _dbos_engine(database)
    try:
        if database.is_sqlite:
            with engine.connect() as connection:
                # Kept in the file: readers and the one writer do not wait for each other.
                connection.exec_driver_sql("PRAGMA journal_mode = WAL")
        DBOS(
            config={
                "name": APPLICATION,
                "system_database_engine": engine,
                "dbos_system_schema": SCHEMA,
                "use_listen_notify": False,
                "application_version": VERSION,
                "enable_otlp": False,
                "log_level": "ERROR",
            }
        )
        # No jobs for this process: it would not know what to do with them.
        DBOS.listen_queues([])
        DBOS.launch()
        DBOS.destroy(destroy_registry=True)
    finally:
        engine.dispose()


@contextmanager
def _reached() -> Iterator[None]:
    try:
        yield
    except (SQLAlchemyError, dbos_errors.DBOSException) as error:
        raise QueueUnreachable(type(error).__name__) from error


def _silence() -> None:
    # DBOS adds a handler of its own to a logger that has none.
    logger = logging.getLogger("dbos")
    if not logger.handlers:
        logger.addHandler(logging.NullHandler())
    logger.setLevel(logging.ERROR)


def _dbos_engine(database: Database) -> Engine:
    if not database.is_sqlite:
        return create_engine(database.engine.url, pool_pre_ping=True, pool_size=5, max_overflow=5)
    engine = create_engine(f"sqlite:///{beside(database) / 'jobs.sqlite'}", connect_args={"timeout": BUSY_S})
    event.listen(engine, "connect", _prepare_sqlite)
    return engine


def _prepare_sqlite(connection: Any, record: Any) -> None:
    # As DBOS does for connections that it opens itself.
    connection.isolation_level = "IMMEDIATE"
    connection.execute(f"PRAGMA busy_timeout = {1000 * BUSY_S}")
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA synchronous = FULL")
    if sqlite3.sqlite_version_info < (3, 42):
        # DBOS asks for parts of seconds, which older versions do not know.
        connection.create_function("unixepoch", -1, lambda *words: round(time.time(), 3))

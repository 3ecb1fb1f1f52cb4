"""A worker: takes one job after the other, has a child process do it, and ends it once.

`python -m spindle.service.worker` hears its settings from the process that started it (`supervisor.py`).
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, ParamSpec, TypeVar

from sqlalchemy.exc import InterfaceError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from spindle.service.child import work_of
from spindle.service.children import Child, Children
from spindle.service.database import Database, database_url
from spindle.service.engine import DbosQueue, Executor
from spindle.service.files import FileStore
from spindle.service.housekeeping import tidy
from spindle.service.jobs import Begun, Jobs, QueueUnreachable, Standing
from spindle.service.lives import Lives, held, lives_of
from spindle.service.processes import from_words, hear, log_to_standard_error, module, when_parent_ends
from spindle.service.settings import ServiceSettings
from spindle.service.tables import JobState

LOOK_S = 0.25
WRITE_S = 0.5
MOST_DEATHS = 3
"""A job whose process has come to its end so often under one worker has failed."""

DIED = "The process that worked on it came to its end from outside, three times, as happens where memory is too small."
UNFORESEEN = "Something went wrong that nobody foresaw ({kind}); whoever runs the service finds it in the log."

TAKE_OVER_S, RESUBMIT_S, TIDY_S = 2.0, 30.0, 3600.0
ENDING_S = 10.0

_Result = TypeVar("_Result")
_Given = ParamSpec("_Given")
_Unreachable = (OperationalError, InterfaceError, PoolTimeout)

_log = logging.getLogger("spindle.service.worker")


class Stopping(Exception):  # noqa: N818 - no error: the process is asked to end
    """The worker has to end, and its job is left to another."""


class How(Enum):
    """How the work on a job came to its end."""

    RESULT = auto()
    PROBLEM = auto()
    CANCELLED = auto()
    DIED = auto()
    LET_GO = auto()


@dataclass(frozen=True, kw_only=True)
class Ending:
    """The end of one attempt. `problem` is a sentence for the user, `rows` are the results."""

    how: How
    problem: str | None = None
    rows: tuple[dict[str, Any], ...] = ()


class Runner:
    """Does jobs by children. `words` go to each child: where files are, and how many threads it may use."""

    def __init__(
        self, jobs: Jobs, store: FileStore, children: Children, words: dict[str, Any], stopping: threading.Event
    ) -> None:
        self._jobs = jobs
        self._store = store
        self._children = children
        self._words = words
        self._stopping = stopping
        self.busy = threading.Lock()

    def run(self, job_id: str) -> None:
        """Do a job until it has ended. Errors: Stopping."""
        with self.busy:
            deaths = 0
            while (begun := self._patiently(self._jobs.begin, job_id)) is not None:
                ending = self._attempt(begun)
                deaths += ending.how is How.DIED
                if ending.how is How.DIED and deaths < MOST_DEATHS:
                    continue
                self._end(begun, ending)
                return

    def _end(self, begun: Begun, ending: Ending) -> None:
        states = {How.RESULT: JobState.DONE, How.CANCELLED: JobState.CANCELLED, How.LET_GO: None}
        state = states.get(ending.how, JobState.FAILED)
        if state is not None:
            self._patiently(self._jobs.finish, begun, state, problem=ending.problem, rows=ending.rows)
        _log.info("job %s, attempt %d: %s", begun.job_id, begun.attempt, ending.how.name.lower())

    def _attempt(self, begun: Begun) -> Ending:
        words = {"job_id": begun.job_id, "attempt": begun.attempt, "kind": begun.kind, "request": begun.request}
        child = self._children.take()
        try:
            child.assign({**words, **self._words})
            ending = self._follow(child, begun)
            if ending.how is How.RESULT:
                self._children.give_back(child)
            else:
                self._children.discard(child)
        except Stopping:
            child.kill()
            try:
                self._jobs.put_back(begun)
            except _Unreachable:
                _log.warning("job %s is left to whoever finds it", begun.job_id)
            raise
        except BaseException:
            child.kill()
            raise
        finally:
            # What it had on its way may be all of a recording, which its owner is about to delete.
            self._store.clear_work(work_of(begun.job_id, begun.attempt))
        return ending

    def _follow(self, child: Child, begun: Begun) -> Ending:
        """Listen to a child until it is done, write down what it says, and look whether the job is still wanted."""
        lines: list[str] = []
        told: tuple[str, float] | None = None
        ending = Ending(how=How.DIED, problem=DIED)
        written_s = looked_s = 0.0
        while True:
            message = child.hear(within_s=LOOK_S)
            if message is not None:
                lines += [message["line"]] if "line" in message else []
                told = (message["doing"], message["share"]) if "doing" in message else told
                ending = _ending_of(message) or ending
            if self._stopping.is_set():
                raise Stopping
            now_s = time.monotonic()
            ended = ending.how in (How.RESULT, How.PROBLEM) or (message is not None and "ended" in message)
            if lines and (ended or now_s - written_s >= WRITE_S):
                self._patiently(self._jobs.lines, begun, lines)
                lines, written_s = [], now_s
            if ended:
                return ending
            if told is not None and now_s - written_s >= WRITE_S:
                self._patiently(self._jobs.progress, begun, *told)
                told, written_s = None, now_s
            if now_s - looked_s >= LOOK_S:
                looked_s = now_s
                standing = self._patiently(self._jobs.standing, begun)
                if standing is not Standing.GO_ON:
                    return Ending(how=How.CANCELLED if standing is Standing.CANCEL else How.LET_GO)

    def _patiently(self, call: Callable[_Given, _Result], *given: _Given.args, **named: _Given.kwargs) -> _Result:
        """Call again and again while the database cannot be reached: that delays a job and ends none."""
        pause_s = LOOK_S
        while True:
            try:
                return call(*given, **named)
            except _Unreachable as error:
                _log.warning("the database cannot be reached (%s)", type(error).__name__)
                if self._stopping.wait(pause_s):
                    raise Stopping from error
                pause_s = min(2 * pause_s, 10.0)


def _ending_of(message: dict[str, Any]) -> Ending | None:
    if "rows" in message:
        return Ending(how=How.RESULT, rows=tuple(message["rows"]))
    if "problem" in message:
        return Ending(how=How.PROBLEM, problem=message["problem"])
    if "unforeseen" in message:
        return Ending(how=How.DIED, problem=UNFORESEEN.format(kind=message["unforeseen"]))
    return None


class Upkeep:
    """What some worker has to do from time to time for all of them; who holds the lock `name` does it."""

    def __init__(self, lives: Lives, name: str, tasks: Sequence[tuple[float, Callable[[], object]]]) -> None:
        self._lives = lives
        self._name = name
        self._tasks = tasks
        self._due_s = [0.0] * len(tasks)

    def do(self) -> None:
        """Do what is due; what cannot be done now is done at the next time."""
        try:
            if not self._lives.keep():
                _log.warning("this worker's locks are held by another process")
            with held(self._lives, self._name) as mine:
                for place, (every_s, task) in enumerate(self._tasks if mine else ()):
                    if time.monotonic() >= self._due_s[place]:
                        self._due_s[place] = time.monotonic() + every_s
                        task()
        except (QueueUnreachable, SQLAlchemyError, OSError) as error:
            _log.warning("%s waits: %s", self._name, type(error).__name__)

    def do_until(self, stopping: threading.Event) -> None:
        """Look every two seconds whether something is due."""
        while not stopping.wait(TAKE_OVER_S):
            self.do()


def work(settings: ServiceSettings, threads: int, stopping: threading.Event, child: tuple[str, ...]) -> None:
    """Take jobs until `stopping` is set; then the job that is worked on is put back, and the process may end."""
    database = Database(database_url(settings.storage))
    queue = DbosQueue(database)
    jobs, lives, store = Jobs(database, queue), lives_of(database), FileStore(settings.storage)
    children = Children(child)
    storage = to_storage_words(settings)
    runner = Runner(jobs, store, children, {"storage": storage, "threads": threads}, stopping)
    executor = Executor(database, lives, queue)

    def run(job_id: str) -> None:
        try:
            if not stopping.is_set():
                runner.run(job_id)
        except Stopping:
            pass
        if stopping.is_set():
            # DBOS must not believe that the job has ended: whoever takes over will go on with it.
            threading.Event().wait()

    executor.start(run)
    children.prepare()
    _log.info("worker %s is ready", executor.name)
    tidying = Upkeep(
        lives,
        "tidying",
        [(TIDY_S, executor.prune), (TIDY_S, lambda: tidy(database, store, settings.limits.keep_days))],
    )
    # By itself: a large store takes its time, and jobs of the dead must not wait for that.
    threading.Thread(target=tidying.do_until, args=(stopping,), name="tidying", daemon=True).start()
    upkeep = Upkeep(lives, "upkeep", [(TAKE_OVER_S, executor.take_over), (RESUBMIT_S, jobs.resubmit_lost)])
    upkeep.do_until(stopping)
    # Its lock is set free once the job was put back, or after a while in any case.
    runner.busy.acquire(timeout=ENDING_S)
    children.close()


def to_storage_words(settings: ServiceSettings) -> dict[str, Any]:
    """Return what a child needs to know of the storage: not the database, nor its password."""
    scratch = settings.storage.scratch
    return {"data": settings.storage.data, "scratch": None if scratch is None else str(scratch)}


def main(child: tuple[str, ...] = module("spindle.service.child")) -> int:
    """Hear settings, and work until the process that sent them ends, or a signal says so."""
    words = hear()
    if words is None:
        return 0
    log_to_standard_error()
    stopping = threading.Event()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda number, frame: stopping.set())
    when_parent_ends(stopping.set)
    try:
        work(from_words(words["settings"]), words["threads"], stopping, child)
    except SQLAlchemyError as error:
        _log.error("the worker cannot start: %s", type(error).__name__)
        return 1
    logging.shutdown()
    # Threads of the queue that still wait must not keep the process.
    os._exit(0)


if __name__ == "__main__":
    sys.exit(main())

"""Independent pieces of work, side by side: on processes of this machine, or on a Dask cluster.

A worker may die at any time, mostly because memory ran out or a machine was taken away. That costs time, but no piece
of work other than one that kills its worker twice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import BrokenExecutor
from contextlib import contextmanager
from typing import Any, Generic, TypeVar

import joblib

from latentia.errors import LostWorkerError, SettingError

Task = TypeVar("Task")
Result = TypeVar("Result")


def threads_each(workers: int) -> int:
    """Processor threads for each of so many workers on this machine, so that together they have no more than cores."""
    return max(1, int(joblib.cpu_count()) // workers)


@contextmanager
def parallel_backend(cluster: str | None) -> Iterator[None]:
    """Let joblib work on processes of this machine, or on the Dask cluster whose scheduler has this address.

    Errors: LostWorkerError where a process died that had work; SettingError where there is no such cluster.
    """
    lost = "A process came to its end from outside, as happens where memory is too small."
    if cluster is None:
        try:
            with joblib.parallel_config(backend="loky"):
                yield
        except BrokenExecutor as error:
            raise LostWorkerError(lost) from error
        return
    try:
        from distributed import Client, KilledWorker
        from distributed.client import FutureCancelledError
    except ImportError as error:
        raise SettingError("A cluster needs Dask: pip install 'latentia[cluster]'.") from error
    try:
        client = Client(cluster, timeout=10)  # type: ignore[no-untyped-call]  # Dask comes without types
    except (OSError, ValueError) as error:
        raise SettingError(f"There is no Dask scheduler at {cluster}: {error}") from error
    try:
        with client, joblib.parallel_config(backend="dask", client=client, wait_for_workers_timeout=60):
            yield
    except (KilledWorker, FutureCancelledError) as error:
        raise LostWorkerError(lost) from error


def share_out(
    work: Callable[[Task], Result], tasks: Sequence[Task], *, workers: int, cluster: str | None = None
) -> Iterator[tuple[int, Result | None]]:
    """Do `work` on each task, and yield its place and its result, in the order in which they are done.

    The processes are `workers` of this machine, or those of a Dask cluster. When one dies, the tasks that were in work
    are done again, each alone, so that none suffers for another and memory is shared with nobody; the result is None
    where a worker died over it a second time. `work`, tasks and results travel between processes.

    Errors: those of `work`, which end everything; SettingError where there is no such cluster.
    """
    left = list(range(len(tasks)))
    while left:
        crew = _Crew(work, tasks, left)
        yield from crew.results(workers, cluster)
        for place in crew.suspects:
            alone = _Crew(work, tasks, [place])
            yield from alone.results(1, cluster)
            if alone.suspects:
                yield place, None
        left = crew.untouched


class _Crew(Generic[Task, Result]):
    """One pool of workers and what it was given; it ends when one of them dies."""

    def __init__(self, work: Callable[[Task], Result], tasks: Sequence[Task], places: Sequence[int]) -> None:
        self._work = work
        self._tasks = tasks
        self._waiting = list(places)
        self._begun: list[int] = []
        self._done: set[int] = set()

    @property
    def suspects(self) -> list[int]:
        """What was in work when a worker died."""
        return [place for place in self._begun if place not in self._done]

    @property
    def untouched(self) -> list[int]:
        """What no worker has had."""
        return self._waiting

    def results(self, workers: int, cluster: str | None) -> Iterator[tuple[int, Result]]:
        # With one job joblib would work in this very process, which must outlive whatever a task does.
        jobs = -1 if cluster else max(2, workers)
        # No task is handed out before a worker is free for it: then those in work are known.
        ahead = "n_jobs" if cluster else workers
        try:
            with parallel_backend(cluster):
                parallel = joblib.Parallel(
                    n_jobs=jobs, return_as="generator_unordered", pre_dispatch=ahead, batch_size=1
                )
                for place, result in parallel(self._handed_out()):
                    self._done.add(place)
                    yield place, result
        except LostWorkerError:
            return

    def _handed_out(self) -> Iterator[Any]:
        while self._waiting:
            place = self._waiting.pop(0)
            self._begun.append(place)
            yield joblib.delayed(_placed)(self._work, place, self._tasks[place])


def _placed(work: Callable[[Task], Result], place: int, task: Task) -> tuple[int, Result]:
    return place, work(task)

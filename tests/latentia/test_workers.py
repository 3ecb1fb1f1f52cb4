"""Work that is shared out is all done, whatever becomes of the workers."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import joblib
import pytest

from latentia.errors import SettingError
from latentia.workers import share_out, threads_each

Work = Callable[[int], int]


def deadly(folder: Path, *, victims: set[int], deaths: int) -> Work:
    """Square numbers; a worker that is given a victim kills itself, the first so many times.

    It works on another number meanwhile, so that there is one that dies with it.
    """
    path = str(folder)

    def work(number: int) -> int:
        for death in range(deaths if number in victims else 0):
            mark = Path(path) / f"{number}-{death}"
            if not mark.exists():
                time.sleep(0.2)
                mark.touch()
                os.kill(os.getpid(), signal.SIGKILL)
        return number**2

    return work


def test_every_task_is_done_once_and_found_by_its_place() -> None:
    def square(number: int) -> int:
        return number**2

    done = dict(share_out(square, [7, 5, 3, 1, 9], workers=2))
    assert done == {0: 49, 1: 25, 2: 9, 3: 1, 4: 81}


def test_a_worker_that_dies_costs_no_task(tmp_path: Path) -> None:
    results = list(share_out(deadly(tmp_path, victims={1}, deaths=1), range(6), workers=2))
    assert sorted(results) == [(number, number**2) for number in range(6)]


def test_a_task_that_kills_two_workers_fails_alone(tmp_path: Path) -> None:
    work = deadly(tmp_path, victims={0, 4}, deaths=9)
    results = dict(share_out(work, range(6), workers=2))
    assert results == {0: None, 1: 1, 2: 4, 3: 9, 4: None, 5: 25}
    # No third worker was spent on either; the second of them may first have died with the other's.
    assert {"0-0", "4-0"} <= {path.name for path in tmp_path.iterdir()} <= {"0-0", "0-1", "4-0", "4-1"}


def test_an_error_of_the_work_ends_everything() -> None:
    def refuse(number: int) -> int:
        raise SettingError(f"{number} cannot be.")

    with pytest.raises(SettingError, match="cannot be"):
        list(share_out(refuse, range(4), workers=2))


def test_a_dask_cluster_outlives_its_workers(tmp_path: Path) -> None:
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, host="127.0.0.1", dashboard_address=None) as here:
        work = deadly(tmp_path, victims={1}, deaths=1)
        results = list(share_out(work, range(6), workers=1, cluster=here.scheduler_address))
    assert sorted(results) == [(number, number**2) for number in range(6)]


@pytest.mark.parametrize("workers", [1, 2, 3, 1000])
def test_workers_share_the_processors(workers: int) -> None:
    cores = joblib.cpu_count()
    assert 1 <= threads_each(workers) <= cores
    assert workers > cores or workers * threads_each(workers) <= cores

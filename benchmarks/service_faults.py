"""What the web service loses when its processes are killed at random: nothing, or this benchmark fails.

    python -m benchmarks.service_faults [--jobs 60] [--kills 30] [--hours 0.3] [--databases sqlite postgresql] [--quick]

`spindle serve` runs in a folder of its own while scorings of simulated recordings are handed in, some of them only
written to the table, as if the web program had died before it handed them over. Meanwhile its processes are killed
(kill -9) at random moments: the web program, a worker, the child that scores, the supervisor, or all at once. At the
end every job must have ended exactly once, with the very scores that `spindle.score` gives. With PostgreSQL it makes a
database of its own, on the server of `LATENTIA_POSTGRES`. Results go to a dated JSON file.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import psutil
from sqlalchemy import create_engine, func, select, text

try:
    from benchmarks.score_day import in_a_process_of_its_own
except ModuleNotFoundError:  # started by its path: python benchmarks/NAME.py
    from score_day import in_a_process_of_its_own
from latentia.training.record import hardware
from spindle.options import SimulationOptions
from spindle.scores import Scores
from spindle.scoring import score
from spindle.service.database import Database, database_url
from spindle.service.engine import DbosQueue
from spindle.service.files import FileStore
from spindle.service.jobs import Jobs
from spindle.service.scored import load_scores
from spindle.service.settings import StorageOptions, WebOptions
from spindle.service.supervisor import with_port
from spindle.service.tables import Account, Job, JobKind, JobState, Recording, Scoring
from spindle.simulation.folders import simulate_files

POSTGRES = os.environ.get("LATENTIA_POSTGRES", "postgresql+psycopg://root@127.0.0.1:5432/postgres")
TARGETS = {"worker": 45, "web": 25, "child": 15, "supervisor": 5, "everything": 10}
"""What is killed, and how often in a hundred."""
OWNERS = ("ann", "bob", "eve")
PAUSE_S = (0.5, 8.0)
AHEAD = 5
"""So many kills more than the share of the jobs that have ended."""
NEVER_HANDED_OVER = 0.1
LONGEST_S = 3600.0


class Served:
    """`spindle serve` at one port, started again when it was killed."""

    def __init__(self, storage: StorageOptions, log: Path) -> None:
        self.port = with_port(WebOptions(port=0)).port
        self._words = ["--data", storage.data, "--port", str(self.port), "--slots", "2"]
        self._words += [] if storage.database is None else ["--database", storage.database]
        self._log = log
        self.program: subprocess.Popen[bytes] | None = None
        self.restarts = -1

    def see_to_it(self) -> None:
        """Start the service if it does not run."""
        if self.program is None or self.program.poll() is not None:
            with self._log.open("ab") as log:
                command = [sys.executable, "-m", "spindle", "serve", *self._words]
                self.program = subprocess.Popen(command, stdout=log, stderr=log)
            self.restarts += 1

    def answers(self) -> bool:
        """Whether the web program does."""
        try:
            return httpx.get(f"http://127.0.0.1:{self.port}/health", timeout=2.0).status_code == 200
        except httpx.HTTPError:
            return False

    def kill(self, target: str) -> bool:
        """Kill one process of a kind, or all; say whether there was one."""
        family = self.family()
        own = [one for one in family if one.pid == (self.program.pid if self.program else None)]
        chosen = {
            "everything": family,
            "supervisor": own,
            **{kind: _of_kind(family, kind) for kind in ("web", "worker", "child")},
        }[target]
        for one in chosen if target == "everything" else random.sample(chosen, min(1, len(chosen))):
            try:
                one.kill()
            except psutil.NoSuchProcess:
                continue
        if target in ("everything", "supervisor") and self.program is not None:
            self.program.wait()
        return bool(chosen)

    def family(self) -> list[psutil.Process]:
        """The supervisor and all processes under it."""
        try:
            own = psutil.Process(self.program.pid) if self.program is not None else None
            return [] if own is None else [own, *own.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []

    def end(self) -> list[psutil.Process]:
        """End it as an operator would, and return what outlived it."""
        family = self.family()
        if self.program is not None:
            self.program.terminate()
            self.program.wait()
        return psutil.wait_procs(family, timeout=30)[1]


def _of_kind(family: list[psutil.Process], kind: str) -> list[psutil.Process]:
    found = []
    for one in family:
        try:
            if f"spindle.service.{kind}" in one.cmdline():
                found.append(one)
        except psutil.Error:
            continue
    return found


@contextmanager
def postgres() -> Iterator[str]:
    """Make a database, and drop it."""
    name = f"spindle_faults_{uuid.uuid4().hex}"
    engine = create_engine(POSTGRES, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    try:
        yield f"{POSTGRES.rpartition('/')[0]}/{name}"
    finally:
        with engine.connect() as connection:
            connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
        engine.dispose()


def take_in(storage: StorageOptions, paths: list[Path]) -> Jobs:
    """Put recordings into the service, with the accounts that they belong to."""
    database, store = Database(database_url(storage)), FileStore(storage)
    with database.writing() as session:
        session.add_all(Account(id=name, name=name, password_hash="", role="user") for name in OWNERS)
    for place, path in enumerate(paths):
        copy = store.scratch / path.name
        shutil.copyfile(path, copy)
        store.put(copy, f"recordings/{place}/recording.edf")
        with database.writing() as session:
            session.add_all(
                Recording(
                    id=f"{owner}{place}",
                    owner_id=owner,
                    name=path.name,
                    size_bytes=path.stat().st_size,
                    sha256=path.stem,
                    file=f"recordings/{place}/recording.edf",
                    duration_s=0.0,
                    channels=[],
                )
                for owner in OWNERS
            )
    return Jobs(database, DbosQueue(database))


def hand_in(jobs: Jobs, place: int, path: Path) -> None:
    """Hand in one scoring, or only write its row, as if what should hand it over had died."""
    owner = random.choice(OWNERS)
    words = {"id": f"{owner}{place}", "file": f"recordings/{place}/recording.edf", "name": path.name}
    request = {"recording": words, "eeg": [], "emg": None, "model": None, "artifact_threshold": 0.5}
    if random.random() < NEVER_HANDED_OVER:
        with jobs.database.writing() as session:
            session.add(
                Job(owner_id=owner, kind=JobKind.SCORE, title=path.name, request=request, recording_id=words["id"])
            )
        return
    jobs.submit(owner, JobKind.SCORE, title=path.name, request=request, recording_id=words["id"])


def trial(storage: StorageOptions, log: Path, paths: list[Path], options: argparse.Namespace) -> dict[str, Any]:
    """Serve, hand in, kill, and wait until every job has ended."""
    served = Served(storage, log)
    served.see_to_it()
    while not served.answers():
        time.sleep(0.2)
    jobs = take_in(storage, paths)
    began, kills, handed_in, next_kill_s = time.monotonic(), Counter[str](), 0, 0.0
    while time.monotonic() - began < LONGEST_S:
        served.see_to_it()
        if handed_in < options.jobs and random.random() < 0.3:
            hand_in(jobs, handed_in % len(paths), paths[handed_in % len(paths)])
            handed_in += 1
        # Spread over the whole run, so that every part of it is met; a few at once are meant.
        ended = handed_in - _unfinished(jobs)
        allowed = min(options.kills, AHEAD + options.kills * ended // options.jobs)
        if kills.total() < allowed and time.monotonic() > next_kill_s:
            (target,) = random.choices(list(TARGETS), list(TARGETS.values()))
            if served.kill(target):
                kills[target] += 1
                print(f"\r{kills.total()} kills, {handed_in} jobs handed in  ", end="", flush=True)
            next_kill_s = time.monotonic() + random.uniform(*PAUSE_S)
        if ended == options.jobs and kills.total() >= options.kills:
            break
        time.sleep(0.2)
    seconds = time.monotonic() - began
    outlived = served.end()
    print()
    return {
        "kills": dict(kills),
        "kills_in_all": kills.total(),
        "starts_of_the_service_after_the_first": served.restarts,
        "wall_s": round(seconds, 1),
        "processes_that_outlived_it": len(outlived),
        **judge(jobs, FileStore(storage), [score(path) for path in paths]),
    }


def _unfinished(jobs: Jobs) -> int:
    with jobs.database.reading() as session:
        waiting = Job.state.in_([JobState.QUEUED, JobState.RUNNING])
        return session.scalar(select(func.count()).select_from(Job).where(waiting)) or 0


def judge(jobs: Jobs, store: FileStore, direct: list[Scores]) -> dict[str, Any]:
    """Count how the jobs ended, and compare every result with the scoring that was made directly."""
    with jobs.database.reading() as session:
        rows = session.scalars(select(Job)).all()
        scorings = session.scalars(select(Scoring)).all()
    results = Counter(scoring.job_id for scoring in scorings)
    right = 0
    for scoring in scorings:
        kept = load_scores(store.folder / "scorings" / scoring.id / "scores.npz")
        expected = direct[int(scoring.recording_id[3:])]
        right += np.array_equal(kept.hypnogram.codes, expected.hypnogram.codes) and np.allclose(
            kept.stage_probability, expected.stage_probability, atol=1e-5, equal_nan=True
        )
    return {
        "jobs": len(rows),
        "ended_as": dict(Counter(job.state for job in rows)),
        "jobs_with_exactly_one_result": sum(results[job.id] == 1 for job in rows),
        "results": len(scorings),
        "results_with_the_right_file": int(right),
        "problems": sorted({job.problem for job in rows if job.problem}),
        "attempts": dict(sorted(Counter(job.attempt for job in rows).items())),
    }


def is_good(found: dict[str, Any], jobs: int) -> bool:
    """Whether every job ended once, well, and with the right file, and nothing outlived the service."""
    counts = ("jobs", "jobs_with_exactly_one_result", "results", "results_with_the_right_file")
    return (
        all(found[name] == jobs for name in counts)
        and found["ended_as"] == {JobState.DONE: jobs}
        and found["processes_that_outlived_it"] == 0
    )


def main() -> int:
    """Run the benchmark, print what it found, and return 1 where anything was lost or doubled."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=60)
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--hours", type=float, default=0.3)
    parser.add_argument("--recordings", type=int, default=6)
    parser.add_argument("--databases", nargs="+", choices=["sqlite", "postgresql"], default=["sqlite", "postgresql"])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--quick", action="store_true", help="8 jobs and 4 kills, and no result file")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results")
    options = parser.parse_args()
    if options.quick:
        options.jobs, options.kills, options.recordings = 8, 4, 2
    os.environ["OMP_WAIT_POLICY"] = "PASSIVE"
    random.seed(options.seed)
    found: dict[str, dict[str, Any]] = {}
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        simulation = SimulationOptions(
            out=folder / "simulated",
            laboratories=options.recordings,
            hours=options.hours,
            shortest_hours=options.hours,
        )
        in_a_process_of_its_own(simulate_files, simulation)
        paths = sorted((folder / "simulated").glob("*.edf"))
        for name in options.databases:
            data, log = str(folder / name), folder / f"{name}.log"
            if name == "sqlite":
                found[name] = trial(StorageOptions(data=data), log, paths, options)
            else:
                with postgres() as url:
                    found[name] = trial(StorageOptions(data=data, database=url), log, paths, options)
            print(f"{name}: {json.dumps(found[name])}", flush=True)
    good = all(is_good(one, options.jobs) for one in found.values())
    print("Every job ended exactly once, with the right file." if good else "Something was lost or doubled.")
    if not options.quick:
        write(options, found)
    return 0 if good else 1


def write(options: argparse.Namespace, found: dict[str, dict[str, Any]]) -> None:
    """Keep the results."""
    result = {
        "benchmark": "service_faults",
        "date": date.today().isoformat(),
        "simulated_recordings": options.recordings,
        "hours": options.hours,
        "seed": options.seed,
        "machine": hardware(),
        "databases": found,
    }
    options.out.mkdir(parents=True, exist_ok=True)
    target = options.out / f"service_faults-{'-'.join(found)}-{result['date']}.json"
    target.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    print(f"written to {target}")


if __name__ == "__main__":
    sys.exit(main())

"""How fast many recordings are scored, and what a kill in the middle costs: simulated days, starter model.

    python -m benchmarks.batch_scoring [--recordings 24] [--hours 24] [--workers 1 2] [--out benchmarks/results]

Each run is a program of its own, as a user would start it, so seconds include Python, torch and the model. Memory is
the highest sum of the resident memory of its processes, looked at ten times a second; pages that they share count for
each. The last run is killed (SIGKILL to all its processes) when half of the recordings are done, and started again.
`cores_busy_elsewhere` says what other programs took of the processor meanwhile, averaged over the run.
Recordings are SIMULATED, one animal each of as many laboratories. Results go to a dated JSON file.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from datetime import date
from pathlib import Path
from typing import Any

import psutil

from benchmarks.score_day import in_a_process_of_its_own
from latentia.training.record import hardware
from spindle.batch_summary import SUMMARY
from spindle.options import SimulationOptions
from spindle.simulation.folders import simulate_files

LOOK_EVERY_S = 0.1


def start(recordings: Path, out: Path, workers: int) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "spindle", "score", str(recordings), "--out", str(out), "--workers", str(workers)]
    # A group of its own, which can be killed without killing the benchmark.
    return subprocess.Popen(
        [*command, "--no-report", "--formats", "csv"], stdout=subprocess.DEVNULL, start_new_session=True
    )


def memory_bytes(program: subprocess.Popen[bytes]) -> int:
    """Resident memory of a program and of all processes that it started."""
    total = 0
    try:
        main = psutil.Process(program.pid)
        for process in (main, *main.children(recursive=True)):
            total += process.memory_info().rss
    except psutil.NoSuchProcess:  # it ended meanwhile
        return total
    return total


def whole_run(recordings: Path, out: Path, workers: int) -> dict[str, float]:
    """Score all; seconds, the highest memory, and how many cores were busy with other programs."""
    began, peak, busy, own = time.perf_counter(), 0, busy_s(), own_s()
    program = start(recordings, out, workers)
    while program.poll() is None:
        peak = max(peak, memory_bytes(program))
        time.sleep(LOOK_EVERY_S)
    if program.returncode != 0:
        raise SystemExit(f"Scoring with {workers} workers ended with {program.returncode}.")
    wall = time.perf_counter() - began
    elsewhere = max(0.0, (busy_s() - busy) - (own_s() - own)) / wall
    return {"wall_s": wall, "peak_gib": peak / 2**30, "cores_busy_elsewhere": elsewhere}


def busy_s() -> float:
    """Seconds that the machine's cores have worked, all programs together."""
    times = psutil.cpu_times()
    return times.user + times.system + getattr(times, "nice", 0.0)


def own_s() -> float:
    """Seconds of them for this program and for those that it started and that have ended."""
    times = psutil.Process().cpu_times()
    return times.user + times.system + times.children_user + times.children_system


def outcomes(out: Path) -> dict[str, int]:
    """How many recordings were scored, kept, or failed, as the summary says."""
    with (out / SUMMARY).open(encoding="utf-8", newline="") as file:
        return dict(Counter(row["outcome"] for row in csv.DictReader(file)))


def killed_run(recordings: Path, out: Path, workers: int, count: int) -> dict[str, Any]:
    """Kill a run when half is done, and let the same command go on."""
    program = start(recordings, out, workers)
    while len(list(out.glob("*_record.json"))) < count // 2 and program.poll() is None:
        time.sleep(LOOK_EVERY_S)
    os.killpg(program.pid, signal.SIGKILL)
    program.wait()
    complete = len(list(out.glob("*_record.json")))
    second = whole_run(recordings, out, workers)
    return {"complete_when_killed": complete, "second_run": {**second, "outcomes": outcomes(out)}}


def main() -> None:
    """Run the benchmark and print what it found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recordings", type=int, default=24)
    parser.add_argument("--hours", type=float, default=24.0)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results")
    options = parser.parse_args()
    os.environ["OMP_WAIT_POLICY"] = "PASSIVE"
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        recordings, count = folder / "simulated", options.recordings
        print(f"simulating {count} recordings of {options.hours:g} h …", flush=True)
        simulation = SimulationOptions(
            out=recordings,
            laboratories=count,
            hours=options.hours,
            shortest_hours=options.hours,
            workers=psutil.cpu_count() or 1,
        )
        in_a_process_of_its_own(simulate_files, simulation)
        runs = {}
        for workers in options.workers:
            run = whole_run(recordings, folder / f"out-{workers}", workers)
            runs[str(workers)] = {**run, "recordings_per_minute": 60 * count / run["wall_s"]}
            print(
                f"{workers} workers: " + ", ".join(f"{name} {value:.2f}" for name, value in runs[str(workers)].items()),
                flush=True,
            )
        killed = killed_run(recordings, folder / "out-killed", max(options.workers), count)
        print(f"killed when {killed['complete_when_killed']} were complete; second run: {killed['second_run']}")
    result = {
        "benchmark": "batch_scoring",
        "date": date.today().isoformat(),
        "simulated_recordings": count,
        "hours": options.hours,
        "machine": hardware(),
        "workers": runs,
        "killed": killed,
    }
    options.out.mkdir(parents=True, exist_ok=True)
    target = options.out / f"batch_scoring-{count}x{options.hours:g}h-{result['date']}.json"
    target.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    print(f"written to {target}")


if __name__ == "__main__":
    main()

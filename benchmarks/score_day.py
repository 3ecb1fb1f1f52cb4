"""How long a day takes: 24 h, two EEGs and an EMG, from EDF to CSV with the starter model.

    python benchmarks/score_day.py [--rates 128 512] [--runs 3] [--hours 24] [--out benchmarks/results]

Each run is a process of its own, as a user would start it, so seconds and peak memory include Python, torch and the
model. Rates take turns, so that a slow minute of a shared machine does not fall on one of them. The breakdown comes
from one more run inside this process. Results go to a dated JSON file.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from datetime import date
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

from latentia.training.record import hardware
from spindle.edf import write_edf
from spindle.simulation import Animal, simulate

AIM_S, AIM_GIB = 10.0, 1.0
"""The project's aim for a day at 512 Hz on two cores; results are also given as ratios to it."""


def write_day(path: Path, *, rate_hz: int, hours: float) -> None:
    """Simulate a mouse's day; what the signals show does not change how long scoring takes."""
    animal = replace(Animal(), amplifier=replace(Animal().amplifier, rate_hz=rate_hz))
    write_edf(path, simulate(animal, seconds=round(hours * 3600), rng=np.random.default_rng(0)).channels)


def in_a_process_of_its_own(work: Callable[..., None], *arguments: Any, **options: Any) -> None:
    """Do memory-hungry work elsewhere: a process started from a large one counts that one's peak as its own."""
    with ProcessPoolExecutor(max_workers=1, mp_context=get_context("spawn")) as pool:
        pool.submit(work, *arguments, **options).result()


def run_once(recording: Path, folder: Path) -> dict[str, float]:
    """Score in a fresh process; wall seconds, processor seconds and peak memory of it alone."""
    command = [sys.executable, "-m", "spindle", "score", str(recording), "--out", str(folder)]
    command += ["--no-report", "--formats", "csv"]
    started = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    wall_s = time.perf_counter() - started
    if status != 0:
        raise SystemExit(f"{' '.join(command)} ended with {os.waitstatus_to_exitcode(status)}.")
    peak_bytes = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return {"wall_s": wall_s, "cpu_s": usage.ru_utime + usage.ru_stime, "peak_gib": peak_bytes / 2**30}


def breakdown(recording: Path) -> dict[str, float]:
    """Seconds of each step, in the order of `spindle.scoring`."""
    from spindle.classifier import probabilities
    from spindle.montage import choose_montages
    from spindle.reading import read_recording
    from spindle.scoring import load_method, score_stages
    from spindle.signals import load_signals
    from spindle.spectrogram import time_frequency

    seconds: dict[str, float] = {}

    def timed(name: str, work: Any) -> Any:
        started = time.perf_counter()
        result = work()
        seconds[name] = time.perf_counter() - started
        return result

    method = timed("load the model", load_method)
    model = method.model
    montage = timed("open the recording", lambda: choose_montages(read_recording(recording))[0])
    signals = timed("read and resample", lambda: load_signals(montage))
    images = timed("spectrogram", lambda: time_frequency(signals, rows=model.rows))
    timed("stage network and decoding", lambda: score_stages(method, images))
    timed("artifact network", lambda: probabilities(model.artifact, images))
    return seconds


def summary(runs: list[dict[str, float]]) -> dict[str, float]:
    """Medians, and their ratios to the aim."""
    medians = {name: statistics.median(run[name] for run in runs) for name in runs[0]}
    return {**medians, "time_to_aim": medians["wall_s"] / AIM_S, "memory_to_aim": medians["peak_gib"] / AIM_GIB}


def main() -> None:
    """Run the benchmark and print what it found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rates", type=int, nargs="+", default=[128, 512])
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--hours", type=float, default=24.0)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results")
    options = parser.parse_args()
    os.environ["OMP_WAIT_POLICY"] = "PASSIVE"
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        recordings = {rate: folder / f"day_{rate}hz.edf" for rate in options.rates}
        for rate, path in recordings.items():
            print(f"simulating {options.hours:g} h at {rate} Hz …", flush=True)
            in_a_process_of_its_own(write_day, path, rate_hz=rate, hours=options.hours)
        runs: dict[int, list[dict[str, float]]] = {rate: [] for rate in options.rates}
        for _ in range(options.runs):
            for rate, path in recordings.items():
                runs[rate].append(run_once(path, folder / "out"))
                print(f"{rate} Hz: " + ", ".join(f"{name} {value:.2f}" for name, value in runs[rate][-1].items()))
        result = {
            "benchmark": "score_day",
            "date": date.today().isoformat(),
            "hours": options.hours,
            "machine": hardware(),
            "rates": {
                str(rate): {"median": summary(runs[rate]), "runs": runs[rate], "breakdown_s": breakdown(path)}
                for rate, path in recordings.items()
            },
        }
    options.out.mkdir(parents=True, exist_ok=True)
    target = options.out / f"score_day-{result['date']}.json"
    target.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(result["rates"], indent=2))
    print(f"written to {target}")


if __name__ == "__main__":
    main()

"""The web service under load: users who upload, score and look at the same time, on loopback.

    python -m benchmarks.service_load [--users 20] [--hours 1] [--big-gib 1] [--database postgresql://…] [--out FOLDER]

A service of its own is started as an operator would start it (`spindle serve`, one worker) with a temporary folder.
Each user is a thread: it uploads a recording of its own in pieces (tus), asks for its scoring, waits for the end while
it looks at lists and pages every half second, then looks at the scored recording and at windows of it, and downloads
its tables. Seconds are those of single requests, from a client that opens connections as a browser does. Memory is
what the web process holds (resident), looked at twenty times a second; `--big-gib` adds one upload of a file of that
size, a valid EDF, to see whether memory grows with it. The last part opens the page of a scored day in Chromium, where
there is one, and takes the time from the request to the page's own sign that everything is drawn.
Recordings are SIMULATED. Results go to a dated JSON file.
"""

from __future__ import annotations

import argparse
import base64
import json
import os
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter, defaultdict
from datetime import date
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import psutil

try:
    from benchmarks.score_day import in_a_process_of_its_own
except ModuleNotFoundError:  # started by its path: python benchmarks/NAME.py
    from score_day import in_a_process_of_its_own
from latentia.training.record import hardware
from spindle.options import SimulationOptions
from spindle.service import accounts
from spindle.service.database import Database, database_url
from spindle.service.settings import StorageOptions
from spindle.service.tables import Role
from spindle.simulation.folders import simulate_files

PIECE = 8 * 2**20
LONGEST_S = 1800
PASSWORD = "a password for the benchmark"


class Service:
    """`spindle serve`, started and ended; `web` is its web process."""

    def __init__(self, folder: Path, database: str | None) -> None:
        self.storage = StorageOptions(data=str(folder / "data"), database=database)
        command = [sys.executable, "-m", "spindle", "serve", "--data", self.storage.data, "--port", "0"]
        command += ["--requests-per-minute", "100000"] + ([] if database is None else ["--database", database])
        self.log = (folder / "serve.log").open("wb+")
        self.program = subprocess.Popen(command, stdout=self.log, stderr=subprocess.STDOUT, start_new_session=True)
        self.address = self._address()
        self.web = self._web()
        self.peak = 0
        self._ended = threading.Event()
        self._watcher = threading.Thread(target=self._watch, daemon=True)
        self._watcher.start()

    def _address(self) -> str:
        for _ in range(600):
            found = re.search(rb"http://127\.0\.0\.1:\d+", Path(self.log.name).read_bytes())
            if found:
                address = found.group().decode()
                try:
                    if httpx.get(f"{address}/health").status_code == 200:
                        return address
                except httpx.HTTPError:
                    pass
            if self.program.poll() is not None:
                break
            time.sleep(0.1)
        raise SystemExit(f"The service did not start: {Path(self.log.name).read_text()[-2000:]}")

    def _web(self) -> psutil.Process:
        port = int(self.address.rpartition(":")[2])
        for process in psutil.Process(self.program.pid).children(recursive=True):
            if any(one.laddr and one.laddr.port == port for one in process.net_connections(kind="tcp")):
                return process
        raise SystemExit("No process of the service listens at its port.")

    def _watch(self) -> None:
        while not self._ended.wait(0.05):
            self.peak = max(self.peak, self.memory())

    def memory(self) -> int:
        return int(self.web.memory_info().rss)

    def end(self) -> None:
        self._ended.set()
        self._watcher.join()
        self.program.send_signal(signal.SIGTERM)
        try:
            self.program.wait(30)
        except subprocess.TimeoutExpired:
            os.killpg(self.program.pid, signal.SIGKILL)
        self.log.close()


class Timed:
    """A client that notes how long each request took, by kind, and what went wrong."""

    def __init__(self, address: str, token: str, seconds: dict[str, list[float]], errors: Counter[str]) -> None:
        self.client = httpx.Client(
            base_url=address, headers={"Authorization": f"Bearer {token}"}, timeout=120, follow_redirects=False
        )
        self.seconds = seconds
        self.errors = errors

    def ask(self, kind: str, method: str, path: str, **more: Any) -> httpx.Response:
        began = time.perf_counter()
        try:
            answer = self.client.request(method, path, **more)
        except httpx.HTTPError as error:
            self.errors[f"{kind}: {type(error).__name__}"] += 1
            raise
        self.seconds[kind].append(time.perf_counter() - began)
        if answer.status_code >= 400 or answer.status_code == 303:
            self.errors[f"{kind}: {answer.status_code}"] += 1
        return answer

    def upload(self, path: Path) -> str:
        """Upload in pieces, and return the recording's id."""
        name = base64.b64encode(path.name.encode()).decode()
        kind = base64.b64encode(b"application/octet-stream").decode()
        headers = {
            "Tus-Resumable": "1.0.0",
            "Upload-Length": str(path.stat().st_size),
            "Upload-Metadata": f"filename {name},filetype {kind}",
        }
        made = self.ask("upload, begin", "POST", "/api/v1/uploads", headers=headers)
        place, offset = made.headers["location"], 0
        with path.open("rb") as file:
            while piece := file.read(PIECE):
                headers = {
                    "Tus-Resumable": "1.0.0",
                    "Upload-Offset": str(offset),
                    "Content-Type": "application/offset+octet-stream",
                }
                self.ask("upload, 8 MiB", "PATCH", place, headers=headers, content=piece)
                offset += len(piece)
        while True:
            for one in self.ask("API: list", "GET", "/api/v1/recordings").json()["items"]:
                if one["name"] == path.name:
                    return str(one["id"])
            time.sleep(0.2)


def one_user(client: Timed, recording: Path) -> None:
    """What a user does, from the upload to the download."""
    key = client.upload(recording)
    job = client.ask("API: change", "POST", f"/api/v1/recordings/{key}/score", json={}).json()
    until = time.monotonic() + LONGEST_S
    while job["state"] in ("queued", "running") and time.monotonic() < until:
        time.sleep(0.5)
        client.ask("page", "GET", "/")
        client.ask("page", "GET", f"/recordings/{key}")
        client.ask("API: list", "GET", "/api/v1/recordings")
        job = client.ask("API: one", "GET", f"/api/v1/jobs/{job['id']}").json()
    if job["state"] != "done":
        client.errors[f"job: {job['state']} {job['problem']}"] += 1
        return
    scoring = client.ask("API: one", "GET", f"/api/v1/recordings/{key}").json()["scorings"][0]["id"]
    client.ask("page", "GET", f"/scorings/{scoring}")
    epochs = client.ask("API: one", "GET", f"/api/v1/scorings/{scoring}").json()["epochs"]
    for first, last in ((0, epochs - 1), (0, min(epochs - 1, 150)), (3, 3)):
        window = {"first": first, "last": last, "columns": 1500}
        client.ask("API: window", "GET", f"/api/v1/scorings/{scoring}/view", params=window)
    for file in ("scores.csv", "stages.csv", "events.tsv"):
        client.ask("download", "GET", f"/api/v1/scorings/{scoring}/files/{file}")


def big_recording(path: Path, gib: float) -> None:
    """Write a plain EDF of that size: two EEGs and an EMG of noise at 1 kHz, in records of a second."""
    labels, rate = ("EEG1", "EEG2", "EMG"), 1000
    count = int(gib * 2**30 / (2 * rate * len(labels)))
    fields = ["0", "simulated", "Startdate 01-JAN-2026 X X X", "01.01.26", "00.00.00", str(256 * (1 + len(labels)))]
    widths = [8, 80, 80, 8, 8, 8]
    fields += ["", str(count), "1", str(len(labels))]
    widths += [44, 8, 8, 4]
    for values, width in (
        (labels, 16), ([""] * 3, 80), (["uV"] * 3, 8), (["-500"] * 3, 8), (["500"] * 3, 8),
        (["-32768"] * 3, 8), (["32767"] * 3, 8), ([""] * 3, 80), ([str(rate)] * 3, 8), ([""] * 3, 32),
    ):  # fmt: skip
        fields += values
        widths += [width] * len(labels)
    second = np.random.default_rng(0).integers(-9000, 9000, (60, len(labels) * rate), dtype="<i2")
    with path.open("wb") as file:
        file.write("".join(value.ljust(width) for value, width in zip(fields, widths, strict=True)).encode("ascii"))
        for number in range(count):
            file.write(second[number % len(second)].tobytes())


def page_seconds(address: str, name: str, scoring: str) -> list[float] | None:
    """Seconds from the request of a scored day's page to the sign that it is drawn; None without Chromium."""
    chromium = shutil.which("chromium")
    if chromium is None:
        return None
    from playwright.sync_api import sync_playwright

    flags = ["--no-sandbox", "--disable-quic", "--disable-background-networking"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=flags)
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.goto(f"{address}/sign-in")
        page.fill("[name=name]", name)
        page.fill("[name=password]", PASSWORD)
        page.click("[type=submit]")
        page.wait_for_url(f"{address}/")
        seconds = []
        for _ in range(7):
            began = time.perf_counter()
            page.goto(f"{address}/scorings/{scoring}", wait_until="commit")
            page.wait_for_selector("body[data-ready=true]", state="attached")
            seconds.append(time.perf_counter() - began)
        browser.close()
    return seconds


def spread(values: list[float]) -> dict[str, float]:
    """Number, median, 95th percentile and the longest, in ms."""
    milliseconds = 1000 * np.array(values)
    return {
        "requests": len(values),
        "median_ms": round(float(np.median(milliseconds)), 1),
        "p95_ms": round(float(np.quantile(milliseconds, 0.95)), 1),
        "longest_ms": round(float(milliseconds.max()), 1),
    }


def make_accounts(storage: StorageOptions, count: int) -> list[str]:
    """Make accounts and return a token of each."""
    database, tokens = Database(database_url(storage)), []
    for number in range(count):
        with database.writing() as session:
            account = accounts.make_account(session, f"user{number}", PASSWORD, Role.USER)
            tokens.append(accounts.make_token(session, account.id, "benchmark")[1])
    database.close()
    return tokens


def run(options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Simulate, start, load, measure."""
    recordings = folder / "simulated"
    simulation = SimulationOptions(
        out=recordings, laboratories=options.users, hours=options.hours, shortest_hours=options.hours
    )
    in_a_process_of_its_own(simulate_files, simulation)
    day = folder / "day.edf"
    in_a_process_of_its_own(simulate_files, SimulationOptions(out=day, hours=options.day_hours, seed=1))
    files = sorted(recordings.glob("*.edf"))[: options.users]
    seconds: dict[str, list[float]] = defaultdict(list)
    errors: Counter[str] = Counter()
    service = Service(folder, options.database)
    try:
        tokens = make_accounts(service.storage, options.users + 1)
        base = service.memory()
        clients = [Timed(service.address, token, seconds, errors) for token in tokens]
        began = time.perf_counter()
        threads = [threading.Thread(target=one_user, args=pair) for pair in zip(clients, files, strict=False)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        wall_s, peak = time.perf_counter() - began, service.peak
        print(f"{len(files)} users: {wall_s:.0f} s, errors {dict(errors)}", flush=True)
        last = clients[-1]
        big = folder / "big.edf"
        big_recording(big, options.big_gib)
        before = service.memory()
        service.peak = before
        last.upload(big)
        big_peak = service.peak
        one_user(last, day)
        items = last.ask("API: list", "GET", "/api/v1/recordings").json()["items"]
        scoring = next(one for one in items if one["name"] == day.name)["scorings"][0]["id"]
        pages = page_seconds(service.address, f"user{options.users}", scoring)
    finally:
        service.end()
    return {
        "users": len(files),
        "hours": options.hours,
        "wall_s": round(wall_s, 1),
        "errors": dict(errors),
        "requests": {kind: spread(values) for kind, values in sorted(seconds.items())},
        "web_memory_mib": {
            "at_start": round(base / 2**20, 1),
            "peak_of_the_users": round(peak / 2**20, 1),
            "before_big_upload": round(before / 2**20, 1),
            "peak_of_big_upload": round(big_peak / 2**20, 1),
            "big_upload": round(big.stat().st_size / 2**20, 1),
        },
        "day_page": None
        if pages is None
        else {
            "hours": options.day_hours,
            "median_s": round(statistics.median(pages), 3),
            "all_s": [round(one, 3) for one in pages],
        },
    }


def main() -> None:
    """Run the benchmark and print what it found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--users", type=int, default=20)
    parser.add_argument("--hours", type=float, default=1.0)
    parser.add_argument("--day-hours", type=float, default=24.0)
    parser.add_argument("--big-gib", type=float, default=1.0)
    parser.add_argument("--database", default=None)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results")
    options = parser.parse_args()
    os.environ["OMP_WAIT_POLICY"] = "PASSIVE"
    with tempfile.TemporaryDirectory() as temporary:
        found = run(options, Path(temporary))
    kind = "sqlite" if options.database is None else "postgresql"
    result = {
        "benchmark": "service_load",
        "date": date.today().isoformat(),
        "database": kind,
        "machine": hardware(),
        **found,
    }
    print(json.dumps(result, indent=2))
    options.out.mkdir(parents=True, exist_ok=True)
    target = options.out / f"service_load-{kind}-{options.users}x{options.hours:g}h-{result['date']}.json"
    target.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    print(f"written to {target}")


if __name__ == "__main__":
    main()

"""`spindle serve`, started as an operator would start it, for the tests of the whole."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time

import httpx
import psutil

from spindle.service.settings import StorageOptions

PATIENCE_S = 90.0


def spindle(*words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        (sys.executable, "-m", "spindle", *words),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )


def words_of(storage: StorageOptions) -> tuple[str, ...]:
    database = () if storage.database is None else ("--database", storage.database)
    return ("--data", storage.data, *database)


class Served:
    """A service that was started, with the address and the link that it printed."""

    def __init__(self, storage: StorageOptions, *words: str) -> None:
        self.process = spindle("serve", "--port", "0", *words_of(storage), *words)
        assert self.process.stdout is not None
        said = ""
        while "/welcome/" not in said:
            line = self.process.stdout.readline()
            assert line, f"it ended after saying: {said}"
            said += line
        (self.address,) = re.findall(r"SPINDLE is at (http://127\.0\.0\.1:\d+)\n", said)
        (self.link,) = re.findall(r"(http://\S+/welcome/\S+)", said)

    def ask(self, path: str) -> httpx.Response:
        """Ask until somebody answers."""
        until_s = time.monotonic() + PATIENCE_S
        while True:
            try:
                return httpx.get(f"{self.address}{path}")
            except httpx.TransportError:
                assert time.monotonic() < until_s
                time.sleep(0.1)

    def family(self) -> list[psutil.Process]:
        if self.process.poll() is not None:
            return []
        return psutil.Process(self.process.pid).children(recursive=True)

    def named(self, module: str) -> psutil.Process:
        until_s = time.monotonic() + PATIENCE_S
        while True:
            for one in self.family():
                try:
                    if f"spindle.service.{module}" in one.cmdline():
                        return one
                except psutil.Error:
                    continue
            assert time.monotonic() < until_s
            time.sleep(0.1)

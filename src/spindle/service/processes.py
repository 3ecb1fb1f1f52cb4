"""Processes that start others: what a new one is told, and that none outlives the one that started it.

A process hears from its parent on standard input: lines of JSON, and then nothing until that end is closed, which
the system does for a parent that was killed. So it works on every system, and without a list of processes.
"""

from __future__ import annotations

import json
import logging
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from spindle.service.settings import LimitOptions, ServiceSettings, StorageOptions, WebOptions


def start(command: Sequence[str], *, stdout: int | None = None) -> subprocess.Popen[str]:
    """Start a process that hears from this one."""
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=stdout, text=True, encoding="utf-8", bufsize=1)


def module(name: str) -> tuple[str, ...]:
    """Return the command that runs a module of ours."""
    return sys.executable, "-m", name


def tell(process: subprocess.Popen[str], words: dict[str, Any]) -> None:
    """Send a line; nothing happens where the process has ended, which its parent will see elsewhere."""
    assert process.stdin is not None
    try:
        process.stdin.write(json.dumps(words) + "\n")
    except (OSError, ValueError):
        return


def let_end(process: subprocess.Popen[str], *, within_s: float) -> None:
    """Close a process's input, which asks it to end, and end it after a while where it does not."""
    assert process.stdin is not None
    # Where it has ended already, what it did not read is of no use.
    with suppress(OSError):
        process.stdin.close()
    try:
        process.wait(within_s)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def hear() -> dict[str, Any] | None:
    """Wait for a line from the parent; None where it has ended."""
    line = sys.stdin.readline()
    heard: dict[str, Any] | None = json.loads(line) if line else None
    return heard


def when_parent_ends(act: Callable[[], None]) -> None:
    """Have `act` called, by a thread of its own, when the parent has ended or wants this process to end."""

    def watch() -> None:
        # Not through sys.stdin, whose lock a thread that waits must not hold when Python ends.
        while os.read(0, 1024):
            pass
        act()

    threading.Thread(target=watch, name="watch-parent", daemon=True).start()


def listen(act: Callable[[], None]) -> queue.SimpleQueue[dict[str, Any]]:
    """Hear every line from the parent, in a queue; `act` is called when the parent has ended."""
    heard: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()

    def read() -> None:
        kept = b""
        while piece := os.read(0, 65536):
            *lines, kept = (kept + piece).split(b"\n")
            for line in lines:
                heard.put(json.loads(line))
        act()

    threading.Thread(target=read, name="listen-to-parent", daemon=True).start()
    return heard


def to_words(settings: ServiceSettings) -> dict[str, Any]:
    """Return settings as JSON takes them."""
    words = asdict(settings)
    words["storage"]["scratch"] = None if settings.storage.scratch is None else str(settings.storage.scratch)
    return words


def from_words(words: dict[str, Any]) -> ServiceSettings:
    """Return the settings that `to_words` was given."""
    storage = dict(words["storage"])
    storage["scratch"] = None if storage["scratch"] is None else Path(storage["scratch"])
    return ServiceSettings(
        storage=StorageOptions(**storage), limits=LimitOptions(**words["limits"]), web=WebOptions(**words["web"])
    )


def log_to_standard_error() -> None:
    """Have this process's log on standard error, where the parent's goes; whoever runs the service keeps it."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Lines())
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
    logging.getLogger("spindle").setLevel(logging.INFO)


class _Lines(logging.Formatter):
    """One line of JSON for each entry; those that are JSON already, the web program's, stay as they are."""

    def format(self, record: logging.LogRecord) -> str:
        message = record.getMessage()
        if message.startswith("{"):
            return message
        words = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "from": record.name,
            "said": message,
        }
        if record.exc_info:
            words["trace"] = self.formatException(record.exc_info)
        return json.dumps(words)

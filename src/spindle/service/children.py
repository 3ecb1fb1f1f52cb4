"""The processes that do the work, as their worker sees them; `child.py` is the other end."""

from __future__ import annotations

import json
import logging
import queue
import subprocess
import threading
from collections.abc import Sequence
from typing import Any

from spindle.service.processes import start, tell

MOST_JOBS = 50
"""After so many, a process is replaced: what libraries never give back stays small."""

_log = logging.getLogger(__name__)


class Child:
    """One process, for one job at a time."""

    def __init__(self, command: Sequence[str]) -> None:
        self._process = start(command, stdout=subprocess.PIPE)
        self._heard: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        threading.Thread(target=self._listen, name="listen-to-child", daemon=True).start()

    @property
    def lives(self) -> bool:
        """Whether the process has not ended yet."""
        return self._process.poll() is None

    def assign(self, assignment: dict[str, Any]) -> None:
        """Say what to do."""
        tell(self._process, assignment)

    def hear(self, *, within_s: float) -> dict[str, Any] | None:
        """Return the next message, or None where there is none yet. The last one has `ended`, the exit code."""
        try:
            return self._heard.get(timeout=within_s)
        except queue.Empty:
            return None

    def kill(self) -> None:
        """End the process at once."""
        self._process.kill()
        self._process.wait()

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            try:
                message = json.loads(line)
            except ValueError:
                _log.warning("a child said what is no message")
                continue
            self._heard.put(message)
        self._heard.put({"ended": self._process.wait()})


class Children:
    """Keeps one child ready that has loaded its libraries, so that a job need not wait for that."""

    def __init__(self, command: Sequence[str]) -> None:
        self._command = tuple(command)
        self._ready: Child | None = None
        self._jobs = 0

    def prepare(self) -> None:
        """Have a child ready."""
        if self._ready is None or not self._ready.lives:
            self._ready, self._jobs = Child(self._command), 0

    def take(self) -> Child:
        """Give the child that is ready, or a new one."""
        self.prepare()
        assert self._ready is not None
        child, self._ready = self._ready, None
        return child

    def give_back(self, child: Child) -> None:
        """Keep a child that has done its job well for the next one, unless it has done many."""
        self._jobs += 1
        if self._jobs < MOST_JOBS:
            self._ready = child
        else:
            self.discard(child)

    def discard(self, child: Child) -> None:
        """End a child whatever it does, and have another one ready."""
        child.kill()
        self.prepare()

    def close(self) -> None:
        """End the child that is ready."""
        if self._ready is not None:
            self._ready.kill()
            self._ready = None

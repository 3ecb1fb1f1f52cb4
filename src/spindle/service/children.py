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

_log = logging.getLogger(__name__)


class Child:
    """One process, for one job."""

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
    """Starts children, and keeps one ready that has loaded its libraries, so that a job need not wait for that."""

    def __init__(self, command: Sequence[str]) -> None:
        self._command = tuple(command)
        self._spare: Child | None = None

    def prepare(self) -> None:
        """Have a child ready."""
        if self._spare is None or not self._spare.lives:
            self._spare = Child(self._command)

    def take(self) -> Child:
        """Give the child that is ready, or a new one."""
        child, self._spare = self._spare, None
        return child if child is not None and child.lives else Child(self._command)

    def close(self) -> None:
        """End the child that is ready."""
        if self._spare is not None:
            self._spare.kill()
            self._spare = None

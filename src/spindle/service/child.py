"""The process that does the work of jobs, one after the other: `python -m spindle.service.child`.

It hears what to do from its worker as a line of JSON, and answers in lines of JSON: `doing` and `share`, `line` for the
job's log, and at last `rows` or `problem`. It never outlives its worker. It does not know the database.
"""

from __future__ import annotations

import errno
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

from latentia.errors import LatentiaError
from spindle.service.files import FileStore
from spindle.service.processes import listen
from spindle.service.settings import StorageOptions

PROGRESS_S = 0.5
NO_ROOM = "There is no room left on the disk of the service."
NO_MEMORY = "There is not enough memory for it."
GONE = "A file that it needs is not there any more."


@dataclass(frozen=True, kw_only=True)
class Assignment:
    """One job, as its work sees it: what is asked for, where files are, and whom to tell."""

    job_id: str
    attempt: int
    request: dict[str, Any]
    store: FileStore
    send: Callable[[dict[str, Any]], None]
    _last: list[Any] = field(default_factory=lambda: ["", 0.0])

    def progress(self, doing: str, share: float) -> None:
        """Tell what is being done, and the share of it that is done; may be called as often as one likes."""
        last_doing, last_s = self._last
        at_s = time.monotonic()
        if doing != last_doing or at_s - last_s >= PROGRESS_S:
            self._last[:] = doing, at_s
            self.send({"doing": doing, "share": float(share)})

    def say(self, sentence: str) -> None:
        """Add a line to the job's log."""
        self.send({"line": sentence})


Work = Callable[[Assignment], list[dict[str, Any]]]
"""Does a job, and returns the rows of its results: see `spindle.service.jobs.TABLES`."""


def main(kinds: Mapping[str, Work]) -> int:
    """Do what the worker says until it ends this process; what nobody foresaw ends it too."""
    # An interruption of the whole terminal is for the worker, which ends this process when it has to.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    send = _sender(_own_output())
    heard = listen(lambda: os._exit(0))
    while True:
        words = heard.get()
        _use_threads(words["threads"])
        assignment = Assignment(
            job_id=words["job_id"],
            attempt=words["attempt"],
            request=words["request"],
            store=FileStore(_storage(words["storage"]), work=work_of(words["job_id"], words["attempt"])),
            send=send,
        )
        send(_answer(kinds[words["kind"]], assignment))


def work_of(job_id: str, attempt: int) -> str:
    """Return what the working folders of an attempt are called after; it begins with its job."""
    return f"{job_id}.{attempt}"


def _answer(work: Work, assignment: Assignment) -> dict[str, Any]:
    try:
        return {"rows": work(assignment)}
    except LatentiaError as error:
        return {"problem": " ".join(str(error).splitlines())}
    except MemoryError:
        return {"problem": NO_MEMORY}
    except FileNotFoundError:
        return {"problem": GONE}
    except Exception as error:
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            return {"problem": NO_ROOM}
        # Whoever runs the service finds the whole of it in the log; the user is told its kind.
        assignment.send({"unforeseen": type(error).__name__})
        raise


def _storage(words: dict[str, Any]) -> StorageOptions:
    scratch = words["scratch"]
    return StorageOptions(data=words["data"], scratch=None if scratch is None else Path(scratch), database="sqlite:///")


def _own_output() -> TextIO:
    """Keep standard output for messages; what libraries print goes to standard error."""
    own = os.fdopen(os.dup(1), "w", encoding="utf-8", buffering=1)
    os.dup2(2, 1)
    return own


def _sender(output: TextIO) -> Callable[[dict[str, Any]], None]:
    one_at_a_time = threading.Lock()

    def send(message: dict[str, Any]) -> None:
        with one_at_a_time:
            output.write(json.dumps(message) + "\n")
            output.flush()

    return send


def _use_threads(count: int) -> None:
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.set_num_threads(count)


if __name__ == "__main__":
    # Loaded before there is anything to do, so that a job need not wait for it.
    from spindle.service.work import KINDS

    sys.exit(main(KINDS))

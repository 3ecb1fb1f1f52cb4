"""Starting the service's processes, starting them again when they die, and ending them all.

The processes hear from this one (`processes.py`), so that none outlives it, whatever ends it.
"""

from __future__ import annotations

import logging
import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from types import FrameType
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy.exc import SQLAlchemyError

from spindle.errors import SettingError
from spindle.service import accounts
from spindle.service.database import Database, database_url
from spindle.service.engine import prepare_queue
from spindle.service.files import FileStore
from spindle.service.processes import let_end, module, start, tell, to_words
from spindle.service.settings import ServiceSettings, WebOptions
from spindle.service.tables import Role

WEB, WORKER = module("spindle.service.web"), module("spindle.service.worker")
LOOK_S = 0.2
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 30.0
SETTLED_S = 10.0
"""A process that lived for so long starts with the first pause again."""
ENDING_S = 15.0
MOST_SLOTS = 8

_log = logging.getLogger("spindle.service.supervisor")


@dataclass
class _Kept:
    """A process that is to live, and what it is told when it starts."""

    name: str
    command: Sequence[str]
    words: dict[str, Any]
    process: subprocess.Popen[str] | None = None
    started_s: float = 0.0
    pause_s: float = FIRST_PAUSE_S
    again_s: float = field(default=0.0)

    def look(self, now_s: float) -> None:
        """Start the process if it does not live, after a pause that grows with every death."""
        if self.process is not None and self.process.poll() is not None:
            _log.warning("the %s process has ended (exit code %s)", self.name, self.process.returncode)
            let_end(self.process, within_s=0)
            self.process = None
            if now_s - self.started_s > SETTLED_S:
                self.pause_s = FIRST_PAUSE_S
            self.again_s, self.pause_s = now_s + self.pause_s, min(2 * self.pause_s, LONGEST_PAUSE_S)
        if self.process is None and now_s >= self.again_s:
            self.process = start(self.command)
            tell(self.process, self.words)
            self.started_s = now_s

    def end(self) -> None:
        """Ask the process to end, and see to it."""
        if self.process is not None:
            let_end(self.process, within_s=ENDING_S)
            self.process = None


class Supervisor:
    """Keeps processes alive until `stop` is called, or the process is told to end."""

    def __init__(self) -> None:
        self._kept: list[_Kept] = []
        self._stopping = threading.Event()

    def keep(self, name: str, command: Sequence[str], words: dict[str, Any]) -> None:
        """Have one more process kept alive, once `run` is called."""
        self._kept.append(_Kept(name=name, command=command, words=words))

    def stop(self) -> None:
        """End all, from another thread or a signal's handler."""
        self._stopping.set()

    def run(self) -> None:
        """Start all processes and keep them alive. Returns when all have ended."""
        before = {number: signal.signal(number, self._on_signal) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            while not self._stopping.is_set():
                for one in self._kept:
                    one.look(time.monotonic())
                self._stopping.wait(LOOK_S)
        finally:
            # All at once: each may take a while to put its job back.
            endings = [threading.Thread(target=one.end) for one in self._kept]
            for ending in endings:
                ending.start()
            for ending in endings:
                ending.join()
            for number, handler in before.items():
                signal.signal(number, handler)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self.stop()


def serve(settings: ServiceSettings, slots: int | None, *, say: Callable[[str], None]) -> None:
    """Run the whole service until it is told to end; `slots` of 0 leaves the work to workers elsewhere.

    Errors: SettingError where the folder, the database or the port cannot be used.
    """
    settings = replace(settings, web=with_port(settings.web))
    link = prepare(settings)
    address = settings.web.address or address_of(settings.web)
    supervisor = Supervisor()
    supervisor.keep("web", WEB, {"settings": to_words(settings)})
    keep_workers(supervisor, settings, slots)

    def tell_once_it_answers() -> None:
        host, port = urlsplit(address_of(settings.web)).hostname, settings.web.port
        while not _answers(str(host), port):
            time.sleep(LOOK_S)
        say(f"SPINDLE is at {address}")
        if link is not None:
            say(f"Nobody has an account yet. Make the first one, within a week: {address.rstrip('/')}/welcome/{link}")

    threading.Thread(target=tell_once_it_answers, daemon=True).start()
    supervisor.run()


def work(settings: ServiceSettings, slots: int | None, *, say: Callable[[str], None]) -> None:
    """Run workers until they are told to end. Errors: SettingError where folder or database cannot be used."""
    prepare(settings)
    supervisor = Supervisor()
    count = keep_workers(supervisor, settings, slots)
    say(f"{'One worker takes' if count == 1 else f'{count} workers take'} jobs. Ctrl-C ends.")
    supervisor.run()


def keep_workers(supervisor: Supervisor, settings: ServiceSettings, slots: int | None) -> int:
    """Add a worker for every job that may run at a time, and return how many."""
    cores = os.cpu_count() or 1
    count = min(MOST_SLOTS, max(1, cores // 2)) if slots is None else slots
    words = {"settings": to_words(settings), "threads": max(1, cores // max(1, count))}
    for _ in range(count):
        supervisor.keep("worker", WORKER, words)
    return count


def prepare(settings: ServiceSettings) -> str | None:
    """Make folders and tables ready; return the word of the first invitation where nobody has an account.

    Errors: SettingError.
    """
    store = FileStore(settings.storage)
    store.prepare()
    database = Database(database_url(settings.storage))
    try:
        database.upgrade()
        prepare_queue(database)
        with database.writing() as session:
            return None if accounts.has_accounts(session) else accounts.invite(session, Role.ADMINISTRATOR)
    except SQLAlchemyError as error:
        shown = database.engine.url.render_as_string(hide_password=True)
        raise SettingError(f"The database {shown} cannot be used: {_reason(error)}.") from None
    finally:
        database.close()


def with_port(web: WebOptions) -> WebOptions:
    """Return the options with a port that is free, before anything is started. Errors: SettingError."""
    try:
        family, *_, where = socket.getaddrinfo(web.host, web.port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            if os.name == "posix":
                # As the web server does; elsewhere this would let two servers share a port.
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(where)
            return replace(web, port=int(probe.getsockname()[1]))
    except OSError as error:
        raise SettingError(
            f"Port {web.port} of {web.host} cannot be used: {error.strerror or error}; name another with --port."
        ) from None


def address_of(web: WebOptions) -> str:
    """Return the address for a browser on this machine."""
    host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(web.host, f"[{web.host}]" if ":" in web.host else web.host)
    return f"http://{host}:{web.port}"


def _answers(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port), timeout=1).close()
    except OSError:
        return False
    return True


def _reason(error: SQLAlchemyError) -> str:
    return str(getattr(error, "orig", None) or error).strip().partition("\n")[0].rstrip(".")

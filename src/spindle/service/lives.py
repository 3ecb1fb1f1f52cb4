"""Which workers live: each holds a lock of its own name until it ends, however it ends."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol, runtime_checkable

from filelock import FileLock, Timeout
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from spindle.service.database import Database


@runtime_checkable
class Lives(Protocol):
    """Locks that end with the process that holds them."""

    def take(self, name: str) -> bool:
        """Take a lock, and say whether that was possible: it is not while a living process holds it."""

    def release(self, name: str, *, forget: bool = False) -> None:
        """Give a lock back; `forget` where nobody will ask for it again."""

    def keep(self) -> bool:
        """Make sure that the locks are still held, and take them again where not; say whether all are held."""


def lives_of(database: Database) -> Lives:
    """Return the locks that go with a database: files beside SQLite's, PostgreSQL's own."""
    if database.is_sqlite:
        return FileLives(beside(database) / "workers")
    return PostgresLives(database)


def beside(database: Database) -> Path:
    """Return the folder of an SQLite database."""
    return Path(database.engine.url.database or "").parent


@contextmanager
def held(lives: Lives, name: str) -> Iterator[bool]:
    """Take a lock for the time of a block, if it is free; gives whether it was."""
    taken = lives.take(name)
    try:
        yield taken
    finally:
        if taken:
            lives.release(name)


class FileLives:
    """Locked files, for workers of one machine."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._held: dict[str, FileLock] = {}

    def take(self, name: str) -> bool:
        """Lock the file of this name."""
        self.folder.mkdir(parents=True, exist_ok=True)
        # One lock of the whole process, not of the thread that took it.
        lock = FileLock(self.folder / f"{name}.lock", thread_local=False)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            return False
        self._held[name] = lock
        return True

    def release(self, name: str, *, forget: bool = False) -> None:
        """Unlock, and delete the file where it is not needed again."""
        self._held.pop(name).release()
        if forget:
            (self.folder / f"{name}.lock").unlink(missing_ok=True)

    def keep(self) -> bool:
        """The system never takes a lock of a file away."""
        return True


class PostgresLives:
    """Advisory locks of one connection, for workers of any machine."""

    def __init__(self, database: Database) -> None:
        self._engine = database.engine
        self._connection: Connection | None = None
        self._names: set[str] = set()
        self._one_at_a_time = threading.RLock()

    def take(self, name: str) -> bool:
        """Ask for the lock of this name, without waiting."""
        with self._one_at_a_time:
            taken = self._ask("pg_try_advisory_lock", name)
            if taken:
                self._names.add(name)
            return taken

    def release(self, name: str, *, forget: bool = False) -> None:
        """Give the lock back."""
        with self._one_at_a_time:
            self._names.discard(name)
            self._ask("pg_advisory_unlock", name)

    def keep(self) -> bool:
        """Ask the server; where the connection was lost, so were the locks, and they are taken again."""
        with self._one_at_a_time:
            try:
                if self._connection is not None:
                    self._connection.execute(text("SELECT 1"))
                    return True
            except DBAPIError:
                self._forget_connection()
            held_again = {name for name in sorted(self._names) if self._ask("pg_try_advisory_lock", name)}
            return held_again == self._names

    def _ask(self, function: str, name: str) -> bool:
        key = int.from_bytes(hashlib.sha256(f"spindle {name}".encode()).digest()[:8], signed=True)
        if self._connection is None:
            self._connection = self._engine.connect().execution_options(isolation_level="AUTOCOMMIT")
            # A machine that loses its power says no goodbye; without this, its locks would stay for hours.
            for setting in ("tcp_keepalives_idle = 15", "tcp_keepalives_interval = 5", "tcp_keepalives_count = 3"):
                self._connection.execute(text(f"SET {setting}"))
        try:
            return bool(self._connection.scalar(text(f"SELECT {function}(:key)"), {"key": key}))
        except DBAPIError:
            self._forget_connection()
            raise

    def _forget_connection(self) -> None:
        if self._connection is not None:
            self._connection.invalidate()
            self._connection.close()
            self._connection = None

"""A web program of its own process, for tests that kill it: `python web_program.py FOLDER` prints its port."""

from __future__ import annotations

import socket
import sys
from collections.abc import Sequence
from pathlib import Path

import uvicorn

from spindle.service.app import create_app
from spindle.service.context import Context
from spindle.service.database import Database, database_url
from spindle.service.files import FileStore
from spindle.service.jobs import Jobs
from spindle.service.limits import RateLimit
from spindle.service.settings import LimitOptions, ServiceSettings, StorageOptions, WebOptions


class NoQueue:
    """A queue that hands nothing over: these tests begin no jobs."""

    def put(self, job_id: str, owner_id: str) -> None:
        """Do nothing."""

    def without_worker(self, job_ids: Sequence[str]) -> set[str]:
        """Nothing is missing."""
        return set()

    def put_again(self, job_id: str, owner_id: str) -> None:
        """Do nothing."""


def open_context(folder: Path) -> Context:
    """The service's parts, on SQLite in a folder."""
    settings = ServiceSettings(storage=StorageOptions(data=str(folder)), limits=LimitOptions(), web=WebOptions(port=0))
    files = FileStore(settings.storage)
    files.prepare()
    database = Database(database_url(settings.storage))
    database.upgrade()
    return Context(
        settings=settings,
        database=database,
        files=files,
        jobs=Jobs(database, NoQueue()),
        requests=RateLimit(10_000),
    )


if __name__ == "__main__":
    listener = socket.create_server(("127.0.0.1", 0))
    print(listener.getsockname()[1], flush=True)
    uvicorn.Server(uvicorn.Config(create_app(open_context(Path(sys.argv[1]))), log_level="error")).run([listener])

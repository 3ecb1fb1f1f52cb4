"""A web program of its own process, for tests that kill it: `python web_program.py FOLDER` prints its port."""

from __future__ import annotations

import socket
import sys
from pathlib import Path

import uvicorn

from spindle.service.app import create_app
from spindle.service.context import Context
from spindle.service.database import Database, database_url
from spindle.service.files import FileStore
from spindle.service.settings import LimitOptions, ServiceSettings, StorageOptions, WebOptions
from spindle.service.web import context_of


def open_context(folder: Path) -> Context:
    """The service's parts as its own web process opens them, on SQLite in a folder."""
    storage, limits = StorageOptions(data=str(folder)), LimitOptions(requests_per_minute=10_000)
    FileStore(storage).prepare()
    Database(database_url(storage)).upgrade()
    return context_of(ServiceSettings(storage=storage, limits=limits, web=WebOptions(port=0)))


if __name__ == "__main__":
    listener = socket.create_server(("127.0.0.1", 0))
    print(listener.getsockname()[1], flush=True)
    uvicorn.Server(uvicorn.Config(create_app(open_context(Path(sys.argv[1]))), log_level="error")).run([listener])

"""The web program as a process: `python -m spindle.service.web`, which hears its settings from its supervisor."""

from __future__ import annotations

import logging
import signal
import sys

import uvicorn

from spindle.service.app import create_app
from spindle.service.context import Context
from spindle.service.database import Database, database_url
from spindle.service.engine import DbosQueue
from spindle.service.files import FileStore
from spindle.service.jobs import Jobs
from spindle.service.limits import RateLimit
from spindle.service.processes import from_words, hear, log_to_standard_error, when_parent_ends
from spindle.service.settings import ServiceSettings

ENDING_S = 5
"""How long answers that have begun may take once the program has to end."""


def context_of(settings: ServiceSettings) -> Context:
    """Open the service that these settings describe, for its web program."""
    database = Database(database_url(settings.storage))
    return Context(
        settings=settings,
        database=database,
        files=FileStore(settings.storage),
        jobs=Jobs(database, DbosQueue(database)),
        requests=RateLimit(settings.limits.requests_per_minute),
    )


def main() -> int:
    """Serve until the supervisor ends, or a signal says so; return the exit code."""
    words = hear()
    if words is None:
        return 0
    log_to_standard_error()
    settings = from_words(words["settings"])
    server = uvicorn.Server(
        uvicorn.Config(
            create_app(context_of(settings)),
            host=settings.web.host,
            port=settings.web.port,
            access_log=False,
            log_config=None,
            server_header=False,
            # Behind a proxy on this machine, addresses and https are what it says.
            proxy_headers=True,
            timeout_graceful_shutdown=ENDING_S,
        )
    )

    def end() -> None:
        server.should_exit = True

    when_parent_ends(end)
    # What uvicorn puts back when it has ended: an interruption of the whole terminal is for the supervisor.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    server.run()
    logging.shutdown()
    return 0 if server.started else 1


if __name__ == "__main__":
    sys.exit(main())

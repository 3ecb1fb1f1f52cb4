"""What every request needs: the settings, the database, the files and the queue, made once when the program starts."""

from __future__ import annotations

from dataclasses import dataclass, field

from spindle.service.database import Database
from spindle.service.files import FileStore
from spindle.service.jobs import Jobs
from spindle.service.limits import SIGN_INS_PER_MINUTE, RateLimit
from spindle.service.settings import ServiceSettings


@dataclass(frozen=True, kw_only=True)
class Context:
    """The service as its routes see it."""

    settings: ServiceSettings
    database: Database
    files: FileStore
    jobs: Jobs
    requests: RateLimit
    sign_ins: RateLimit = field(default_factory=lambda: RateLimit(SIGN_INS_PER_MINUTE))

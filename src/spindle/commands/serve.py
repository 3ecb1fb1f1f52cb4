"""`spindle serve`: the web service on this machine."""

from __future__ import annotations

from dataclasses import dataclass

from latentia.command_line.options import option
from latentia.command_line.screen import say
from spindle.commands.service_libraries import check_service
from spindle.errors import SettingError
from spindle.service.settings import LimitOptions, ServiceSettings, StorageOptions, WebOptions


@dataclass(frozen=True, kw_only=True)
class Arguments:
    """Work."""

    slots: int | None = option(
        None, "jobs that are worked on at a time (default: half as many as there are cores, 8 at most)", metavar="COUNT"
    )
    worker: bool = option(True, "work on jobs here too; without, other machines do, with spindle worker")

    def __post_init__(self) -> None:
        if self.slots is not None and self.slots < 1:
            raise SettingError(f"--slots must be 1 or more, not {self.slots}; --no-worker leaves the work to others.")


def run(arguments: Arguments, storage: StorageOptions, web: WebOptions, limits: LimitOptions) -> int:
    """Serve the web service: upload recordings, have them scored, correct the scoring, compare groups.

    Everything is kept in the data folder. The first account is made through a link that is printed. Jobs survive the
    end of any process; Ctrl-C ends the service, and the next start goes on where it was.
    """
    check_service()
    from spindle.service.supervisor import serve

    settings = ServiceSettings(storage=storage, limits=limits, web=web)
    serve(settings, arguments.slots if arguments.worker else 0, say=say)
    return 0

"""`spindle worker`: more hands for a web service that runs elsewhere."""

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

    def __post_init__(self) -> None:
        if self.slots is not None and self.slots < 1:
            raise SettingError(f"--slots must be 1 or more, not {self.slots}.")


def run(arguments: Arguments, storage: StorageOptions, limits: LimitOptions) -> int:
    """Work on the jobs of a web service, with the same data and the same database.

    Any number of workers may run, on any machines that reach both. One that dies costs no job.
    """
    check_service()
    from spindle.service.supervisor import work

    work(ServiceSettings(storage=storage, limits=limits, web=WebOptions()), arguments.slots, say=say)
    return 0

"""`spindle remote jobs`: what is being done."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice

from rich.table import Table

from latentia.command_line.options import option
from latentia.command_line.screen import say, show
from spindle.commands.remote.shared import client

SHOWN = 50


@dataclass(frozen=True, kw_only=True)
class Arguments:
    """Which."""

    all: bool = option(False, f"all jobs, not only the last {SHOWN}")


def run(arguments: Arguments) -> int:
    """List the jobs, newest first: what they do, how far they are, and why they failed."""
    table = Table("job", "id", "state", "done", "")
    with client() as service:
        for job in islice(service.jobs(), None if arguments.all else SHOWN):
            told = job["problem"] or job["doing"]
            table.add_row(job["title"], job["id"], job["state"], f"{job['share']:.0%}", told)
    if table.row_count:
        show([table])
    else:
        say("There are no jobs.")
    return 0

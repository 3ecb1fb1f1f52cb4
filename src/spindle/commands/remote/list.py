"""`spindle remote list`: what is there."""

from __future__ import annotations

from dataclasses import dataclass

from rich.table import Table

from latentia.command_line.options import option
from latentia.command_line.screen import say, show
from spindle.commands.remote.shared import client


@dataclass(frozen=True, kw_only=True)
class Arguments:
    """Which."""

    search: str | None = option(None, "only recordings with this in their names", metavar="TEXT")


def run(arguments: Arguments) -> int:
    """List the recordings that are there, newest first: name, id, length, and what came of them."""
    table = Table("recording", "id", "hours", "MB", "state")
    with client() as service:
        for one in service.recordings(arguments.search):
            job = one.get("job") or {}
            state = job.get("state", "not scored")
            if one["scorings"] and state not in ("queued", "running"):
                state = "scored"
            hours, size = f"{one['duration_s'] / 3600:.2f}", f"{one['size_bytes'] / 1e6:,.1f}"
            table.add_row(one["name"], one["id"], hours, size, state)
    if table.row_count:
        show([table])
    else:
        say("There are no recordings.")
    return 0

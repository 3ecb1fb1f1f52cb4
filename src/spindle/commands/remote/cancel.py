"""`spindle remote cancel`: a job, stopped."""

from __future__ import annotations

from dataclasses import dataclass

from latentia.command_line.options import argument
from latentia.command_line.screen import say
from spindle.commands.remote.shared import client


@dataclass(frozen=True, kw_only=True)
class Arguments:
    """Jobs."""

    jobs: tuple[str, ...] = argument("JOB", "id of a job, as spindle remote jobs shows it")


def run(arguments: Arguments) -> int:
    """Stop jobs. One that has ended stays as it is."""
    with client() as service:
        for job_id in arguments.jobs:
            job = service.cancel(job_id)
            ended = job["state"] in ("done", "failed")
            say(f"{job['title']} had ended already: {job['state']}." if ended else f"{job['title']} is stopped.")
    return 0

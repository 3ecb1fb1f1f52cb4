"""`spindle remote score`: recordings that are there, scored there."""

from __future__ import annotations

from dataclasses import dataclass

from latentia.command_line.options import argument, option
from latentia.command_line.progress import progress_bar
from latentia.command_line.screen import complain, say
from spindle.commands.remote.shared import client


@dataclass(frozen=True, kw_only=True)
class Arguments:
    """Scoring."""

    recordings: tuple[str, ...] = argument("RECORDING", "name or id of a recording that is there")
    model: str = option("starter", "name or id of a model that is there", metavar="MODEL")
    artifact_threshold: float = option(
        0.5, "an epoch whose probability of artifact is higher is one", metavar="PROBABILITY"
    )
    wait: bool = option(False, "wait until all are scored, and show how far they are")


def run(arguments: Arguments) -> int:
    """Have recordings scored on the service, whether you stay or not."""
    failed = 0
    with client() as service:
        model = "starter" if arguments.model == "starter" else service.model(arguments.model)["id"]
        recordings = [service.recording(name) for name in arguments.recordings]
        jobs = [
            service.score(one["id"], model=model, artifact_threshold=arguments.artifact_threshold) for one in recordings
        ]
        for recording, job in zip(recordings, jobs, strict=True):
            if not arguments.wait:
                say(f"{recording['name']} is queued: job {job['id']}.")
                continue
            with progress_bar() as bar:
                ended = service.wait(job["id"], progress=bar)
            if ended["state"] == "done":
                say(f"{recording['name']} is scored.")
            else:
                failed += 1
                reason = ended["problem"] or "it was cancelled."
                complain(f"{recording['name']} was not scored: {reason}", program="spindle")
    return 2 if failed else 0

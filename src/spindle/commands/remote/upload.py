"""`spindle remote upload`: recordings on their way."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from latentia.command_line.options import argument
from latentia.command_line.progress import progress_bar
from latentia.command_line.screen import complain, say, sentence_of
from latentia.errors import LatentiaError
from spindle.commands.remote.shared import client
from spindle.errors import RemoteError


@dataclass(frozen=True, kw_only=True)
class Arguments:
    """Recordings."""

    files: tuple[Path, ...] = argument("FILE", "a recording, as spindle score takes them")


def run(arguments: Arguments) -> int:
    """Send recordings. The same command goes on with what was interrupted, and sends nothing twice.

    What is wrong with one recording does not stop the next.
    """
    failed = 0
    with client() as service, progress_bar() as bar:
        for path in arguments.files:
            try:
                recording = service.upload(path, progress=bar)
            except (LatentiaError, OSError) as error:
                failed += 1
                said = sentence_of(error)
                complain(said if path.name in said else f"{path.name}: {said}", program="spindle")
                if isinstance(error, RemoteError) and "does not answer" in said:
                    break
                continue
            say(f"{path.name} is there: {recording['id']}.")
            if recording["choice_problem"]:
                say(f"{recording['choice_problem']} Choose its channels on its page.", indent=2)
    return 2 if failed else 0

"""The command line `spindle`: which command is meant, and how every error ends.

A command is a file of `spindle.commands` with a function `run`, which is imported only when it is asked for: no help
waits for torch.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.metadata import version
from io import TextIOWrapper

from latentia.errors import LatentiaError
from spindle.errors import SettingError, SpindleError
from spindle.screen import complain, say, sentence_of

COMMANDS = {
    "score": "score recordings: wake, NREM, REM and artifacts, with probabilities and a report",
    "train": "train a model on recordings that you labelled",
    "evaluate": "compare a scoring with the labels of experts",
    "simulate": "simulate recordings with known states",
    "report": "write the report of a scoring again",
}

FAILED, INTERRUPTED = 2, 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run `spindle` with these words, or with the command line's own; return the exit code.

    0 is success, 2 a problem that one sentence on standard error names, 130 an interruption by the user.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            # A name that the terminal has no letters for is shown with escapes, and stops nothing.
            stream.reconfigure(errors="backslashreplace")
    try:
        return _run(list(sys.argv[1:] if argv is None else argv))
    except (SpindleError, LatentiaError, OSError) as error:
        complain(sentence_of(error))
    except MemoryError:
        complain("There is not enough memory for this.")
    except KeyboardInterrupt:
        complain("Interrupted.")
        return INTERRUPTED
    except SystemExit as done:  # after --help and --print-config
        return done.code if isinstance(done.code, int) else 0
    return FAILED


def _run(words: list[str]) -> int:
    name = words[0] if words else "--help"
    if name in ("-h", "--help"):
        say(_help())
        return 0
    if name == "--version":
        say(f"spindle {version('latentia')}")
        return 0
    from spindle.command_line import parse, suggestion

    if name not in COMMANDS:
        raise SettingError(f"There is no command {name}{suggestion(name, COMMANDS) or '; see spindle --help.'}")
    command = import_module(f"spindle.commands.{name}")
    return int(command.run(**parse(command.run, words[1:], name=name)))


def _help() -> str:
    width = max(map(len, COMMANDS))
    commands = "\n".join(f"  {name:<{width}}  {text}" for name, text in COMMANDS.items())
    return (
        "usage: spindle COMMAND …\n\n"
        "Score rodent sleep from EEG and EMG: wake, NREM, REM and artifacts.\n\n"
        f"{commands}\n\n"
        "What a command takes: spindle COMMAND --help. Which version this is: spindle --version."
    )

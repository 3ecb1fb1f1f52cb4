"""A program of several commands: which one is meant, and how every error ends.

A command is a module with a function `run`, which is imported only when it is asked for: no help waits for torch. Or it
is a package with a program of its own, `PROGRAM`, whose commands are its modules.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import version
from io import TextIOWrapper

from latentia.command_line.screen import complain, say, sentence_of
from latentia.errors import LatentiaError, SettingError

FAILED, INTERRUPTED = 2, 130


@dataclass(frozen=True, kw_only=True)
class Program:
    """The name that is typed, what it is for, and its commands with a line of help each."""

    name: str
    summary: str
    commands: Mapping[str, str]
    package: str
    """Where the modules of the commands are."""
    settings_example: str = ""
    """A line of a settings file; without one, the commands take none (`--config`)."""

    def main(self, argv: Sequence[str] | None = None) -> int:
        """Run with these words, or with the command line's own; return the exit code.

        0 is success, 2 a problem that one sentence on standard error names, 130 an interruption by the user.
        """
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, TextIOWrapper):
                # A name that the terminal has no letters for is shown with escapes, and stops nothing.
                stream.reconfigure(errors="backslashreplace")
        # Read when torch is imported, later. Waiting threads that spin instead of sleeping make everything many times
        # slower where other programs want the processors too.
        os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
        try:
            return self._run(list(sys.argv[1:] if argv is None else argv))
        except (LatentiaError, OSError) as error:
            complain(sentence_of(error), program=self.name)
        except MemoryError:
            complain("There is not enough memory for this.", program=self.name)
        except KeyboardInterrupt as interruption:
            complain(str(interruption) or "Interrupted.", program=self.name)
            return INTERRUPTED
        except SystemExit as done:  # after --help
            return done.code if isinstance(done.code, int) else 0
        return FAILED

    def _run(self, words: list[str]) -> int:
        name = words[0] if words else "--help"
        if name in ("-h", "--help"):
            say(self._help())
            return 0
        if name == "--version":
            say(f"{self.name} {version('latentia')}")
            return 0
        from latentia.command_line.parsing import parse, suggestion

        if name not in self.commands:
            close = suggestion(name, self.commands)
            raise SettingError(f"There is no command {name}{close or f'; see {self.name} --help.'}")
        command = import_module(f"{self.package}.{name.replace('-', '_')}")
        inner = getattr(command, "PROGRAM", None)
        if isinstance(inner, Program):
            return inner._run(words[1:])
        records = parse(command.run, words[1:], prog=f"{self.name} {name}", settings_example=self.settings_example)
        return int(command.run(**records))

    def _help(self) -> str:
        width = max(map(len, self.commands))
        commands = "\n".join(f"  {name:<{width}}  {text}" for name, text in self.commands.items())
        return (
            f"usage: {self.name} COMMAND …\n\n"
            f"{self.summary}\n\n"
            f"{commands}\n\n"
            f"What a command takes: {self.name} COMMAND --help. Which version this is: {self.name} --version."
        )

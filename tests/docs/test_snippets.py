"""Every snippet of the README and the docs works as it stands.

The convention (CONTRIBUTING.md): a `python` block is run, with a leading `>>>` as a doctest. In a `console` block each
line after `$ ` is run by bash, and the lines below it must appear in what it prints, in that order; "…" stands for
anything. All blocks of one document share a folder and a namespace. What prepares them without being shown stands in a
comment, `<!--- invisible-code-block: console`. Set-up commands (make, pip, git, cd) are not run: they are checked
against the Makefile and pyproject.toml.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import pytest
from sybil import Document, Example
from sybil.parsers.markdown import CodeBlockParser, PythonCodeBlockParser

ROOT = Path(__file__).resolve().parents[2]
BUILT = {"_build", "generated", "_templates"}
DOCUMENTS = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    *sorted(path for path in (ROOT / "docs").rglob("*.md") if not BUILT & set(path.parts)),
]
SHOWN_AS_IS = {"text", "csv", "json", "toml"}
FENCE = re.compile(r"^[ \t]*(?:[-*+]|\d+[.)])?[ \t]*(?P<fence>`{3,}|~{3,})(?P<language>[^\n]*)$", re.MULTILINE)
TIMEOUT_S = 300


@dataclass(frozen=True, kw_only=True)
class Command:
    """One command of a console block and the lines that the reader is shown below it."""

    text: str
    shown: tuple[str, ...]


def read_commands(block: str) -> list[Command]:
    """Split a console block into commands; a command goes on where its line ends in a backslash."""
    commands: list[Command] = []
    lines = iter(block.splitlines())
    for line in lines:
        if line.startswith("$ "):
            text = line[2:]
            while text.endswith("\\"):
                text = f"{text}\n{next(lines)}"
            commands.append(Command(text=text, shown=()))
        elif line.strip():
            assert commands, f"A console block starts with a line that is no command: {line!r}"
            last = commands.pop()
            commands.append(Command(text=last.text, shown=(*last.shown, line)))
    return commands


def missing_line(shown: tuple[str, ...], printed: str) -> str | None:
    """Return the first shown line that is not printed after the ones before it; runs of blanks count as one."""
    rest = iter(" ".join(line.split()) for line in printed.splitlines())
    for line in shown:
        pattern = re.escape(" ".join(line.split())).replace("…", ".*")
        if not any(re.fullmatch(pattern, candidate) for candidate in rest):
            return line
    return None


def run_in_shell(command: Command) -> str | None:
    """Run a command as its reader would; say what went wrong."""
    bash = shutil.which("bash")
    if bash is None:
        pytest.skip("console snippets are written for bash, which is not here")
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    environment = {**os.environ, "PATH": path, "COLUMNS": "120"}
    done = subprocess.run(
        [bash, "-euo", "pipefail", "-c", command.text],
        env=environment,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=TIMEOUT_S,
        check=False,
    )
    printed = f"{done.stdout}\n{done.stderr}"
    if done.returncode:
        return f"`{command.text}` ended with code {done.returncode}:\n{printed}"
    missing = missing_line(command.shown, printed)
    return None if missing is None else f"`{command.text}` does not print {missing!r}:\n{printed}"


def check_make(command: Command) -> str | None:
    """Look up the targets and variables of a make command in the Makefile."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z]+):", makefile, re.MULTILINE))
    variables = set(re.findall(r"^([A-Z]+) \?=", makefile, re.MULTILINE))
    for word in shlex.split(command.text, comments=True)[1:]:
        name, is_variable, _ = word.partition("=")
        if name not in (variables if is_variable else targets):
            return f"`{command.text}`: the Makefile has no {name}."
    return None


def check_install(command: Command) -> str | None:
    """Look up the distribution and its extras in pyproject.toml."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    for name, extras in re.findall(r"([a-z.]+)\[([a-z,]+)\]", command.text):
        unknown = set(extras.split(",")) - set(project["optional-dependencies"])
        if name not in (project["name"], ".") or unknown:
            return f"`{command.text}`: pyproject.toml has no {name}[{extras}]."
    return None


def take_as_it_is(command: Command) -> str | None:
    """Set-up outside the project, which a test neither runs nor can look up."""
    return None


COMMANDS: dict[str, Callable[[Command], str | None]] = {
    **dict.fromkeys(["latentia", "spindle", "python", "for", "cat", "head", "ls"], run_in_shell),
    **dict.fromkeys(["git", "cd"], take_as_it_is),
    "make": check_make,
    "pip": check_install,
}


def run_console(example: Example) -> str | None:
    """Evaluate one console block for Sybil: None, or what is wrong."""
    for command in read_commands(example.parsed):
        head = command.text.split()[0]
        if head not in COMMANDS:
            return f"`{command.text}`: this test does not know how to check {head}."
        wrong = COMMANDS[head](command)
        if wrong:
            return wrong
    return None


def parse(path: Path) -> Document:
    return Document.parse(str(path), PythonCodeBlockParser(), CodeBlockParser("console", run_console))


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("path", [path for path in DOCUMENTS if list(parse(path))], ids=name_of)
def test_every_snippet_works(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for example in parse(path):
        example.evaluate()


def languages(text: str) -> Iterator[str]:
    """The language of every fenced block; directives in braces are Sphinx's own."""
    closing = None
    for match in FENCE.finditer(text):
        fence, language = match["fence"], match["language"].strip()
        if closing is None:
            closing = fence
            if not language.startswith("{"):
                yield language
        elif not language and fence.startswith(closing):
            closing = None


@pytest.mark.parametrize("path", DOCUMENTS, ids=name_of)
def test_no_block_escapes_by_its_language(path: Path) -> None:
    assert set(languages(path.read_text(encoding="utf-8"))) <= {"python", "console"} | SHOWN_AS_IS


@pytest.mark.parametrize("path", DOCUMENTS, ids=name_of)
def test_every_relative_link_leads_to_a_file(path: Path) -> None:
    targets = re.findall(r"\]\(([^)\s#]+)(?:#[^)]*)?\)", path.read_text(encoding="utf-8"))
    local = [target for target in targets if not re.match(r"[a-z]+:", target)]
    assert not [target for target in local if not (path.parent / target).exists()]


@lru_cache
def help_of(*words: str) -> str:
    """What `PROGRAM COMMAND --help` prints."""
    command = [sys.executable, "-m", *words, "--help"]
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", timeout=TIMEOUT_S, check=True)
    return done.stdout


@pytest.mark.parametrize("path", DOCUMENTS, ids=name_of)
def test_every_command_named_in_passing_exists_with_its_options(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    for named, rest in re.findall(r"`((?:latentia|spindle(?: remote)?) [a-z-]+)\b([^`\n]*)`", text):
        options = re.findall(r"--[a-z][a-z-]*", rest)
        assert not [option for option in options if not re.search(rf"{option}\b", help_of(*named.split()))]


def test_a_console_block_splits_into_commands_and_shown_lines() -> None:
    first, second = read_commands("$ spindle score \\\n    a.edf\n62 epochs\n\n$ ls out\n")
    assert first == Command(text="spindle score \\\n    a.edf", shown=("62 epochs",))
    assert second == Command(text="ls out", shown=())


def test_shown_lines_are_found_in_order_with_gaps() -> None:
    printed = "Wake  40.1 %\nNREM  55 %\nREM 4.9 %\n"
    assert missing_line(("Wake … %", "REM 4.9 %"), printed) is None
    assert missing_line(("REM 4.9 %", "Wake … %"), printed) == "Wake … %"
    assert missing_line(("Wake 40 %",), printed) == "Wake 40 %"


def test_commands_that_are_not_run_are_looked_up() -> None:
    assert check_make(Command(text='make run RECORDING=/a/b.edf EEG="EEG1 EEG2" # yours', shown=())) is None
    assert check_make(Command(text="make tests", shown=())) is not None
    assert check_make(Command(text="make run FILE=a.edf", shown=())) is not None
    assert check_install(Command(text='pip install "latentia[spindle,mne]"', shown=())) is None
    assert check_install(Command(text='pip install "latentia[sleep]"', shown=())) is not None

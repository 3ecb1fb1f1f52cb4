"""What the commands say: results on standard output, problems on standard error."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

FILE_WIDTH = 120
"""Width of tables where no terminal says its own."""


def title(text: str) -> None:
    """Say what the next lines are about."""
    _print(Text(text, style="bold"))


def say(sentence: str, *, indent: int = 0) -> None:
    """Say a sentence; a terminal wraps it, a file gets it on one line."""
    _print(Text(sentence), indent=indent)


def show(tables: Iterable[Table]) -> None:
    """Print tables, as wide as they need to be where there is no terminal."""
    console = Console()
    if not console.is_terminal:
        console = Console(width=max(console.width, FILE_WIDTH))
    for table in tables:
        console.print(table)


def emphasised(words: Sequence[str], marked: Sequence[bool]) -> Text:
    """Give words in a line, those marked in bold on a terminal, and as **word** elsewhere."""
    if not Console().is_terminal:
        return Text(starred(words, marked))
    parts = (Text(word, style="bold" if is_marked else "") for word, is_marked in zip(words, marked, strict=True))
    return Text(" ").join(parts)


def starred(words: Sequence[str], marked: Sequence[bool]) -> str:
    """Give words in a line, those marked as **word**."""
    return " ".join(f"**{word}**" if is_marked else word for word, is_marked in zip(words, marked, strict=True))


def complain(sentence: str, *, program: str) -> None:
    """Say a problem on standard error, and who says it."""
    Console(stderr=True).print(Text(f"{program}: {sentence}"), soft_wrap=True)


def sentence_of(error: Exception) -> str:
    """What went wrong, on one line and without Python's own words for it."""
    if isinstance(error, OSError):
        return f"{f'{error.filename}: ' if error.filename else ''}{error.strerror or error}."
    return " ".join(str(error).splitlines())


def _print(text: Text, *, indent: int = 0) -> None:
    console = Console()
    if console.is_terminal and indent:
        for line in text.wrap(console, max(20, console.width - indent)):
            console.print(Text(" " * indent).append(line))
    else:
        console.print(Text(" " * indent).append(text), soft_wrap=not console.is_terminal)

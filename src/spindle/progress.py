"""Progress on a terminal, and nothing where nobody watches."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

Show = Callable[[str, float], None]
"""Called with what is being done and the share of it that is done, 0 to 1."""


@contextmanager
def progress_bar() -> Iterator[Show]:
    """Give a function that moves a bar on standard error; it does nothing where that is no terminal."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda what, share: None
        return
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    # What is said meanwhile goes above the bar on a terminal, and unchanged to a file.
    with Progress(*columns, console=console, transient=True, redirect_stdout=sys.stdout.isatty()) as bars:
        task = bars.add_task("Starting", total=1.0)

        def show(what: str, share: float) -> None:
            if bars.tasks[0].description != what:
                bars.reset(task, description=what)
            bars.update(task, completed=share)

        yield show

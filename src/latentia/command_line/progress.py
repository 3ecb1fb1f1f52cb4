"""Progress on a terminal, and nothing where nobody watches."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

_COLUMNS = (
    TextColumn("{task.description}{task.fields[detail]}", markup=False),
    BarColumn(bar_width=30),
    TaskProgressColumn(),
    TimeRemainingColumn(),
)


class Bar:
    """A bar that starts anew with each thing that is done; it is nowhere without `bars`."""

    def __init__(self, bars: Progress | None) -> None:
        self._bars = bars
        self._what = "Starting"
        self._task = None if bars is None else bars.add_task(self._what, total=1.0, detail="")

    def __call__(self, what: str, share: float, detail: str = "") -> None:
        """Show what is being done, and the share of it that is done, 0 to 1; a new detail starts nothing anew."""
        if self._bars is None or self._task is None:
            return
        if what != self._what:
            self._what = what
            self._bars.reset(self._task, description=what)
        self._bars.update(self._task, completed=share, detail=detail)

    def shares(self, what: str) -> Callable[[int, int], None]:
        """Give what shows that so many are done, of how many."""
        return lambda done, all_of_them: self(what, done / all_of_them)


@contextmanager
def progress_bar() -> Iterator[Bar]:
    """Give a bar on standard error, or one that does nothing where that is no terminal."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield Bar(None)
        return
    # What is said meanwhile goes above the bar on a terminal, and unchanged to a file.
    with Progress(*_COLUMNS, console=console, transient=True, redirect_stdout=sys.stdout.isatty()) as bars:
        yield Bar(bars)

"""The bar: for those who watch, and out of the way of what is said."""

from __future__ import annotations

import pytest

from latentia.command_line.progress import progress_bar
from latentia.command_line.screen import say


def test_a_bar_is_drawn_on_a_terminal_and_leaves_standard_output_alone(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    with progress_bar() as show:
        show("Reading", 0.5)
        say("A result.")
        show("Training", 0.1, ", loss 0.5")
    printed = capsys.readouterr()
    assert printed.out == "A result.\n"
    assert "Training, loss 0.5" in printed.err


def test_nothing_is_drawn_where_nobody_watches(capsys: pytest.CaptureFixture[str]) -> None:
    with progress_bar() as show:
        show("Reading", 0.5)
    assert capsys.readouterr() == ("", "")

"""`spindle remote logout`: no service any more."""

from __future__ import annotations

from latentia.command_line.screen import say
from spindle.remote.memory import forget


def run() -> int:
    """Forget the service and its token. The token itself still works, until you revoke it on the account page."""
    say("The token is forgotten here." if forget() else "No token was kept.")
    return 0

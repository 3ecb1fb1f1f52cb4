"""`spindle remote login`: which service is meant."""

from __future__ import annotations

import getpass
import os
import sys
from dataclasses import dataclass

from latentia.command_line.options import argument
from latentia.command_line.screen import say
from spindle.errors import SettingError
from spindle.remote.memory import TOKEN, Login, remember


@dataclass(frozen=True, kw_only=True)
class Arguments:
    """The service."""

    address: str = argument("ADDRESS", "what a browser shows, such as https://sleep.example.org")


def run(arguments: Arguments) -> int:
    """Say which service is meant, and keep a token for it, which you make on the service's account page.

    The token is asked for, or read from standard input or from the variable SPINDLE_TOKEN; it is never on the command
    line, where others could see it. It is kept in a file that only you can read.
    """
    from spindle.remote import Client

    token = _token()
    with Client(arguments.address, token, patience_s=0.0) as client:
        name = client.me()["name"]
    path = remember(Login(address=arguments.address.rstrip("/"), token=token))
    say(f"You are {name} on {arguments.address}. The token is kept in {path}.")
    return 0


def _token() -> str:
    given = os.environ.get(TOKEN)
    if not given:
        given = getpass.getpass("Token: ") if sys.stdin.isatty() else sys.stdin.readline()
    if not given.strip():
        raise SettingError("No token was given; make one on the service's account page.")
    return given.strip()

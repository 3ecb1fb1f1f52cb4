"""What the commands of `spindle remote` share."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from spindle.remote.memory import remembered

if TYPE_CHECKING:
    from spindle.remote import Client


@contextmanager
def client() -> Iterator[Client]:
    """Give the service that `spindle remote login` named. Errors: SettingError where none was."""
    from spindle.remote import Client

    login = remembered()
    with Client(login.address, login.token) as found:
        yield found

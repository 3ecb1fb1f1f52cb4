"""Which service is meant, and with what token: kept in the user's own folder of settings, for nobody else to read."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from spindle.errors import SettingError

TOKEN, ADDRESS = "SPINDLE_TOKEN", "SPINDLE_ADDRESS"
"""Variables of the environment that have precedence."""


@dataclass(frozen=True, kw_only=True)
class Login:
    """A service's address and a token for it."""

    address: str
    token: str


def login_file() -> Path:
    """Return where it is kept: the system's own place for the settings of programs."""
    if sys.platform == "win32":
        folder = Path(os.environ.get("APPDATA") or Path.home() / "AppData" / "Roaming")
    elif sys.platform == "darwin":
        folder = Path.home() / "Library" / "Application Support"
    else:
        folder = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    return folder / "spindle" / "remote.json"


def remember(login: Login) -> Path:
    """Keep an address and its token; return the file. Errors: OSError."""
    path = login_file()
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    # Made for its owner alone (mode 600) before anything is in it, and renamed when it is whole.
    handle, name = tempfile.mkstemp(prefix=".remote-", suffix=".json", dir=path.parent)
    temporary = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump({"address": login.address, "token": login.token}, file)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    return path


def forget() -> bool:
    """Delete what is kept; say whether there was anything."""
    path = login_file()
    known = path.exists()
    path.unlink(missing_ok=True)
    return known


def remembered() -> Login:
    """Return the service that is meant. Errors: SettingError where nobody said."""
    path = login_file()
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
        kept = {"address": str(kept["address"]), "token": str(kept["token"])}
    except FileNotFoundError:
        kept = {"address": "", "token": ""}
    except (ValueError, KeyError, TypeError):
        raise SettingError(f"{path} is damaged; say spindle remote login ADDRESS again.") from None
    address = os.environ.get(ADDRESS) or kept["address"]
    # A token is shown to its own service alone.
    token = os.environ.get(TOKEN) or (kept["token"] if address == kept["address"] else "")
    if not address or not token:
        raise SettingError("Say first which service is meant: spindle remote login ADDRESS.")
    return Login(address=address, token=token)

"""Whether the web service's libraries are there, said in a sentence where they are not."""

from __future__ import annotations

from importlib.util import find_spec

from spindle.errors import SettingError

NEEDED = ("alembic", "dbos", "fastapi", "filelock", "fsspec", "prometheus_client", "psycopg", "sqlalchemy", "uvicorn")


def check_service() -> None:
    """Refuse to go on without the libraries. Errors: SettingError."""
    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        raise SettingError(
            f'The web service needs more packages ({", ".join(missing)}): pip install "latentia[service]"'
        )

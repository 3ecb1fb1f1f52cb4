"""The database: SQLite in a file, or PostgreSQL; the same statements for both."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, Engine, create_engine, event, make_url, select
from sqlalchemy.exc import ArgumentError, OperationalError
from sqlalchemy.orm import Session, sessionmaker

from spindle.errors import SettingError
from spindle.service.settings import StorageOptions

_Row = TypeVar("_Row")

LARGEST = 2**63
"""Numbers from here on fit into no column."""

BUSY_S = 30
"""How long a writer waits for another one; SQLite has one writer at a time."""


def database_url(storage: StorageOptions) -> str:
    """Return where the database is, with the driver that we use."""
    if storage.database is None:
        return f"sqlite:///{storage.folder / 'spindle.sqlite'}"
    return storage.database.replace("postgresql://", "postgresql+psycopg://", 1)


class Database:
    """Opens sessions. Each is one transaction: it is kept when the block ends well, and undone otherwise."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.engine = _engine(url)
        self._writing = sessionmaker(self.engine, expire_on_commit=False)
        self._reading = sessionmaker(self.engine.execution_options(read_only=True), expire_on_commit=False)

    @property
    def is_sqlite(self) -> bool:
        """Whether the database is a file of this machine."""
        return self.engine.dialect.name == "sqlite"

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """Give a session; its changes are committed at the end of the block. Keep it short: SQLite has one writer."""
        with self._writing.begin() as session:
            yield session

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """Give a session that changes nothing, and waits for no writer."""
        with self._reading() as session:
            yield session

    def upgrade(self) -> None:
        """Bring the tables to this version. Errors: SettingError where there is no such database."""
        self.upgrade_to("head")

    def upgrade_to(self, revision: str) -> None:
        """Bring the tables to a version. Errors: SettingError where there is no such database."""
        with self._said():
            command.upgrade(migrations(self.url), revision)

    @contextmanager
    def reachable(self) -> Iterator[Connection]:
        """Give a connection to look at the tables. Errors: SettingError where there is no such database."""
        with self._said(), self.engine.connect().execution_options(read_only=True) as connection:
            yield connection

    @contextmanager
    def _said(self) -> Iterator[None]:
        try:
            yield
        except OperationalError as error:
            reason = str(error.orig).strip().partition("\n")[0]
            shown = self.engine.url.render_as_string(hide_password=True)
            raise SettingError(f"The database {shown} cannot be used: {reason}.") from None

    def close(self) -> None:
        """Close the connections."""
        self.engine.dispose()


def migrations(url: str) -> Config:
    """Return what Alembic needs to know."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).with_name("migrations")))
    config.attributes["url"] = url
    return config


def owned(session: Session, table: type[_Row], owner_id: str, key: str) -> _Row | None:
    """Find a row by its id, if it is this account's: another's is not there."""
    columns: Any = table
    return session.scalars(select(table).where(columns.id == key, columns.owner_id == owner_id)).one_or_none()


def _engine(url: str) -> Engine:
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise SettingError("The database's address cannot be read; one is postgresql://NAME@HOST/DATABASE.") from None
    if parsed.get_backend_name() != "sqlite":
        # A connection that the database closed is found before a request uses it.
        engine = create_engine(parsed, pool_pre_ping=True, pool_size=10, max_overflow=20)
        event.listen(engine, "before_cursor_execute", _refuse)
        return engine
    engine = create_engine(parsed, connect_args={"timeout": BUSY_S})
    event.listen(engine, "before_cursor_execute", _refuse)
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: Any, record: Any) -> None:
    # The driver would begin transactions late, so that two readers who become writers block each other.
    connection.isolation_level = None
    for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Any) -> None:
    reads = connection.get_execution_options().get("read_only", False)
    connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")


def _refuse(connection: Any, cursor: Any, statement: str, parameters: Any, context: Any, many: bool) -> None:
    # Only one of the two databases would take these, and neither can give them to the other.
    for row in parameters if many else [parameters]:
        for value in row.values() if isinstance(row, dict) else row:
            if isinstance(value, str) and "\x00" in value:
                raise SettingError("Text cannot hold the character NUL.")
            if isinstance(value, int) and not -LARGEST <= value < LARGEST:
                raise SettingError(f"{value} is a larger number than can be kept.")

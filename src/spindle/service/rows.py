"""Rows as lines of JSON, the same from SQLite and from PostgreSQL, and of any version of the tables.

The tables are read as they are in the database, not as this version would have them, so that a backup of an older
version can be put back as it was and then brought up to date.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from alembic.migration import MigrationContext
from sqlalchemy import Connection, DateTime, Integer, MetaData, Table, func, select, text

from spindle.errors import SettingError

TEMPORARY = frozenset({"alembic_version", "browser_sessions"})
"""Tables that are not kept: the version is said elsewhere, and people sign in again."""

AT_ONCE = 500


def version_of(connection: Connection) -> str | None:
    """Return the version of the tables; None where there are none."""
    return MigrationContext.configure(connection).get_current_revision()


def tables_of(connection: Connection) -> list[Table]:
    """Return the tables whose rows are kept; one that others refer to comes before them."""
    found = MetaData()
    found.reflect(connection)
    return [table for table in found.sorted_tables if table.name not in TEMPORARY]


def lines_of(connection: Connection, table: Table) -> Iterator[str]:
    """Give each row as a line."""
    statement = select(table).order_by(*table.primary_key.columns)
    for row in connection.execution_options(yield_per=AT_ONCE).execute(statement).mappings():
        yield json.dumps({name: _plain(value) for name, value in row.items()}, ensure_ascii=False)


def insert_lines(connection: Connection, table: Table, lines: Iterable[str]) -> int:
    """Put rows back, and return how many. Errors: SettingError for a column that the table does not have."""
    count = 0
    rest = iter(lines)
    while some := list(islice(rest, AT_ONCE)):
        rows = [_row(table, json.loads(line)) for line in some]
        connection.execute(table.insert(), rows)
        count += len(rows)
    if connection.dialect.name == "postgresql":
        _count_on(connection, table)
    return count


def put_back_into_queue(connection: Connection, jobs: Table) -> int:
    """Have jobs that were running begin again, and return how many: nobody works at them any more."""
    running = jobs.update().where(jobs.c.state == "running")
    return connection.execute(running.values(state="queued", attempt=0, share=0.0, doing="", started_at=None)).rowcount


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.replace(tzinfo=UTC).isoformat()
    return value


def _row(table: Table, values: Mapping[str, Any]) -> dict[str, Any]:
    unknown = set(values) - set(table.c.keys())
    if unknown:
        raise SettingError(f"The table {table.name} has no column {sorted(unknown)[0]}, which the backup has.")
    return {
        name: datetime.fromisoformat(value).astimezone(UTC).replace(tzinfo=None)
        if isinstance(table.c[name].type, DateTime) and value is not None
        else value
        for name, value in values.items()
    }


def _count_on(connection: Connection, table: Table) -> None:
    """Have numbers that the database gives go on after the last one."""
    for column in table.primary_key.columns:
        if isinstance(column.type, Integer):
            counter = connection.scalar(
                text("SELECT pg_get_serial_sequence(:table, :column)"), {"table": table.name, "column": column.name}
            )
            last = connection.scalar(select(func.max(column)))
            if counter is not None and last is not None:
                connection.execute(text("SELECT setval(:counter, :last)"), {"counter": counter, "last": last})

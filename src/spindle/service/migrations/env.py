"""How Alembic reaches the database: the address comes from whoever calls it."""

from __future__ import annotations

from alembic import context

from spindle.service.database import Database
from spindle.service.tables import Table

LOCK = 1936748398
"""Any number that no other program on the same database server uses for a lock."""


def run() -> None:
    """Apply the changes in one transaction, alone: other processes that start at the same time wait for it."""
    database = Database(context.config.attributes["url"])
    with database.engine.begin() as connection:
        if not database.is_sqlite:
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({LOCK})")
        context.configure(connection=connection, target_metadata=Table.metadata, render_as_batch=True)
        context.run_migrations()
    database.close()


run()

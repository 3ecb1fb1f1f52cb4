"""The service as its tests see it: on SQLite and on PostgreSQL, with users who have signed in.

`LATENTIA_POSTGRES` is the address of a PostgreSQL server on which databases may be made; without one that answers,
its half of the tests is skipped, unless `LATENTIA_REQUIRE_POSTGRES` is set.
"""

from __future__ import annotations

import os
import shutil
import socket
import threading
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest
import uvicorn
from fastapi.testclient import TestClient
from sqlalchemy import create_engine, text
from sqlalchemy.exc import OperationalError

from spindle.service import accounts
from spindle.service.app import create_app
from spindle.service.context import Context
from spindle.service.database import Database, database_url
from spindle.service.files import FileStore
from spindle.service.jobs import Jobs
from spindle.service.limits import RateLimit
from spindle.service.settings import LimitOptions, ServiceSettings, StorageOptions, WebOptions
from spindle.service.tables import Account, Role

from .browsing import CHROMIUM, FLAGS, is_elsewhere
from .serving import Served

POSTGRES = os.environ.get("LATENTIA_POSTGRES", "postgresql+psycopg://root@127.0.0.1:5432/postgres")
PASSWORD = "correct horse battery"
HASH = accounts.hash_password(PASSWORD)
"""Made once, because it takes a moment on purpose."""


def on_postgres(statement: str, url: str = POSTGRES) -> None:
    engine = create_engine(url, isolation_level="AUTOCOMMIT", connect_args={"connect_timeout": 3})
    try:
        with engine.connect() as connection:
            connection.execute(text(statement))
    finally:
        engine.dispose()


class PutAside:
    """A queue whose jobs nobody does."""

    def put(self, job_id: str, owner_id: str) -> None:
        pass

    def without_worker(self, job_ids: Sequence[str]) -> set[str]:
        return set()

    def put_again(self, job_id: str, owner_id: str) -> None:
        pass


@contextmanager
def made_postgres() -> Iterator[str]:
    """The address of an empty database, dropped at the end."""
    name = f"spindle_test_{uuid.uuid4().hex}"
    try:
        on_postgres(f"CREATE DATABASE {name}")
    except OperationalError as error:
        if os.environ.get("LATENTIA_REQUIRE_POSTGRES"):
            raise
        pytest.skip(f"no PostgreSQL server answers: {str(error.orig).splitlines()[0]}")
    yield f"{POSTGRES.rpartition('/')[0]}/{name}"
    on_postgres(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def new_postgres() -> Iterator[str]:
    """The address of a database without any table."""
    with made_postgres() as url:
        yield url


@pytest.fixture
def another_postgres() -> Iterator[str]:
    """The address of a second one."""
    with made_postgres() as url:
        yield url


@pytest.fixture(scope="session")
def shared_postgres() -> Iterator[str]:
    """The address of a database that all tests of a process share, because making one takes a second."""
    with made_postgres() as url:
        yield url


@pytest.fixture(scope="session")
def first_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with empty tables, to be copied."""
    path = tmp_path_factory.mktemp("database") / "spindle.sqlite"
    database = Database(f"sqlite:///{path}")
    database.upgrade()
    database.close()
    return path


EMPTY_ALL_TABLES = """
DO $$ DECLARE names text; BEGIN
  SELECT string_agg(format('%I.%I', schemaname, tablename), ', ') INTO names FROM pg_tables
  WHERE schemaname NOT IN ('pg_catalog', 'information_schema')
  AND tablename <> 'alembic_version' AND tablename NOT LIKE '%migration%';
  IF names IS NOT NULL THEN EXECUTE 'TRUNCATE ' || names || ' CASCADE'; END IF;
END $$
"""


@pytest.fixture(params=["sqlite", "postgresql"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> StorageOptions:
    """A place for data, and a database, empty both."""
    data = tmp_path / "data"
    if request.param == "sqlite":
        data.mkdir()
        shutil.copyfile(request.getfixturevalue("first_sqlite"), data / "spindle.sqlite")
        return StorageOptions(data=str(data))
    url = request.getfixturevalue("shared_postgres")
    on_postgres(EMPTY_ALL_TABLES, url)
    return StorageOptions(data=str(data), database=url)


@pytest.fixture
def settings(storage: StorageOptions) -> ServiceSettings:
    limits = LimitOptions(requests_per_minute=100_000)
    return ServiceSettings(storage=storage, limits=limits, web=WebOptions(port=0))


@pytest.fixture
def context(settings: ServiceSettings) -> Iterator[Context]:
    """The service's parts, with tables; other settings through a fixture of the same name `settings`."""
    files = FileStore(settings.storage)
    files.prepare()
    database = Database(database_url(settings.storage))
    database.upgrade()
    yield Context(
        settings=settings,
        database=database,
        files=files,
        jobs=Jobs(database, PutAside()),
        requests=RateLimit(settings.limits.requests_per_minute),
        sign_ins=RateLimit(1000),
    )
    database.close()


@pytest.fixture
def app(context: Context) -> Any:
    return create_app(context)


@pytest.fixture
def nobody(app: Any) -> Iterator[TestClient]:
    """A client that has not signed in."""
    with TestClient(app, follow_redirects=False) as client:
        yield client


@pytest.fixture
def user_of(context: Context, nobody: TestClient, app: Any) -> Callable[..., TestClient]:
    """Make an account, and give a script's client for it: `user_of("ann")`."""

    def make(name: str, role: Role = Role.USER) -> TestClient:
        with context.database.writing() as session:
            account = Account(name=name, password_hash=HASH, role=role)
            session.add(account)
            session.flush()
            _, secret = accounts.make_token(session, account.id, "tests")
        client = TestClient(app, follow_redirects=False, headers={"Authorization": f"Bearer {secret}"})
        client.account_id = account.id  # type: ignore[attr-defined]
        return client

    return make


@pytest.fixture
def ann(user_of: Callable[..., TestClient]) -> TestClient:
    """A user's script."""
    return user_of("ann")


@pytest.fixture
def bob(user_of: Callable[..., TestClient]) -> TestClient:
    """Another user's script."""
    return user_of("bob")


@pytest.fixture
def admin(user_of: Callable[..., TestClient]) -> TestClient:
    """An administrator's script."""
    return user_of("root", Role.ADMINISTRATOR)


@pytest.fixture
def served(storage: StorageOptions) -> Iterator[Served]:
    made = Served(storage)
    yield made
    family = made.family()
    made.process.kill()
    made.process.wait()
    psutil.wait_procs(family, timeout=30)


@pytest.fixture
def base(app: Any) -> Iterator[str]:
    """Where the service answers."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(app, log_level="error"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        server.should_exit = True
        thread.join()


@pytest.fixture
def browser(request: pytest.FixtureRequest) -> Iterator[Any]:
    """A browser's window, as wide as a test wants it, with what went wrong in it."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        chromium = play.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = chromium.new_page(
            viewport={"width": getattr(request, "param", 1280), "height": 900}, accept_downloads=True
        )
        page.problems = []
        page.on("pageerror", lambda error: page.problems.append(str(error)))
        page.on("console", lambda said: page.problems.append(said.text) if said.type == "error" else None)
        page.on("request", lambda asked: page.problems.append(asked.url) if is_elsewhere(asked.url) else None)
        yield page
        chromium.close()

"""Backup and restore: what was kept is there again, on either database, and nothing is ever half there."""

from __future__ import annotations

import json
import re
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from alembic.script import ScriptDirectory
from fastapi.testclient import TestClient
from sqlalchemy import update
from tests.spindle.service.belongings import MARK, everything, give

from latentia.errors import DataError
from spindle.cli import main
from spindle.errors import SettingError
from spindle.service.context import Context
from spindle.service.database import Database, database_url, migrations
from spindle.service.files import FileStore
from spindle.service.operation import backup, restore
from spindle.service.rows import tables_of, version_of
from spindle.service.settings import StorageOptions
from spindle.service.tables import Account, AuditEntry, Job, JobLine, JobState


@pytest.fixture(params=["sqlite", "postgresql"])
def elsewhere(request: pytest.FixtureRequest, tmp_path: Path) -> StorageOptions:
    """Another place, empty."""
    url = request.getfixturevalue("another_postgres") if request.param == "postgresql" else None
    return StorageOptions(data=str(tmp_path / "elsewhere"), database=url)


@pytest.fixture
def ids(context: Context, ann: TestClient) -> dict[str, str]:
    return give(context, ann.get("/api/v1/me").json()["id"])


def seen(storage: StorageOptions) -> dict[str, Any]:
    """All that is kept at a place."""
    return everything(opened(storage))


def opened(storage: StorageOptions) -> Context:
    class Opened:
        database = Database(database_url(storage))
        files = FileStore(storage)

    return Opened()  # type: ignore[return-value]


def in_sqlite(tmp_path: Path, name: str = "elsewhere") -> StorageOptions:
    return StorageOptions(data=str(tmp_path / name))


def damage(path: Path, change: Callable[[str, bytes], bytes | None]) -> Path:
    """Write the archive again with other content, and None for what shall be missing."""
    damaged = path.with_name("damaged.zip")
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(damaged, "w") as new:
        for name in old.namelist():
            content = change(name, old.read(name))
            if content is not None:
                new.writestr(name, content)
    return damaged


def test_everything_is_there_again_on_either_database(
    context: Context, ids: dict[str, str], elsewhere: StorageOptions, tmp_path: Path
) -> None:
    kept = backup(context.settings.storage, tmp_path / "all.zip")
    assert kept.files == 4 and kept.missed == 0
    back = restore(elsewhere, tmp_path / "all.zip")
    assert (back.rows, back.files, back.size_bytes) == (kept.rows, kept.files, kept.size_bytes)
    assert seen(elsewhere) == everything(context)


def test_a_restored_service_goes_on_counting(
    context: Context, ids: dict[str, str], elsewhere: StorageOptions, tmp_path: Path
) -> None:
    backup(context.settings.storage, tmp_path / "all.zip")
    restore(elsewhere, tmp_path / "all.zip")
    with opened(elsewhere).database.writing() as session:
        session.add(JobLine(job_id=ids["job"], text="one more"))
        session.add(AuditEntry(action="one.more", subject=""))


def test_jobs_that_were_running_are_queued_again(context: Context, ids: dict[str, str], tmp_path: Path) -> None:
    with context.database.writing() as session:
        session.execute(
            update(Job).where(Job.id == ids["waiting"]).values(state=JobState.RUNNING, attempt=2, share=0.4)
        )
    backup(context.settings.storage, tmp_path / "all.zip")
    assert restore(in_sqlite(tmp_path), tmp_path / "all.zip").requeued == 1
    with opened(in_sqlite(tmp_path)).database.reading() as session:
        again, done = session.get_one(Job, ids["waiting"]), session.get_one(Job, ids["job"])
    assert (again.state, again.attempt, again.share, done.state) == ("queued", 0, 0.0, "done")


def test_a_backup_of_an_older_version_is_brought_up_to_date(elsewhere: StorageOptions, tmp_path: Path) -> None:
    old = in_sqlite(tmp_path, "old")
    FileStore(old).prepare()
    database = Database(database_url(old))
    database.upgrade_to("0001")
    with database.engine.begin() as connection:
        accounts = next(table for table in tables_of(connection) if table.name == "accounts")
        known = {"id": "a" * 32, "name": "ann", "password_hash": "x", "role": "user", "active": True}
        connection.execute(accounts.insert(), [known | {"created_at": datetime(2026, 1, 1)}])
    database.close()
    backup(old, tmp_path / "old.zip")
    restore(elsewhere, tmp_path / "old.zip")
    with opened(elsewhere).database.reading() as session:
        assert session.get_one(Account, "a" * 32).created_at == datetime(2026, 1, 1, tzinfo=UTC)
        assert version_of(session.connection()) == ScriptDirectory.from_config(migrations("")).get_current_head()


def test_people_sign_in_again_and_tokens_still_work(context: Context, ids: dict[str, str], tmp_path: Path) -> None:
    backup(context.settings.storage, tmp_path / "all.zip")
    with zipfile.ZipFile(tmp_path / "all.zip") as archive:
        assert "tables/browser_sessions.jsonl" not in archive.namelist()
        tokens = [json.loads(line) for line in archive.read("tables/api_tokens.jsonl").splitlines()]
    assert [one["id"] for one in tokens] == [ids["token"]]


def test_a_backup_goes_only_into_an_empty_place(context: Context, ids: dict[str, str], tmp_path: Path) -> None:
    backup(context.settings.storage, tmp_path / "all.zip")
    before = everything(context)
    with pytest.raises(SettingError, match="already"):
        restore(context.settings.storage, tmp_path / "all.zip")
    assert everything(context) == before
    other = in_sqlite(tmp_path, "used")
    restore(other, tmp_path / "all.zip")
    empty = StorageOptions(data=str(tmp_path / "new"), database=database_url(other))
    with pytest.raises(SettingError, match="not empty"):
        restore(empty, tmp_path / "all.zip")


def test_a_damaged_backup_leaves_nothing_behind(context: Context, ids: dict[str, str], tmp_path: Path) -> None:
    backup(context.settings.storage, tmp_path / "all.zip")
    changes: dict[str, Callable[[str, bytes], bytes | None]] = {
        "another checksum": lambda name, old: old.replace(MARK.encode(), b"x") if name.startswith("files/m") else old,
        "checksum than": lambda name, old: old + b"{}\n" if name == "tables/jobs.jsonl" else old,
        "is missing": lambda name, old: None if name.startswith("files/m") else old,
        "has no manifest": lambda name, old: None if name == "manifest.json" else old,
        "newer": lambda name, old: (
            re.sub(rb'"tables": ".*?"', b'"tables": "9999"', old) if name == "manifest.json" else old
        ),
        "no name": lambda name, old: old.replace(b"files/models/", b"files/../../") if name == "manifest.json" else old,
    }
    for said, change in changes.items():
        with pytest.raises(DataError, match=said):
            restore(in_sqlite(tmp_path), damage(tmp_path / "all.zip", change))
        assert not FileStore(in_sqlite(tmp_path)).keys()
    restore(in_sqlite(tmp_path), tmp_path / "all.zip")
    assert seen(in_sqlite(tmp_path)) == everything(context)


def test_a_backup_moves_a_service_into_an_object_store_and_back(
    context: Context, ids: dict[str, str], tmp_path: Path
) -> None:
    backup(context.settings.storage, tmp_path / "all.zip")
    store = StorageOptions(
        data=f"memory://{tmp_path.name}/store",
        scratch=tmp_path / "scratch",
        database=f"sqlite:///{tmp_path}/store.sqlite",
    )
    restore(store, tmp_path / "all.zip")
    assert FileStore(store).keys() == context.files.keys()
    kept = backup(store, tmp_path / "again.zip")
    assert restore(in_sqlite(tmp_path), tmp_path / "again.zip").size_bytes == kept.size_bytes
    assert seen(in_sqlite(tmp_path)) == everything(context)


def test_what_is_deleted_while_the_backup_is_made_is_missed_and_counted(
    context: Context, ids: dict[str, str], tmp_path: Path
) -> None:
    def delete(what: str, share: float, detail: str) -> None:
        if what == "Keeping the files":
            context.files.remove(f"models/{ids['model']}")

    kept = backup(context.settings.storage, tmp_path / "all.zip", progress=delete)
    assert (kept.files, kept.missed) == (3, 1)
    restore(in_sqlite(tmp_path), tmp_path / "all.zip")


def test_a_backup_that_fails_leaves_the_older_one(context: Context, ids: dict[str, str], tmp_path: Path) -> None:
    backup(context.settings.storage, tmp_path / "all.zip")
    before = (tmp_path / "all.zip").read_bytes()

    def fail(what: str, share: float, detail: str) -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="space"):
        backup(context.settings.storage, tmp_path / "all.zip", progress=fail)
    assert (tmp_path / "all.zip").read_bytes() == before
    assert [path.name for path in tmp_path.glob("*.zip")] == ["all.zip"]


def test_the_commands_say_what_they_did(
    context: Context, ids: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    storage = context.settings.storage
    place = ["--data", storage.data, *(["--database", storage.database] if storage.database else [])]
    file = str(tmp_path / "all.zip")
    assert main(["backup", file, *place]) == 0
    assert "in files (4)" in capsys.readouterr().out
    assert main(["restore", file, "--data", str(tmp_path / "elsewhere")]) == 0
    assert "is back" in capsys.readouterr().out
    with opened(in_sqlite(tmp_path)).database.reading() as session:
        assert session.get(Account, ids["account"]) is not None


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            ["backup", "all.zip", "--data", "nowhere"],
            "There is no service's data in nowhere;",
        ),
        (["restore", "none.zip", "--data", "nowhere"], "There is no file none.zip."),
        (["backup", "no/where/", "--data", "x", "--database", "mysql://x"], "--database must begin with"),
    ],
)
def test_a_mistake_is_one_sentence_and_makes_nothing(
    words: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(words) == 2
    error = capsys.readouterr().err
    assert said in error and error.count("\n") == 1
    assert not list(tmp_path.iterdir())

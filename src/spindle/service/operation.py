"""Everything that a service keeps, as one file, and back.

A backup is a ZIP file: `tables/NAME.jsonl`, `files/KEY`, and last `manifest.json` with versions and checksums. It is
the same for SQLite and PostgreSQL, a folder and an object store, so that it also moves a service to another kind.
The rows are of one moment. Files are written before rows name them and never changed, so that those of the rows are
whole; what was deleted meanwhile is missed, and counted.
"""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from io import TextIOWrapper
from pathlib import Path
from typing import Any

from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, func, select

from latentia.errors import DataError
from latentia.files import atomic_path
from latentia.folders import check_output_file
from spindle.errors import SettingError
from spindle.service.database import Database, database_url, migrations
from spindle.service.files import FileStore, is_key
from spindle.service.rows import insert_lines, lines_of, put_back_into_queue, tables_of, version_of
from spindle.service.settings import StorageOptions

FORM = 1
"""Of the file; another number is another form."""

MANIFEST = "manifest.json"
BLOCK = 2**20

Progress = Callable[[str, float, str], None]
"""Called with what is being done, the share of it that is done, and a detail."""


@dataclass(frozen=True, kw_only=True)
class Kept:
    """What a backup holds. `missed` are files that were deleted while it was made."""

    rows: int
    files: int
    size_bytes: int
    missed: int = 0
    requeued: int = 0


def _silent(what: str, share: float, detail: str) -> None:
    return None


def backup(storage: StorageOptions, path: Path, *, progress: Progress = _silent) -> Kept:
    """Write everything that a service keeps into one file, while it runs or not.

    Errors: SettingError where there is no service's data; OutputError or OSError where the file cannot be written.
    """
    check_output_file(path)
    files = FileStore(storage)
    database = _existing(storage)
    sums: dict[str, str] = {}
    rows = size = missed = 0
    try:
        with atomic_path(path) as temporary, zipfile.ZipFile(temporary, "w", allowZip64=True) as archive:
            # The names and files of all users: nobody else on the machine reads it.
            temporary.chmod(0o600)
            with _one_moment(database) as connection:
                revision = version_of(connection)
                for table in tables_of(connection):
                    progress("Keeping the tables", 0.0, table.name)
                    name = f"tables/{table.name}.jsonl"
                    lines = (f"{line}\n".encode() for line in lines_of(connection, table))
                    sums[name] = _write(archive, name, lines, packed=True)
                    rows += connection.scalar(select(func.count()).select_from(table)) or 0
            keys = files.keys()
            for number, key in enumerate(keys):
                progress("Keeping the files", number / len(keys), key)
                try:
                    with files.local(key) as local, local.open("rb") as source:
                        sums[f"files/{key}"] = _write(archive, f"files/{key}", _blocks(source))
                        size += source.tell()
                except FileNotFoundError:
                    missed += 1
            _write_manifest(archive, revision, sums)
        path.chmod(0o600)
    finally:
        database.close()
    return Kept(rows=rows, files=len(keys) - missed, size_bytes=size, missed=missed)


def restore(storage: StorageOptions, path: Path, *, progress: Progress = _silent) -> Kept:
    """Put a backup back, into a place and a database that are empty, and bring its tables to this version.

    Jobs that were running are queued again. What goes wrong leaves the place empty.
    Errors: DataError for a file that is no backup, is damaged, or is of a newer version; SettingError for a place that
    is not empty.
    """
    with _opened(path) as archive:
        manifest = _manifest(archive, path)
        files = FileStore(storage)
        files.prepare()
        database = Database(database_url(storage))
        written: list[str] = []
        try:
            _check_empty(files, database, manifest["tables"])
            database.upgrade_to(manifest["tables"])
            size = _put_files(archive, files, manifest["sha256"], written, progress)
            with database.engine.begin() as connection:
                progress("Putting the tables back", 1.0, "")
                rows = _put_rows(archive, connection, manifest["sha256"])
                jobs = next(table for table in tables_of(connection) if table.name == "jobs")
                requeued = put_back_into_queue(connection, jobs)
            database.upgrade()
        except BaseException:
            for key in written:
                files.remove(key)
            raise
        finally:
            database.close()
    return Kept(rows=rows, files=len(written), size_bytes=size, requeued=requeued)


def _existing(storage: StorageOptions) -> Database:
    url = database_url(storage)
    if url.startswith("sqlite") and not Path(url.removeprefix("sqlite:///")).is_file():
        raise SettingError(f"There is no service's data in {storage.data}; name its place with --data.")
    database = Database(url)
    with database.reachable() as connection:
        if version_of(connection) is None:
            database.close()
            raise SettingError("The database holds no tables of this service; name another with --database.")
    return database


@contextmanager
def _one_moment(database: Database) -> Iterator[Connection]:
    options: Any = {"read_only": True} if database.is_sqlite else {"isolation_level": "REPEATABLE READ"}
    with database.engine.connect().execution_options(**options) as connection:
        yield connection


def _check_empty(files: FileStore, database: Database, revision: str) -> None:
    if files.keys():
        raise SettingError("There are data in this place already; a backup goes into an empty one.")
    with database.reachable() as connection:
        if version_of(connection) not in (None, revision):
            raise SettingError("The database has tables of another version than the backup; name an empty database.")
        for table in tables_of(connection):
            if connection.scalar(select(func.count()).select_from(table)):
                raise SettingError(
                    f"The database's table {table.name} is not empty; a backup goes into an empty database."
                )


def _write(archive: zipfile.ZipFile, name: str, blocks: Iterator[bytes], *, packed: bool = False) -> str:
    """Write a member and return its SHA-256."""
    at = datetime.now(UTC)
    about = zipfile.ZipInfo(name, date_time=(at.year, at.month, at.day, at.hour, at.minute, at.second))
    # Recordings hardly become smaller, and packing them takes longer than all the rest.
    about.compress_type = zipfile.ZIP_DEFLATED if packed else zipfile.ZIP_STORED
    digest = hashlib.sha256()
    with archive.open(about, "w", force_zip64=True) as member:
        for block in blocks:
            digest.update(block)
            member.write(block)
    return digest.hexdigest()


def _write_manifest(archive: zipfile.ZipFile, revision: str | None, sums: dict[str, str]) -> None:
    manifest = {
        "form": FORM,
        "version": version("latentia"),
        "tables": revision,
        "made_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "sha256": sums,
    }
    _write(archive, MANIFEST, iter([json.dumps(manifest, indent=1).encode()]), packed=True)


@contextmanager
def _opened(path: Path) -> Iterator[zipfile.ZipFile]:
    try:
        with zipfile.ZipFile(path) as archive:
            yield archive
    except FileNotFoundError:
        raise DataError(f"There is no file {path}.") from None
    except zipfile.BadZipFile as error:
        raise DataError(f"{path} is no backup, or is damaged: {error}.") from None


def _manifest(archive: zipfile.ZipFile, path: Path) -> dict[str, Any]:
    """Read what the backup says of itself. Errors: DataError."""
    try:
        manifest = json.loads(archive.read(MANIFEST))
        form, revision, sums = manifest["form"], manifest["tables"], manifest["sha256"]
    except (KeyError, ValueError, TypeError):
        raise DataError(f"{path} is no backup of this service: it has no {MANIFEST}.") from None
    try:
        ScriptDirectory.from_config(migrations("")).get_revision(revision)
        known = form == FORM
    except CommandError:
        known = False
    if not known:
        made_by = manifest.get("version", "another version")
        raise DataError(f"{path} was made by {made_by}, which is newer than this one, {version('latentia')}.")
    missing = set(sums) - set(archive.namelist())
    missing |= {name for name in sums if name.startswith("files/") and not is_key(name.removeprefix("files/"))}
    if missing:
        raise DataError(f"{path} is damaged: {sorted(missing)[0]} is missing, or has no name that files have.")
    return dict(manifest)


def _put_files(
    archive: zipfile.ZipFile, files: FileStore, sums: dict[str, str], written: list[str], progress: Progress
) -> int:
    names = [name for name in sums if name.startswith("files/")]
    size = 0
    for number, name in enumerate(names):
        key = name.removeprefix("files/")
        progress("Putting the files back", number / len(names), key)
        with files.working_folder() as folder:
            path = folder / "file"
            digest = hashlib.sha256()
            with archive.open(name) as member, path.open("wb") as target:
                for block in _blocks(member):
                    digest.update(block)
                    target.write(block)
                size += target.tell()
            _check_sum(name, digest.hexdigest(), sums)
            written.append(key)
            files.put(path, key)
    return size


def _put_rows(archive: zipfile.ZipFile, connection: Connection, sums: dict[str, str]) -> int:
    rows = 0
    for table in tables_of(connection):
        name = f"tables/{table.name}.jsonl"
        if name in sums:
            digest = hashlib.sha256()
            with archive.open(name) as member:
                for block in _blocks(member):
                    digest.update(block)
            _check_sum(name, digest.hexdigest(), sums)
            with archive.open(name) as member:
                rows += insert_lines(connection, table, TextIOWrapper(member, encoding="utf-8", newline="\n"))
    return rows


def _check_sum(name: str, found: str, sums: dict[str, str]) -> None:
    if found != sums[name]:
        raise DataError(f"The backup is damaged: {name} has another checksum than it had.")


def _blocks(source: Any) -> Iterator[bytes]:
    while block := source.read(BLOCK):
        yield block

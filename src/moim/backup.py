"""`moim backup` and `moim restore`: the rooms, their images, their files and the key, in one file.

    manifest.json           format, moim's version, schema
    tables/event.jsonl      one line for each row, of each table
    images/…  files/…       as they lie in the data folder
    secret.key              when there is one

Written while moim runs: the tables from one view of the database, then the files, which are there
before a message shows them. It says nothing of the kind of database: what was kept in SQLite can be
restored into PostgreSQL, which is how one server becomes several.
"""

import asyncio
import io
import json
import os
import shutil
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import IO, Any, Final

from sqlalchemy import Table, func, insert, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from moim.storage.database import Database
from moim.storage.schema import REVISIONS, SchemaTooNew, bring_up_to_date
from moim.storage.tables import holder, metadata, node

FORMAT: Final = 1
MANIFEST: Final = "manifest.json"
KEY: Final = "secret.key"
FOLDERS: Final = ("images", "files")
ROWS_AT_ONCE: Final = 500
_PASSING: Final = frozenset({holder.name, node.name})
"""Of the servers that run now, and of no use to those that will."""


class BackupError(Exception):
    """A file that is no backup, or a place that it cannot be put into. Code: `backup_unusable`."""

    code = "backup_unusable"


async def write(database: Database, data_dir: Path, target: Path, version: str) -> int:
    """Write everything into a new file that only its owner may read. Returns how many rows.

    Raises: BackupError when the file is there already; OSError; Unavailable.
    """
    part = target.with_name(f"{target.name}.part")
    if await asyncio.to_thread(target.exists):
        raise BackupError(f"{target} is there already")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            with tarfile.open(fileobj=file, mode="w:gz", compresslevel=3) as archive:
                rows = await _write_tables(database, archive, version)
                await asyncio.to_thread(_write_files, data_dir, archive)
            file.flush()
            os.fsync(file.fileno())
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
    return rows


async def _write_tables(database: Database, archive: tarfile.TarFile, version: str) -> int:
    count = 0
    async with database.one_view() as connection:
        found = await connection.execute(text("SELECT version_num FROM alembic_version"))
        manifest = {"format": FORMAT, "version": version, "schema": found.scalar_one()}
        _add(archive, MANIFEST, io.BytesIO(json.dumps(manifest).encode()))
        for table in _tables():
            with tempfile.TemporaryFile() as lines:
                async with connection.stream(select(table)) as rows:
                    async for row in rows.mappings():
                        line = json.dumps(dict(row), ensure_ascii=False, separators=(",", ":"))
                        lines.write(line.encode() + b"\n")
                        count += 1
                _add(archive, f"tables/{table.name}.jsonl", lines)
    return count


def _tables() -> list[Table]:
    """Those that are kept, in an order in which rows find what they refer to."""
    return [table for table in metadata.sorted_tables if table.name not in _PASSING]


def _add(archive: tarfile.TarFile, name: str, content: IO[bytes]) -> None:
    member = tarfile.TarInfo(name)
    member.size = content.seek(0, os.SEEK_END)
    member.mode = 0o600
    content.seek(0)
    archive.addfile(member, content)


def _write_files(data_dir: Path, archive: tarfile.TarFile) -> None:
    names = [data_dir / KEY]
    for folder in FOLDERS:
        names += sorted(path for path in (data_dir / folder).rglob("*") if path.is_file())
    for path in names:
        try:
            with path.open("rb") as content:
                _add(archive, path.relative_to(data_dir).as_posix(), content)
        except FileNotFoundError:
            continue  # deleted since the tables were read, or never made


async def read(database: Database, data_dir: Path, source: Path) -> int:
    """Put a backup into an empty database and data folder. Returns how many rows.

    Raises: BackupError when it is none, or there are rooms already; SchemaTooNew; Unavailable.
    """
    try:
        archive = tarfile.open(source, mode="r:gz")  # noqa: SIM115 - closed below
    except FileNotFoundError as error:
        raise BackupError(f"There is no file {source}") from error
    except (tarfile.TarError, OSError) as error:
        raise BackupError(f"{source} is no backup of moim: {error}") from error
    with closing(archive):
        schema = _schema_of(archive, source)
        await bring_up_to_date(database, schema)
        async with database.writing() as connection:
            first = metadata.tables["room"]
            if (await connection.execute(select(func.count()).select_from(first))).scalar():
                raise BackupError("there are rooms already: restore into an empty database")
            rows = 0
            for member in _members(archive):
                if member.name.startswith("tables/"):
                    rows += await _read_table(connection, archive, member)
        for member in _members(archive):
            if member.name == KEY or member.name.partition("/")[0] in FOLDERS:
                _put(archive, member, data_dir)
    await bring_up_to_date(database)
    return rows


def _schema_of(archive: tarfile.TarFile, source: Path) -> str:
    try:
        content = archive.extractfile(MANIFEST)
        manifest = json.load(content) if content is not None else {}
        found = (manifest["format"], manifest["schema"])
    except (KeyError, ValueError, TypeError, tarfile.TarError) as error:
        raise BackupError(f"{source} is no backup of moim: {error}") from error
    if found[0] != FORMAT or found[1] not in REVISIONS:
        raise SchemaTooNew(f"{source} was written by a newer moim (schema {found[1]})")
    return str(found[1])


def _members(archive: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    for member in archive:
        inside = not Path(member.name).is_absolute() and ".." not in Path(member.name).parts
        if not member.isfile() or not inside:
            raise BackupError(f"{member.name!r} is nothing that a backup holds")
        yield member


def _put(archive: tarfile.TarFile, member: tarfile.TarInfo, data_dir: Path) -> None:
    """Not `TarFile.extract`, whose `filter` Python has since 3.11.4 alone: Debian's is 3.11.2."""
    content = archive.extractfile(member)
    if content is None:
        raise BackupError(f"{member.name!r} is nothing that a backup holds")
    path = data_dir / member.name
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "wb", opener=_private) as file:
        shutil.copyfileobj(content, file)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


async def _read_table(
    connection: AsyncConnection, archive: tarfile.TarFile, member: tarfile.TarInfo
) -> int:
    table = metadata.tables.get(Path(member.name).stem)
    content = archive.extractfile(member)
    if table is None or content is None:
        raise BackupError(f"{member.name!r} is of no table that this moim knows")
    count = 0
    rows: list[dict[str, Any]] = []
    for line in content:
        rows.append(json.loads(line))
        if len(rows) == ROWS_AT_ONCE:
            await connection.execute(insert(table), rows)
            count, rows = count + len(rows), []
    if rows:
        await connection.execute(insert(table), rows)
    return count + len(rows)

"""The schema is brought up to date when moim starts, and only then is Alembic imported."""

import sqlite3
from pathlib import Path

from sqlalchemy import Connection, inspect, text

from moim.storage.database import Database, unavailable

REVISIONS = ("0001", "0002", "0003", "0004", "0005", "0006")
"""Oldest first. A new migration is named here too; a test compares."""
HEAD = REVISIONS[-1]
_MIGRATING = 0x6D6F696D
"""The number of the advisory lock that a server holds while it migrates PostgreSQL: "moim"."""
_MIGRATIONS = Path(__file__).with_name("migrations")


class SchemaTooNew(Exception):
    """The data was written by a newer moim. Code: `schema_too_new`."""

    code = "schema_too_new"


async def bring_up_to_date(database: Database, revision: str | None = None) -> None:
    """Migrate to today's schema; an existing SQLite file is copied beside itself first.

    An older `revision` is for who puts data of that time into an empty database.
    Raises: SchemaTooNew; Unavailable (`storage_failed`, `storage_full`).
    """
    engine = database.connect()
    try:
        async with engine.connect() as connection:
            found = await connection.run_sync(_revision)
    except Exception as error:  # the driver's own errors differ from one to the next
        raise unavailable(error) from error
    if found is not None and found in (HEAD, revision):
        database.ready = True
        return
    if found is not None and found not in REVISIONS:
        raise SchemaTooNew(
            f"the database has schema {found}, this moim knows up to {HEAD}: use the newer moim "
            "that wrote it, or another MOIM_DATA_DIR"
        )
    if found is not None and database.file is not None:
        _copy(database.file, database.file.with_name(f"{database.file.name}.{found}.bak"))
    database.ready = True
    try:
        async with database.writing() as writer:
            await writer.run_sync(_upgrade, revision or "head")
    except BaseException:
        database.ready = False
        raise


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


def _upgrade(connection: Connection, revision: str) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", _MIGRATIONS.as_posix().replace("%", "%%"))
    config.attributes["connection"] = connection
    if connection.dialect.name == "postgresql":
        # Of servers that start together one migrates, and the others find it done.
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _MIGRATING})
    command.upgrade(config, revision)


def _copy(source: Path, target: Path) -> None:
    with sqlite3.connect(source) as old, sqlite3.connect(target) as new:
        old.backup(new)
    old.close()
    new.close()

"""An empty database of each kind, with today's schema."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import text

from moim.storage.database import Database
from moim.storage.schema import HEAD, bring_up_to_date
from moim.storage.tables import metadata
from tests.laid_out import lay_out
from tests.postgres import Postgres

SQLITE = "sqlite"
POSTGRESQL = "postgresql"


@pytest.fixture(params=[SQLITE, POSTGRESQL])
async def database(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Database]:
    """With nothing in it. A test of files asks for `sqlite` alone, by `indirect`."""
    if request.param == SQLITE:
        database = Database(f"sqlite+aiosqlite:///{tmp_path / 'moim.db'}")
    else:
        server: Postgres = request.getfixturevalue("postgres")
        database = Database(server.url())
    try:
        await lay_out(database)
        yield database
        if not database.sqlite:
            await _empty(database)
    finally:
        await database.close()


async def emptied(url: str) -> None:
    """A PostgreSQL of several tests, with today's schema and nothing in it."""
    database = Database(url)
    try:
        await bring_up_to_date(database)
        await _empty(database)
    finally:
        await database.close()


async def _empty(database: Database) -> None:
    names = ", ".join(f'"{table}"' for table in metadata.tables)
    async with database.connect().begin() as connection:
        await connection.execute(text(f"TRUNCATE {names}"))
        await connection.execute(text("UPDATE alembic_version SET version_num = :it"), {"it": HEAD})

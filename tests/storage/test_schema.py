"""Migrations run by themselves, once, and never on data that a newer moim wrote."""

import asyncio
import sys
from asyncio.subprocess import PIPE
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from moim.storage import schema
from moim.storage.database import Database
from moim.storage.tables import metadata


async def test_the_migrations_make_the_tables_that_queries_expect(database: Database) -> None:
    def differences(connection: Connection) -> list[object]:
        return list(compare_metadata(MigrationContext.configure(connection), metadata))

    async with database.reading() as connection:
        assert await connection.run_sync(differences) == []


def test_every_migration_is_named() -> None:
    scripts = ScriptDirectory(str(Path(schema.__file__).with_name("migrations")))
    assert scripts.get_heads() == [schema.HEAD]
    found = [script.revision for script in scripts.walk_revisions()]
    assert tuple(reversed(found)) == schema.REVISIONS


async def test_data_of_a_newer_moim_is_left_alone(database: Database) -> None:
    async with database.writing() as connection:
        await connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(schema.SchemaTooNew, match="9999"):
        await schema.bring_up_to_date(database)


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
async def test_an_older_file_is_copied_before_it_is_changed(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    today = schema.HEAD
    monkeypatch.setattr(schema, "HEAD", "next")
    monkeypatch.setattr(schema, "REVISIONS", (*schema.REVISIONS, "next"))
    await schema.bring_up_to_date(database)
    assert database.file is not None
    copy = database.file.with_name(f"moim.db.{today}.bak")
    assert copy.stat().st_size > 0


async def test_a_start_that_finds_all_in_order_does_not_load_alembic(database: Database) -> None:
    await database.close()
    program = (
        "import asyncio, sys\n"
        "from moim.storage.database import Database\n"
        "from moim.storage.schema import bring_up_to_date\n"
        "async def main():\n"
        "    database = Database(sys.argv[1])\n"
        "    await bring_up_to_date(database)\n"
        "    await database.close()\n"
        "asyncio.run(main())\n"
        "print('alembic' in sys.modules)\n"
    )
    url = database.url.render_as_string()
    done = await asyncio.create_subprocess_exec(sys.executable, "-c", program, url, stdout=PIPE)
    out, _ = await done.communicate()
    assert out.split() == [b"False"]

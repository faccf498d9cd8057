"""PostgreSQL goes away and comes back: a word for it, and no restart."""

import asyncio

import pytest
from sqlalchemy import text

from moim.meeting.errors import ErrorCode, Unavailable
from moim.storage.database import Database
from moim.storage.schema import bring_up_to_date
from tests.postgres import Postgres


async def test_what_needs_the_database_is_unavailable_until_it_is_back(postgres: Postgres) -> None:
    database = Database(postgres.url())
    await bring_up_to_date(database)
    try:
        postgres.kill()
        for block in (database.reading, database.writing, database.reading):
            with pytest.raises(Unavailable) as failed:
                async with block() as connection:
                    await connection.execute(text("SELECT 1"))
            assert failed.value.code is ErrorCode.UNAVAILABLE
        postgres.start()
        async with database.writing() as connection:
            assert (await connection.execute(text("SELECT 1"))).scalar() == 1
    finally:
        await database.close()


async def test_servers_that_start_together_migrate_once(postgres: Postgres) -> None:
    await postgres.do("CREATE DATABASE fresh")
    databases = [Database(postgres.url("fresh")) for _ in range(3)]
    await asyncio.gather(*(bring_up_to_date(one) for one in databases))
    for one in databases:
        async with one.reading() as connection:
            assert (await connection.execute(text("SELECT count(*) FROM room"))).scalar() == 0
        await one.close()

"""What was said before there was a search is found after the migration."""

from pathlib import Path

from sqlalchemy import text

from moim.storage.database import Database
from moim.storage.messages import Messages
from moim.storage.schema import bring_up_to_date
from tests.postgres import Postgres
from tests.storage.talk import MINA, TEA

OLD_ROOM = (
    "INSERT INTO room (id, slug, name, listed, locked, people, created_ms, active_ms, seq) "
    "VALUES ('RM_tea', 'tea', 'Friday tea', TRUE, FALSE, 0, 1, 1, 3)"
)
OLD_MESSAGE = (
    "INSERT INTO message (room_id, seq, command_id, author, name, at_ms, text, deleted) "
    "VALUES ('RM_tea', :seq, 'c', 'u_mina', 'Mina', 1, :text, FALSE)"
)


async def test_old_messages_are_indexed(tmp_path: Path) -> None:
    await check(f"sqlite+aiosqlite:///{tmp_path / 'moim.db'}")


async def test_old_messages_are_indexed_on_postgresql(postgres: Postgres) -> None:
    await postgres.do("CREATE DATABASE before_search")
    await check(postgres.url("before_search"))


async def check(url: str) -> None:
    """Write as the first schema did, migrate, and search."""
    database = Database(url)
    await bring_up_to_date(database, revision="0001")
    async with database.writing() as writer:
        await writer.execute(text(OLD_ROOM))
        for seq in range(1, 1200):
            said = "다음주정기회의" if seq == 700 else f"number {seq}"
            await writer.execute(text(OLD_MESSAGE), {"seq": seq, "text": said})
    await bring_up_to_date(database)
    messages = Messages(database)
    found, _ = await messages.search(TEA, MINA, "회의", None)
    assert [m.seq for m in found] == [700]
    assert [m.to for m in found] == [None]
    last, _ = await messages.search(TEA, MINA, "1199", None)
    assert [m.seq for m in last] == [1199]
    await database.close()

"""A backup is taken while people write, and put into either kind of database."""

import asyncio
import json
import tarfile
from pathlib import Path

import pytest
from sqlalchemy import text

from moim import backup
from moim.app import create_app
from moim.meeting.features.chat import SendMessage
from moim.meeting.ids import CommandId, Identity, RoomId
from moim.settings import Settings
from moim.storage.database import Database
from moim.storage.journal import Journal
from moim.storage.messages import Messages
from moim.storage.schema import HEAD, SchemaTooNew, bring_up_to_date
from tests.live.world import Browser
from tests.postgres import Postgres
from tests.signalling.server import serving
from tests.storage.talk import JUN, MINA, TEA, Talk

Urls = dict[str, str]


@pytest.fixture
async def urls(tmp_path: Path, postgres: Postgres) -> Urls:
    """An empty database of each kind, to take from and to put into."""
    found = {}
    for role in ("from", "into"):
        await postgres.do(f"DROP DATABASE IF EXISTS backup_{role}")
        await postgres.do(f"CREATE DATABASE backup_{role}")
        found[f"postgresql-{role}"] = postgres.url(f"backup_{role}")
        (tmp_path / role).mkdir()
        found[f"sqlite-{role}"] = f"sqlite+aiosqlite:///{tmp_path / role / 'moim.db'}"
    return found


@pytest.mark.parametrize("source", ["sqlite", "postgresql"])
@pytest.mark.parametrize("target", ["sqlite", "postgresql"])
async def test_everything_is_there_again_in_either_database(
    tmp_path: Path, urls: Urls, source: str, target: str
) -> None:
    folder, new_folder = tmp_path / "from", tmp_path / "into"
    old, new = Database(urls[f"{source}-from"]), Database(urls[f"{target}-into"])
    try:
        await bring_up_to_date(old)
        talk = await Talk(old).begin()
        for n in range(30):
            await talk.do(MINA, SendMessage(text=f"다음주정기회의 {n}"))
        (folder / "images" / TEA).mkdir(parents=True)
        (folder / "images" / TEA / "F_1").write_bytes(b"\x89PNG")
        (folder / "secret.key").write_text("k" * 64)
        written = tmp_path / "moim.backup.tar.gz"
        rows = await backup.write(old, folder, written, "1.2")
        assert written.stat().st_mode & 0o077 == 0
        assert await backup.read(new, new_folder, written) == rows

        fold, tail = await Journal(new).load(TEA)
        assert (fold, tail) == await Journal(old).load(TEA)
        found, _ = await Messages(new).search(TEA, JUN, "회의 17", None)
        assert [one.text for one in found] == ["다음주정기회의 17"]
        assert (new_folder / "images" / TEA / "F_1").read_bytes() == b"\x89PNG"
        assert (new_folder / "secret.key").read_text() == "k" * 64
        assert (new_folder / "secret.key").stat().st_mode & 0o077 == 0
        with pytest.raises(backup.BackupError, match="rooms already"):
            await backup.read(new, new_folder, written)
    finally:
        await old.close()
        await new.close()


async def test_what_is_said_meanwhile_is_whole_or_not_there(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path / "live")
    app = create_app(settings)
    who = Identity("u_mina")
    async with serving(app):
        made = await app.state.rooms.create(who, "Friday tea", listed=True)
        registry = app.state.rooms._registry
        room = await registry.find(made.slug)
        stop = asyncio.Event()
        said = 0

        async def talk() -> None:
            nonlocal said
            while not stop.is_set():
                said += 1
                await room.ask(who, CommandId(f"c{said}"), SendMessage(text=f"number {said}"))

        await Browser(room, who).join("Mina")
        talking = asyncio.create_task(talk())
        database = Database(settings.database_url)
        await bring_up_to_date(database)
        written = tmp_path / "moim.backup.tar.gz"
        await backup.write(database, settings.data_dir, written, "1.2")
        stop.set()
        await talking
        room_id: RoomId = room.fold.id
        await database.close()
    new = Database(f"sqlite+aiosqlite:///{tmp_path / 'new' / 'moim.db'}")
    try:
        await backup.read(new, tmp_path / "new", written)
        async with new.reading() as connection:
            count = (
                "SELECT (SELECT count(*) FROM event), (SELECT max(seq) FROM event), seq FROM room"
            )
            [(events, last, projected)] = (await connection.execute(text(count))).all()
        assert events == last == projected
        messages = [m async for page in Messages(new).said_to_all(room_id) for m in page]
        assert [m.text for m in messages] == [f"number {n + 1}" for n in range(len(messages))]
    finally:
        await new.close()


async def test_a_backup_of_a_newer_moim_and_what_is_none_are_refused(tmp_path: Path) -> None:
    database = Database(f"sqlite+aiosqlite:///{tmp_path / 'moim.db'}")
    try:
        none = tmp_path / "none.tar.gz"
        with pytest.raises(backup.BackupError, match=r"There is no file .*none\.tar\.gz"):
            await backup.read(database, tmp_path, none)
        none.write_bytes(b"not this")
        with pytest.raises(backup.BackupError, match="no backup"):
            await backup.read(database, tmp_path, none)
        newer = packed(tmp_path / "newer.tar.gz", {"format": 1, "schema": "9999"})
        with pytest.raises(SchemaTooNew, match="9999"):
            await backup.read(database, tmp_path, newer)
        (tmp_path / "data").mkdir()
        evil = packed(tmp_path / "evil.tar.gz", {"format": 1, "schema": HEAD}, "images/../../x")
        with pytest.raises(backup.BackupError, match="nothing that a backup holds"):
            await backup.read(database, tmp_path / "data", evil)
        assert not (tmp_path / "x").exists()
    finally:
        await database.close()


def packed(path: Path, manifest: dict[str, object], *names: str) -> Path:
    (path.parent / "manifest.json").write_text(json.dumps(manifest))
    with tarfile.open(path, "w:gz") as archive:
        archive.add(path.parent / "manifest.json", "manifest.json")
        for name in names:
            archive.add(path.parent / "manifest.json", name)
    return path

"""The journal: what happened in each room, in order. What it has taken is never lost.

One `append` is one transaction: the events at their numbers, the projections, and a snapshot now
and then. An event that scrubs replaces what it is about everywhere in the same transaction, and the
value of a mini-app goes when another takes its place.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from pydantic import ValidationError
from sqlalchemy import ColumnElement, bindparam, delete, func, insert, or_, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from moim.meeting.errors import ErrorCode, Unavailable
from moim.meeting.feature import Stored
from moim.meeting.ids import CommandId, FileId, Identity, RoomId
from moim.meeting.model import Room
from moim.meeting.rules import (
    STATE_VERSION,
    dump_event,
    dump_room,
    load_room,
    load_stored,
)
from moim.storage import app_values, messages, rooms
from moim.storage.batch import Batch, Statement
from moim.storage.database import Database
from moim.storage.tables import LAST_SEQ, doomed_file, event, snapshot

CommandKey = tuple[Identity, CommandId]
EVENTS_PER_SNAPSHOT = 500
_WRITE: Final = Statement(insert(event))
_FORGET_SNAPSHOT: Final = Statement(delete(snapshot).where(snapshot.c.room_id == bindparam("of")))
_WRITE_SNAPSHOT: Final = Statement(insert(snapshot))


@dataclass(frozen=True, slots=True)
class Entry:
    """One event to write: the nth of its command."""

    stored: Stored
    n: int


class Journal:
    """The events of all rooms."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def append(
        self, room: Room, entries: Sequence[Entry], *, with_snapshot: bool = False
    ) -> list[FileId]:
        """Write events that follow the last one; `room` is the fold after them.

        Returns the files that nothing may show any more. Raises: Conflict when a number or a
        command is there already; Unavailable (`storage_full`, `storage_failed`). Then nothing is
        written.
        """
        stored = [entry.stored for entry in entries]
        scrubbing = [one for one in stored if one.event.scrubs]
        batch = Batch()
        rooms.project(batch, room, stored[0].seq - 1, stored[-1])
        batch.add(_WRITE, [_row(room.id, entry) for entry in entries])
        messages.say(batch, room.id, stored)
        if scrubbing or with_snapshot:
            _write_snapshot(batch, room)
        doomed: list[FileId] = []
        if scrubbing or messages.changes(stored) or app_values.concerned(stored):
            async with self._database.writing() as connection:
                await batch.run(connection)
                await messages.change(connection, room.id, stored)
                over = await app_values.project(connection, room.id, stored)
                if over:
                    await _empty(connection, room.id, event.c.seq.in_(over))
                doomed = [f for one in scrubbing for f in await _scrub(connection, room.id, one)]
        else:
            await self._database.write(batch)
        if scrubbing or self._database.holds_old_pages:
            await self._database.forget_old_pages()
        return doomed

    async def load(self, room: RoomId) -> tuple[Room, list[Stored]]:
        """The last snapshot of a room, and the events since, oldest first.

        A room that was never created has neither. Raises: Unavailable (`storage_failed`).
        """
        async with self._database.reading() as connection:
            query = (
                select(snapshot.c.state)
                .where(snapshot.c.room_id == room, snapshot.c.state_version == STATE_VERSION)
                .order_by(snapshot.c.seq.desc())
                .limit(1)
            )
            state = (await connection.execute(query)).scalar()
            fold = _restored(state) or Room(id=room)
            return fold, await _after(connection, room, fold.seq)

    async def after(self, room: RoomId, seq: int) -> list[Stored]:
        """What has happened since a number, oldest first."""
        async with self._database.reading() as connection:
            return await _after(connection, room, seq)

    async def about(self, room: RoomId, seq: int) -> tuple[Stored, ...]:
        """An event and, of each type and actor, the last one about it: it says all that theirs
        before it said. Oldest first."""
        if seq > LAST_SEQ:
            return ()
        last = (
            select(func.max(event.c.seq))
            .where(event.c.room_id == room, event.c.about == seq)
            .group_by(event.c.type, event.c.actor)
        )
        query = (
            select(event)
            .where(event.c.room_id == room, or_(event.c.seq == seq, event.c.seq.in_(last)))
            .order_by(event.c.seq)
        )
        async with self._database.reading() as connection:
            return tuple(_stored(row) for row in (await connection.execute(query)).all())

    async def all_about(
        self, room: RoomId, seq: int, types: Collection[str], most: int
    ) -> tuple[Stored, ...]:
        """The last events of some types that are an event or are about it, oldest first."""
        if seq > LAST_SEQ:
            return ()
        query = (
            select(event)
            .where(event.c.room_id == room, or_(event.c.seq == seq, event.c.about == seq))
            .where(event.c.type.in_(types))
            .order_by(event.c.seq.desc())
            .limit(most)
        )
        async with self._database.reading() as connection:
            rows = (await connection.execute(query)).all()
        return tuple(_stored(row) for row in reversed(rows))

    async def answered(
        self, room: RoomId, keys: Collection[CommandKey]
    ) -> Mapping[CommandKey, int]:
        """The last seq of each of these commands that has led to events."""
        if not keys:
            return {}
        query = (
            select(event.c.actor, event.c.command_id, event.c.seq)
            .where(event.c.room_id == room)
            .where(tuple_(event.c.actor, event.c.command_id).in_(list(keys)))
            .order_by(event.c.seq)
        )
        async with self._database.reading() as connection:
            rows = (await connection.execute(query)).all()
        return {(Identity(actor), CommandId(command)): seq for actor, command, seq in rows}

    async def took_part(self, room: RoomId, identity: Identity) -> bool:
        """Whether somebody has ever done anything in a room."""
        query = select(event.c.seq).where(event.c.room_id == room, event.c.actor == identity)
        async with self._database.reading() as connection:
            return (await connection.execute(query.limit(1))).first() is not None

    async def doomed(self) -> list[tuple[RoomId, FileId]]:
        """The files that should be gone, and perhaps are not yet."""
        async with self._database.reading() as connection:
            rows = (await connection.execute(select(doomed_file))).all()
        return [(RoomId(row.room_id), FileId(row.file_id)) for row in rows]

    async def is_doomed(self, room: RoomId, file_id: FileId) -> bool:
        """Whether a file should be gone. Raises: Unavailable."""
        query = select(doomed_file.c.file_id).where(
            doomed_file.c.room_id == room, doomed_file.c.file_id == file_id
        )
        async with self._database.reading() as connection:
            return (await connection.execute(query)).first() is not None

    async def gone(self, room: RoomId, file_id: FileId) -> None:
        """A doomed file is gone."""
        async with self._database.writing() as connection:
            await connection.execute(
                delete(doomed_file).where(
                    doomed_file.c.room_id == room, doomed_file.c.file_id == file_id
                )
            )


def _row(room: RoomId, entry: Entry) -> dict[str, Any]:
    stored = entry.stored
    return {
        "room_id": room,
        "seq": stored.seq,
        "at_ms": stored.at_ms,
        "actor": stored.actor,
        "command_id": stored.command_id,
        "n": entry.n,
        "type": stored.event.type,
        "v": stored.event.v,
        "stream": stored.stream,
        "about": stored.event.about_seq(),
        "payload": dump_event(stored.event),
    }


def _stored(row: Any) -> Stored:
    try:
        return load_stored(
            row.seq, row.at_ms, row.actor, row.command_id, row.type, row.v, row.payload
        )
    except (KeyError, ValidationError) as error:
        raise Unavailable(
            ErrorCode.STORAGE_FAILED, f"event {row.seq} ({row.type} v{row.v}) cannot be read"
        ) from error


def _restored(state: Mapping[str, Any] | None) -> Room | None:
    try:
        return None if state is None else load_room(state)
    except ValidationError:
        return None  # the journal tells it all again


async def _after(connection: AsyncConnection, room: RoomId, seq: int) -> list[Stored]:
    query = select(event).where(event.c.room_id == room, event.c.seq > seq).order_by(event.c.seq)
    return [_stored(row) for row in (await connection.execute(query)).all()]


async def _scrub(connection: AsyncConnection, room: RoomId, scrubbing: Stored) -> list[FileId]:
    about = scrubbing.event.about_seq()
    if about is None:
        return []
    olds = await _empty(connection, room, or_(event.c.seq == about, event.c.about == about))
    files = [file_id for old in olds for file_id in old.event.file_ids()]
    if files:
        rows = [{"room_id": room, "file_id": file_id} for file_id in files]
        await connection.execute(insert(doomed_file), rows)
    return files


async def _empty(
    connection: AsyncConnection, room: RoomId, which: ColumnElement[bool]
) -> list[Stored]:
    """Leave of some events what may stay. Returns them as they were."""
    query = select(event).where(event.c.room_id == room, which)
    olds = [_stored(row) for row in (await connection.execute(query)).all()]
    scrub = (
        update(event)
        .where(event.c.room_id == room, event.c.seq == bindparam("old_seq"))
        .values(payload=bindparam("scrubbed"))
    )
    changes = [{"old_seq": o.seq, "scrubbed": dump_event(o.event.scrubbed())} for o in olds]
    await connection.execute(scrub, changes)
    return olds


def _write_snapshot(batch: Batch, room: Room) -> None:
    batch.add(_FORGET_SNAPSHOT, [{"of": room.id}])
    row = {
        "room_id": room.id,
        "seq": room.seq,
        "state_version": STATE_VERSION,
        "state": dump_room(room),
    }
    batch.add(_WRITE_SNAPSHOT, [row])

"""The chat as it can be read back by page: a projection, written in the journal's transactions."""

from collections.abc import Sequence
from typing import assert_never

from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from moim.meeting.feature import Stored
from moim.meeting.features.chat import (
    ChatMessage,
    MessageDeleted,
    MessageEdited,
    MessageSent,
)
from moim.meeting.ids import FileId, RoomId
from moim.storage.database import Database
from moim.storage.tables import message


async def project(connection: AsyncConnection, room: RoomId, stored: Sequence[Stored]) -> None:
    """Write what events change in the chat: what is said first, for changes come after it."""
    rows = [_row(room, one, one.event) for one in stored if isinstance(one.event, MessageSent)]
    if rows:
        await connection.execute(insert(message), rows)
    for one in stored:
        match one.event:
            case MessageEdited() | MessageDeleted() as change:
                await connection.execute(
                    update(message)
                    .where(message.c.room_id == room, message.c.seq == change.about)
                    .values(_changed(change, one.at_ms))
                )
            case _:
                continue


def _row(room: RoomId, stored: Stored, sent: MessageSent) -> dict[str, object]:
    return {
        "room_id": room,
        "seq": stored.seq,
        "command_id": stored.command_id,
        "author": stored.actor,
        "name": sent.name,
        "at_ms": stored.at_ms,
        "text": sent.text,
        "reply_to": sent.reply_to,
        "image": sent.image.model_dump(mode="json") if sent.image is not None else None,
        "deleted": False,
    }


def _changed(change: MessageEdited | MessageDeleted, at_ms: int) -> dict[str, object]:
    match change:
        case MessageEdited(text=text):
            return {"text": text, "edited_ms": at_ms}
        case MessageDeleted():
            return {"text": "", "image": None, "edited_ms": None, "deleted": True}
        case _:
            assert_never(change)


class Messages:
    """Pages of older messages, and the images that messages show."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def page(
        self, room: RoomId, before_seq: int | None, limit: int
    ) -> tuple[list[ChatMessage], bool]:
        """The messages before one, oldest first, and whether there are still older ones."""
        query = select(message).where(message.c.room_id == room)
        if before_seq is not None:
            query = query.where(message.c.seq < before_seq)
        query = query.order_by(message.c.seq.desc()).limit(limit + 1)
        async with self._database.reading() as connection:
            rows = (await connection.execute(query)).mappings().all()
        found = [
            ChatMessage.model_validate({k: v for k, v in row.items() if k != "room_id"})
            for row in rows[:limit]
        ]
        return found[::-1], len(rows) > limit

    async def images(self, room: RoomId) -> set[FileId]:
        """The images that the room's messages show."""
        query = select(message.c.image["file_id"].as_string()).where(
            message.c.room_id == room, message.c.image.is_not(None)
        )
        async with self._database.reading() as connection:
            return {FileId(found) for found in (await connection.execute(query)).scalars()}

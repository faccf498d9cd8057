"""The chat as it can be read back by page: a projection, written in the journal's transactions."""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Select, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from moim.meeting.feature import Stored
from moim.meeting.features.chat import (
    MessageDeleted,
    MessageEdited,
    MessageReacted,
    MessageSent,
    MessageTitled,
)
from moim.meeting.features.private import PrivateDeleted, PrivateSent
from moim.meeting.ids import ROOM, FileId, Identity, RoomId, personal
from moim.meeting.messages import ChatMessage, LinkTitle, Mention
from moim.storage import search_index
from moim.storage.batch import Batch, Statement
from moim.storage.database import Database
from moim.storage.grams import folded
from moim.storage.tables import LAST_SEQ, message, reaction

EXPORTED_AT_ONCE = 500
_INNER = frozenset({"room_id", "stream", "folded", "recipient"})
_SAY: Final = Statement(insert(message))
_CHANGES: Final = (MessageEdited, MessageDeleted, PrivateDeleted, MessageTitled, MessageReacted)


def say(batch: Batch, room: RoomId, stored: Sequence[Stored]) -> None:
    """Write what events say in the chat: it comes first, for changes come after it."""
    rows = [_row(room, one, one.event) for one in stored if _says(one)]
    batch.add(_SAY, rows)
    search_index.add(batch, room, [(row["stream"], row["seq"], row["folded"]) for row in rows])


def changes(stored: Sequence[Stored]) -> bool:
    """Whether any of it changes what was said."""
    return any(isinstance(one.event, _CHANGES) for one in stored)


async def change(connection: AsyncConnection, room: RoomId, stored: Sequence[Stored]) -> None:
    """Write what events change in the chat."""
    for one in stored:
        match one.event:
            case MessageEdited(about=about, text=text, mentions=mentions):
                said = folded(text)
                await search_index.replace(connection, room, about, said)
                new = {
                    "text": text,
                    "folded": said,
                    "mentions": _dumped(mentions),
                    "titles": None,
                    "edited_ms": one.at_ms,
                }
                await _change(connection, room, about, new)
            case MessageDeleted(about=about) | PrivateDeleted(about=about):
                await search_index.replace(connection, room, about, "")
                await connection.execute(_reactions_to(room, about))
                await _change(connection, room, about, _TOMBSTONE)
            case MessageTitled(about=about, titles=titles):
                await _change(connection, room, about, {"titles": _dumped(titles)})
            case MessageReacted() as reacted:
                await _react(connection, room, one.actor, reacted)
            case _:
                continue


_TOMBSTONE: Mapping[str, Any] = {
    "text": "",
    "folded": "",
    "image": None,
    "mentions": None,
    "titles": None,
    "edited_ms": None,
    "deleted": True,
}


def _says(stored: Stored) -> bool:
    return isinstance(stored.event, MessageSent | PrivateSent)


def _row(room: RoomId, stored: Stored, sent: Any) -> dict[str, Any]:
    row: dict[str, Any] = {
        "room_id": room,
        "seq": stored.seq,
        "command_id": stored.command_id,
        "author": stored.actor,
        "name": sent.name,
        "at_ms": stored.at_ms,
        "text": sent.text,
        "folded": folded(sent.text),
        "reply_to": sent.reply_to,
        "stream": stored.stream,
        "image": None,
        "mentions": None,
        "recipient": None,
        "deleted": False,
    }
    if isinstance(sent, MessageSent):
        image = sent.image.model_dump(mode="json") if sent.image is not None else None
        return {**row, "image": image, "mentions": _dumped(sent.mentions)}
    return {**row, "recipient": sent.to}


def _dumped(values: Sequence[Mention | LinkTitle]) -> list[dict[str, Any]] | None:
    return [value.model_dump(mode="json") for value in values] or None


async def _change(
    connection: AsyncConnection, room: RoomId, seq: int, changes: Mapping[str, Any]
) -> None:
    one = update(message).where(message.c.room_id == room, message.c.seq == seq)
    await connection.execute(one.values(**changes))


def _reactions_to(room: RoomId, seq: int) -> Any:
    return delete(reaction).where(reaction.c.room_id == room, reaction.c.seq == seq)


async def _react(
    connection: AsyncConnection, room: RoomId, actor: Identity, reacted: MessageReacted
) -> None:
    """By deleting and inserting: an upsert is spelt differently by each database."""
    await connection.execute(_reactions_to(room, reacted.about).where(reaction.c.identity == actor))
    if reacted.reaction is not None:
        new = {"room_id": room, "seq": reacted.about, "identity": actor, "kind": reacted.reaction}
        await connection.execute(insert(reaction).values(new))


class Messages:
    """Pages of older messages, what is found among them, and the images that they show."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def page(
        self,
        room: RoomId,
        viewer: Identity,
        *,
        before_seq: int | None = None,
        after_seq: int | None = None,
        limit: int,
    ) -> tuple[list[ChatMessage], bool]:
        """The messages that a viewer may see before one, or after one, oldest first, and whether
        there are still more that way."""
        query = select(message).where(
            message.c.room_id == room, message.c.stream.in_([ROOM, personal(viewer)])
        )
        if before_seq is not None:
            query = query.where(message.c.seq < min(before_seq, LAST_SEQ))
        if after_seq is not None:
            query = query.where(message.c.seq > min(after_seq, LAST_SEQ))
        order = message.c.seq.asc() if after_seq is not None else message.c.seq.desc()
        async with self._database.reading() as connection:
            found = await read(connection, room, query.order_by(order).limit(limit + 1))
        return sorted(found[:limit], key=lambda one: one.seq), len(found) > limit

    async def search(
        self, room: RoomId, viewer: Identity, text: str, before_seq: int | None
    ) -> tuple[list[ChatMessage], int | None]:
        """What a viewer may see and holds every word, newest first; and from where to go on."""
        async with self._database.reading() as connection:
            found = await search_index.find(connection, room, viewer, text, before_seq)
            query = select(message).where(message.c.room_id == room, message.c.seq.in_(found.seqs))
            messages = await read(connection, room, query.order_by(message.c.seq.desc()))
        return messages, found.before_seq

    async def said_to_all(self, room: RoomId) -> AsyncIterator[list[ChatMessage]]:
        """Everything that was said in the room itself, oldest first, some hundreds at once."""
        query = select(message).where(message.c.room_id == room, message.c.stream == ROOM)
        query = query.order_by(message.c.seq).limit(EXPORTED_AT_ONCE)
        last = 0
        while True:
            async with self._database.reading() as connection:
                found = await read(connection, room, query.where(message.c.seq > last))
            if not found:
                return
            last = found[-1].seq
            yield found

    async def said_before(self, room: RoomId, at_ms: int, limit: int) -> list[tuple[int, bool]]:
        """The oldest messages from before a time that are not deleted: the seq of each, and
        whether it is private, then that of its author's copy."""
        query = (
            select(message.c.seq, message.c.stream, message.c.author)
            .where(
                message.c.room_id == room,
                message.c.deleted.is_(False),
                message.c.at_ms < at_ms,
                message.c.stream.in_([ROOM]) | (message.c.stream == "p:" + message.c.author),
            )
            .order_by(message.c.at_ms, message.c.seq)
            .limit(limit)
        )
        async with self._database.reading() as connection:
            rows = (await connection.execute(query)).all()
        return [(row.seq, row.stream != ROOM) for row in rows]

    async def images(self, room: RoomId) -> set[FileId]:
        """The images that the room's messages show."""
        query = select(message.c.image["file_id"].as_string()).where(
            message.c.room_id == room, message.c.image.is_not(None)
        )
        async with self._database.reading() as connection:
            return {FileId(found) for found in (await connection.execute(query)).scalars()}


async def read(connection: AsyncConnection, room: RoomId, query: Select[Any]) -> list[ChatMessage]:
    """Rows of `message` as messages, with their reactions, in the order of the query."""
    rows = (await connection.execute(query)).mappings().all()
    seqs = [row["seq"] for row in rows]
    reactions: dict[int, dict[str, str]] = {}
    if seqs:
        wanted = select(reaction).where(reaction.c.room_id == room, reaction.c.seq.in_(seqs))
        for one in (await connection.execute(wanted)).all():
            reactions.setdefault(one.seq, {})[one.identity] = one.kind
    return [
        ChatMessage.model_validate(
            {
                **{k: v for k, v in row.items() if k not in _INNER},
                "to": row["recipient"],
                "mentions": row["mentions"] or (),
                "titles": row["titles"] or (),
                "reactions": reactions.get(row["seq"], {}),
            }
        )
        for row in rows
    ]

"""The search of the chat: an index of pairs of letters, kept in the journal's transactions.

A query looks up its rarest pair and then at the messages that have it, a thousand at most;
`before_seq` goes on from there. So a search costs the same in a room of any size.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import delete, func, insert, literal, select, union_all
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql import Select

from moim.meeting.ids import ROOM, Identity, RoomId, Stream, personal
from moim.storage.batch import Batch, Statement
from moim.storage.grams import folded, grams, keys
from moim.storage.tables import LAST_SEQ, message, message_gram

FOUND_MOST = 30
LOOKED_AT_MOST = 1000
"""Messages with the rarest pair of a query, in one go and one stream."""
PAIRS_COUNTED = 24
_ADD: Final = Statement(insert(message_gram))


@dataclass(frozen=True, slots=True)
class Found:
    """The seqs of what matches, newest first, and where to go on, if anywhere."""

    seqs: list[int]
    before_seq: int | None


def add(batch: Batch, room: RoomId, said: Sequence[tuple[Stream, int, str]]) -> None:
    """Index messages: the stream, the seq and the folded text of each."""
    batch.add(
        _ADD,
        [
            {"gram": key, "seq": seq}
            for stream, seq, text in said
            for key in keys(room, stream, grams(text))
        ],
    )


async def replace(connection: AsyncConnection, room: RoomId, seq: int, text: str) -> None:
    """Index a message anew, by its folded text, before its row is changed."""
    query = select(message.c.stream, message.c.folded).where(
        message.c.room_id == room, message.c.seq == seq
    )
    old = (await connection.execute(query)).first()
    if old is None:
        return
    before = list(keys(room, old.stream, grams(old.folded)))
    if before:
        await connection.execute(
            delete(message_gram).where(message_gram.c.seq == seq, message_gram.c.gram.in_(before))
        )
    after = Batch()
    add(after, room, [(old.stream, seq, text)])
    await after.run(connection)


async def find(
    connection: AsyncConnection, room: RoomId, viewer: Identity, text: str, before_seq: int | None
) -> Found:
    """What holds every word of a text, in the streams that a viewer sees."""
    words = folded(text).split(" ")
    pairs = sorted({pair for word in words for pair in grams(word)})[:PAIRS_COUNTED]
    if not pairs:
        return Found([], None)
    before = min(before_seq or LAST_SEQ, LAST_SEQ)
    streams = (ROOM, personal(viewer))
    numbers = {stream: list(keys(room, stream, pairs)) for stream in streams}
    counts = await _counts(connection, [n for of in numbers.values() for n in of], before)
    seqs: list[int] = []
    floor = 0
    for stream in streams:
        rarest = min(numbers[stream], key=counts.__getitem__)
        if not counts[rarest]:
            continue
        if counts[rarest] == LOOKED_AT_MOST:
            candidates = having(rarest, before).subquery()
            lowest = await connection.execute(select(func.min(candidates.c.seq)))
            floor = max(floor, lowest.scalar_one())
        found = await connection.execute(matching(room, stream, words, rarest, before))
        seqs += [row.seq for row in found]
    newest = sorted((seq for seq in seqs if seq >= floor), reverse=True)
    if len(newest) > FOUND_MOST:
        newest = newest[:FOUND_MOST]
        floor = newest[-1]
    return Found(newest, floor or None)


async def _counts(
    connection: AsyncConnection, numbers: Sequence[int], before_seq: int
) -> dict[int, int]:
    """How many messages have each pair, as far as is looked."""
    counted = [
        select(
            literal(at).label("at"),
            func.count().label("count"),
        ).select_from(having(number, before_seq).subquery())
        for at, number in enumerate(numbers)
    ]
    rows = (await connection.execute(union_all(*counted))).all()
    return {numbers[row.at]: row[1] for row in rows}


def having(number: int, before_seq: int) -> Select[tuple[int]]:
    """The seqs of the newest messages with a pair."""
    return (
        select(message_gram.c.seq)
        .where(message_gram.c.gram == number, message_gram.c.seq < before_seq)
        .order_by(message_gram.c.seq.desc())
        .limit(LOOKED_AT_MOST)
    )


def matching(
    room: RoomId, stream: Stream, words: Sequence[str], number: int, before_seq: int
) -> Select[tuple[int]]:
    """The seqs of those of them that hold every word, newest first."""
    candidates = having(number, before_seq).subquery()
    query = select(message.c.seq).join(candidates, candidates.c.seq == message.c.seq)
    query = query.where(message.c.room_id == room, message.c.stream == stream)
    for word in words:
        query = query.where(message.c.folded.contains(word, autoescape=True))
    return query.order_by(message.c.seq.desc()).limit(FOUND_MOST + 1)

"""The rooms as a list: what is known of each without folding its journal."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Select, bindparam, insert, select, update

from moim.meeting.feature import Stored
from moim.meeting.features.retention import retention
from moim.meeting.ids import RoomId
from moim.meeting.model import Room
from moim.storage.batch import Batch, Statement
from moim.storage.database import Database
from moim.storage.tables import room as table

_INNER = frozenset({"seq", "retention_days"})
"""Columns that are nobody's outside."""
_MAKE: Final = Statement(insert(table))
_CHANGE: Final = Statement(
    update(table).where(table.c.id == bindparam("room_id"), table.c.seq == bindparam("before"))
)


@dataclass(frozen=True, slots=True)
class RoomRow:
    """A room as somebody outside sees it. `people` counts seats, those in a grace included."""

    id: RoomId
    slug: str
    name: str
    listed: bool
    locked: bool
    people: int
    created_ms: int
    active_ms: int


def project(batch: Batch, room: Room, before: int, last: Stored) -> None:
    """Write what the list shows of a room; `room` is its fold after `last`.

    It is a Conflict when its last number was not `before`. It comes first in a transaction, and
    holds up whoever else writes in that room until the end of it.
    """
    row = {
        "name": room.name,
        "listed": room.listed,
        "locked": room.locked,
        "people": len(room.participants),
        "active_ms": last.at_ms,
        "seq": last.seq,
        "retention_days": retention.of(room).days,
    }
    if before:
        mine = {**row, "room_id": room.id, "before": before}
        batch.add(_CHANGE, [mine], unless=f"the journal is not at {before} any more")
    else:
        new = {**row, "id": room.id, "slug": room.slug, "created_ms": room.created_ms}
        batch.add(_MAKE, [new])


class Rooms:
    """Looks rooms up."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def find(self, slug: str) -> RoomRow | None:
        """The room with this address."""
        found = await self._rows(select(table).where(table.c.slug == slug))
        return found[0] if found else None

    async def all(self) -> Sequence[RoomRow]:
        """Every room, the last active first: for the operator."""
        return await self._rows(select(table).order_by(table.c.active_ms.desc()))

    async def listed(self, most: int) -> Sequence[RoomRow]:
        """The rooms that anyone may see, those with most people first, then the last active."""
        query = select(table).where(table.c.listed.is_(True))
        order = (table.c.people.desc(), table.c.active_ms.desc())
        return await self._rows(query.order_by(*order).limit(most))

    async def occupied(self) -> Sequence[RoomRow]:
        """The rooms in which somebody had a seat when the last server stopped."""
        return await self._rows(select(table).where(table.c.people > 0))

    async def forgetting(self) -> Sequence[tuple[RoomId, int]]:
        """The rooms that keep messages for some days only, and for how many."""
        query = select(table.c.id, table.c.retention_days).where(
            table.c.retention_days.is_not(None)
        )
        async with self._database.reading() as connection:
            rows = (await connection.execute(query)).all()
        return [(RoomId(row.id), row.retention_days) for row in rows]

    async def _rows(self, query: Select[Any]) -> list[RoomRow]:
        async with self._database.reading() as connection:
            rows = (await connection.execute(query)).mappings().all()
        return [RoomRow(**{k: v for k, v in row.items() if k not in _INNER}) for row in rows]

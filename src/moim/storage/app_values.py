"""Which events hold what mini-apps have stored: a projection, written in the journal's
transactions.

A mini-app may store twenty times a second for hours. Each time is an event, as everything is, but
its value stays in the journal only while it stands: the projection knows which events to empty
when another value takes its place, or when the app goes.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, and_, delete, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from moim.meeting.feature import Stored
from moim.meeting.features.app import AppRemoved, AppStored
from moim.meeting.ids import RoomId
from moim.storage.tables import app_value


def concerned(stored: Sequence[Stored]) -> bool:
    """Whether any of it is about what mini-apps have stored."""
    return any(isinstance(one.event, AppStored | AppRemoved) for one in stored)


async def project(connection: AsyncConnection, room: RoomId, stored: Sequence[Stored]) -> list[int]:
    """Follow events; returns the seqs of those whose values do not stand any more."""
    over: list[int] = []
    for one in stored:
        match one.event:
            case AppStored(app=app, key=key, value=value):
                over += await _take(connection, _of(room, app, key))
                if value is not None:
                    row = {"room_id": room, "app": app, "key": key, "seq": one.seq}
                    await connection.execute(insert(app_value).values(row))
            case AppRemoved(app=app):
                over += await _take(connection, _of(room, app))
            case _:
                continue
    return over


def _of(room: RoomId, app: str, key: str | None = None) -> ColumnElement[bool]:
    whole = and_(app_value.c.room_id == room, app_value.c.app == app)
    return whole if key is None else and_(whole, app_value.c.key == key)


async def _take(connection: AsyncConnection, which: ColumnElement[bool]) -> list[int]:
    query: Any = select(app_value.c.seq).where(which)
    seqs = list((await connection.execute(query)).scalars())
    if seqs:
        await connection.execute(delete(app_value).where(which))
    return seqs

"""python-socketio's Redis adapter for the mini-app namespace of several servers.

Its channel, its messages (JSON) and its rooms, so that another program may emit into a room too:

    socketio.RedisManager(url, channel=CHANNEL, write_only=True).emit(
        "game.over", {"winner": "u_…"}, namespace="/apps", room="RM_…")

What arrives goes into bounded queues, as everything does; the adapter would make a task for each
recipient, and wait for Redis at each event.
"""

import asyncio
import base64
import json
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

import socketio
from socketio.packet import Packet

from moim.meeting.ids import Identity, RoomId

CHANNEL: Final = "moim:apps"
MOST_WAITING: Final = 2000
CONNECT_S: Final = 1

Deliver = Callable[[str, str, list[Any], list[str], list[str]], None]
"""Namespace, event, arguments, rooms, and the connections to leave out."""


def room_of(room_id: RoomId, identity: Identity | None = None) -> str:
    """The adapter's name of a room, or of one person's connections in it."""
    return room_id if identity is None else f"{room_id}/{identity}"


class AppBus(socketio.AsyncRedisManager):  # type: ignore[misc]
    """A client manager; `deliver` is set by who serves the namespace."""

    def __init__(self, url: str) -> None:
        super().__init__(url, channel=CHANNEL, redis_options={"socket_connect_timeout": CONNECT_S})
        self.deliver: Deliver | None = None
        self._waiting: asyncio.Queue[dict[str, Any]] = asyncio.Queue(MOST_WAITING)
        self._publisher: asyncio.Task[None] | None = None

    def initialize(self) -> None:
        """Called by the library at the first connection."""
        super().initialize()
        self.json = json  # what comes from Redis is bytes, and of our own servers
        self._publisher = asyncio.create_task(self._publish_all(), name="mini-apps out")

    async def close(self) -> None:
        """End its tasks and its connections."""
        tasks = [one for one in (self._publisher, getattr(self, "thread", None)) if one]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for one in (self.pubsub, self.redis):
            if one is not None:
                with suppress(Exception):  # it may be away
                    await one.aclose()

    def pass_on(self, namespace: str, event: str, arguments: list[Any], rooms: list[str]) -> None:
        """Tell the other servers; the oldest is lost when Redis takes too little."""
        data, binary = arguments, Packet.data_is_binary(arguments)
        if binary:
            bare, attachments = Packet.deconstruct_binary(arguments)
            data = [bare, *(base64.b64encode(one).decode() for one in attachments)]
        if self._waiting.full():
            self._waiting.get_nowait()
        self._waiting.put_nowait(
            {
                "method": "emit",
                "event": event,
                "data": data,
                "binary": binary,
                "namespace": namespace,
                "room": rooms,
                "skip_sid": None,
                "callback": None,
                "host_id": self.host_id,
            }
        )

    async def _publish_all(self) -> None:
        while True:
            await self._publish(await self._waiting.get())

    async def _handle_emit(self, message: dict[str, Any]) -> None:
        if self.deliver is None:
            return
        data = message["data"]
        if message.get("binary"):
            attachments = [base64.b64decode(one) for one in data[1:]]
            data = Packet.reconstruct_binary(data[0], attachments)
        self.deliver(
            message.get("namespace") or "/",
            message["event"],
            list(data),
            _listed(message.get("room")),
            _listed(message.get("skip_sid")),
        )


def _listed(value: Any) -> list[str]:
    if value is None:
        return []
    return list(value) if isinstance(value, list | tuple) else [value]

"""A chat on plain python-socketio, as its documentation does it: what moim is compared with."""

from typing import Any

import socketio

server = socketio.AsyncServer(async_mode="asgi", cors_allowed_origins=[])
app = socketio.ASGIApp(server)


@server.event  # type: ignore[untyped-decorator]
async def connect(sid: str, _environ: dict[str, Any], _auth: object = None) -> None:
    """Everybody is in one room."""
    await server.enter_room(sid, "room")


@server.event  # type: ignore[untyped-decorator]
async def say(sid: str, said: dict[str, Any]) -> None:
    """Everybody hears it."""
    await server.emit("said", {"from": sid, **said}, room="room")

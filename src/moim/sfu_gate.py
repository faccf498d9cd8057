"""In front of moim's own SFU where there are several servers: who joins a room that lives on
another one is passed on to there, whichever address they came by.

moim's own pages are sent to the right server and need no passing on. A LiveKit client knows one
address for all rooms, and who comes back after a room has moved may know an old one.
"""

import asyncio
import time
from contextlib import suppress
from typing import Any, Final

import aiohttp
import structlog
from starlette.requests import HTTPConnection
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect
from yarl import URL

from moim.live.drain import LOOK_S
from moim.live.placing import Placing
from moim.media.sfu import TRIAL_ROOM
from moim.meeting.errors import ErrorCode, Unavailable
from moim.own_sfu import OwnSfu

PASSED_ON: Final = "x-moim-passed-on"
"""Nobody is passed on twice: two servers that disagree for a moment would do it for ever."""
CONNECT_S: Final = 5
LARGEST_FRAME_BYTES: Final = 2 * 1024 * 1024
GONE: Final = 1012
JOIN_S: Final = 5.0
"""So long a join takes at most, as a rule: a client whose signalling ends in the middle of one
waits for its media in vain (LiveKit's SDKs for 15 s) before it tries again."""
_KEPT: Final = ("authorization", "user-agent", "origin")
_log = structlog.get_logger("moim.sfu")


class SfuGate:
    """To be mounted in place of the SFU."""

    def __init__(self, sfu: OwnSfu, placing: Placing) -> None:
        self._sfu = sfu
        self._placing = placing
        self._passing: dict[WebSocket, float] = {}
        """Since when each of those who are passed on is, by this process's clock."""

    async def settled(self) -> None:
        """Wait until those who were passed on just now have joined where they were led; nobody
        comes any more."""
        deadline = time.monotonic() + JOIN_S
        while (now := time.monotonic()) < deadline:
            if all(now - since > JOIN_S for since in self._passing.values()):
                return
            await asyncio.sleep(LOOK_S)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a LiveKit client here, or pass it on."""
        if scope["type"] == "websocket":
            try:
                there = await self._elsewhere(HTTPConnection(scope))
            except Unavailable:
                socket = WebSocket(scope, receive, send)
                await socket.send_denial_response(PlainTextResponse("try again", 503))
                return
            if there is not None:
                socket = WebSocket(scope, receive, send)
                self._passing[socket] = time.monotonic()
                try:
                    await _pass_on(socket, there + _rest(scope))
                finally:
                    del self._passing[socket]
                return
        await self._sfu(scope, receive, send)

    async def _elsewhere(self, http: HTTPConnection) -> str | None:
        """The API address of the server where the room is; None when it is here.

        Raises: Unavailable.
        """
        room = self._sfu.room_wanted(http)
        if room is None or room == TRIAL_ROOM or self._placing.holds(room):
            return None
        where = await self._placing.place(room)
        if where == self._placing.here:
            return None
        if PASSED_ON in http.headers:
            raise Unavailable(ErrorCode.SFU_UNREACHABLE, "passed on already")
        return where.api_url


def _rest(scope: Scope) -> str:
    """The path below where the SFU is mounted, and the query."""
    path = str(scope["path"]).removeprefix(str(scope.get("root_path", "")))
    return f"{path}?{scope['query_string'].decode('latin-1')}"


async def _pass_on(socket: WebSocket, url: str) -> None:
    headers = {name: socket.headers[name] for name in _KEPT if name in socket.headers}
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_S)
    async with aiohttp.ClientSession(timeout=timeout) as http:
        try:
            there = await http.ws_connect(
                URL(url, encoded=True),
                headers={**headers, PASSED_ON: "1"},
                max_msg_size=LARGEST_FRAME_BYTES,
            )
        except aiohttp.WSServerHandshakeError as error:
            await socket.send_denial_response(PlainTextResponse(error.message, error.status))
            return
        except (aiohttp.ClientError, TimeoutError) as error:
            _log.warning("sfu_not_passed_on", cause=type(error).__name__)
            await socket.send_denial_response(PlainTextResponse("try again", 503))
            return
        await socket.accept()
        async with there:
            ways = [
                asyncio.create_task(_in(socket, there)),
                asyncio.create_task(_out(socket, there)),
            ]
            try:
                await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for way in ways:
                    way.cancel()
                await asyncio.gather(*ways, return_exceptions=True)
        code = there.close_code
        with suppress(RuntimeError, WebSocketDisconnect):  # it was the client who closed
            await socket.close(code if code is not None and code >= 1000 else GONE)


async def _in(socket: WebSocket, there: "aiohttp.ClientWebSocketResponse") -> None:
    while True:
        message: Any = await socket.receive()
        if message["type"] == "websocket.disconnect":
            return
        if message.get("bytes") is not None:
            await there.send_bytes(message["bytes"])
        else:
            await there.send_str(str(message.get("text") or ""))


async def _out(socket: WebSocket, there: "aiohttp.ClientWebSocketResponse") -> None:
    async for message in there:
        if message.type is aiohttp.WSMsgType.BINARY:
            await socket.send_bytes(message.data)
        elif message.type is aiohttp.WSMsgType.TEXT:
            await socket.send_text(message.data)

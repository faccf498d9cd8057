"""A real server on a free port in this process, and three kinds of clients that talk to it."""

import asyncio
import itertools
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any, Protocol

import aiohttp
import socketio
import uvicorn
import websockets
from starlette.types import ASGIApp
from websockets.asyncio.client import ClientConnection

from moim.signalling.wire import WireProtocol

DEADLINE_S = 5
CLIENT_PATIENCE_S = 0.5
Heard = tuple[str, Any]


class Server(uvicorn.Server):
    """Says when it is up."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.up = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.up.set()


@asynccontextmanager
async def serving(app: ASGIApp) -> AsyncIterator[str]:
    """Serve an app; gives its address without a slash at the end."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    config = uvicorn.Config(
        app,
        ws=WireProtocol,
        log_config=None,
        lifespan="on",
        proxy_headers=False,  # the app reads them, as in `moim.serve`
        timeout_graceful_shutdown=1,
    )
    server = Server(config)
    serve = asyncio.create_task(server._serve([listener]))
    up = asyncio.create_task(server.up.wait())
    await asyncio.wait({serve, up}, return_when=asyncio.FIRST_COMPLETED)
    if serve.done():
        up.cancel()
        serve.result()
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        farewell = getattr(getattr(app, "state", None), "before_stop", None)
        if farewell is not None:
            await farewell()
        server.should_exit = True
        await serve


class Inbox:
    """What a client has heard and a test has not looked at yet."""

    def __init__(self) -> None:
        self.heard: list[Heard] = []
        self._news = asyncio.Event()

    def put(self, name: str, body: Any) -> None:
        self.heard.append((name, body))
        self._news.set()

    async def get(self, name: str, match: Callable[[Any], bool] = lambda _: True) -> Any:
        """The next event of that name, which is then forgotten with all before it."""
        async with asyncio.timeout(DEADLINE_S):
            while True:
                for index, (heard, body) in enumerate(self.heard):
                    if heard == name and match(body):
                        del self.heard[: index + 1]
                        return body
                self._news.clear()
                await self._news.wait()


class RefusedConnection(Exception):
    """The server did not let a client in."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class Client(Protocol):
    """What the conformance tests need of a client."""

    inbox: Inbox

    async def connect(
        self, base: str, auth: dict[str, Any], headers: dict[str, str] | None = None
    ) -> None:
        """Raises: RefusedConnection."""

    async def ask(self, name: str, fields: Any, command_id: str | None = None) -> dict[str, Any]:
        """Send a command and wait for its answer."""

    async def closed(self) -> None:
        """Wait until the server has closed it."""

    async def close(self) -> None:
        """Leave."""


async def _read_at_once(
    request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
) -> aiohttp.ClientResponse:
    response = await handler(request)
    if request.method == "POST":
        await response.read()
    return response


class SocketIoClient:
    """python-socketio's client, over one transport."""

    def __init__(self, transport: str) -> None:
        self.transport = transport
        self.inbox = Inbox()
        # The library leaves the answers to what it posts unread, and their connections open.
        self._http = aiohttp.ClientSession(middlewares=[_read_at_once])
        self.socket = socketio.AsyncClient(reconnection=False, http_session=self._http)
        self._numbers = itertools.count(1)
        self._gone = asyncio.Event()
        self.socket.on("*", self.inbox.put)
        self.socket.on("disconnect", self._disconnected)
        self.socket.on("connect_error", self._refused)
        self._error: Any = None

    async def _disconnected(self, *_: Any) -> None:
        self._gone.set()

    async def _refused(self, error: Any = None) -> None:
        self._error = error

    async def connect(
        self, base: str, auth: dict[str, Any], headers: dict[str, str] | None = None
    ) -> None:
        host, _, path = base.removeprefix("http://").partition("/")
        try:
            await self.socket.connect(
                f"http://{host}",
                socketio_path="/".join(filter(None, (path, "socket.io"))),
                auth=auth,
                headers=headers or {},
                transports=[self.transport],
                wait_timeout=DEADLINE_S,
            )
        except socketio.exceptions.ConnectionError:
            await self._http.close()
            if not isinstance(self._error, dict):
                raise
            raise RefusedConnection(self._error["data"]["code"]) from None

    async def ask(self, name: str, fields: Any, command_id: str | None = None) -> dict[str, Any]:
        if isinstance(fields, dict):
            fields = {"id": command_id or f"c{next(self._numbers)}", **fields}
        said: dict[str, Any] = await self.socket.call(name, fields, timeout=DEADLINE_S)
        return said

    async def closed(self) -> None:
        await asyncio.wait_for(self._gone.wait(), DEADLINE_S)

    async def close(self) -> None:
        # Now and then its last POST is not sent, and it waits for its own long poll to end.
        with suppress(TimeoutError):
            await asyncio.wait_for(self.socket.disconnect(), CLIENT_PATIENCE_S)
        await self._http.close()


class PlainClient:
    """A WebSocket and JSON."""

    def __init__(self) -> None:
        self.inbox = Inbox()
        self.socket: ClientConnection
        self.refused: str | None = None
        self._numbers = itertools.count(1)
        self._answers: dict[str, asyncio.Future[dict[str, Any]]] = {}
        self._reading: asyncio.Task[None] | None = None

    async def connect(
        self, base: str, auth: dict[str, Any], headers: dict[str, str] | None = None
    ) -> None:
        address = base.replace("http", "ws", 1) + "/ws"
        if "room" in auth:
            address += f"?room={auth['room']}"
        sent = dict(headers or {})
        if auth.get("token"):
            sent["Authorization"] = f"Bearer {auth['token']}"
        self.socket = await websockets.connect(address, additional_headers=sent)
        first = json.loads(await self.socket.recv())
        if first["event"] == "connect_error":
            await self.socket.wait_closed()
            assert self.socket.close_code == 4403
            raise RefusedConnection(first["data"]["code"])
        self.inbox.put(first["event"], first["data"])
        self._reading = asyncio.create_task(self._read())

    async def _read(self) -> None:
        async for text in self.socket:
            said = json.loads(text)
            if "event" in said:
                self.inbox.put(said["event"], said["data"])
            else:
                self._answers.pop(said.pop("ack")).set_result(said)

    async def ask(self, name: str, fields: Any, command_id: str | None = None) -> dict[str, Any]:
        made = command_id or f"c{next(self._numbers)}"
        answer = self._answers[made] = asyncio.get_running_loop().create_future()
        await self.socket.send(json.dumps({"id": made, "command": name, "data": fields}))
        return await asyncio.wait_for(answer, DEADLINE_S)

    async def closed(self) -> None:
        await asyncio.wait_for(self.socket.wait_closed(), DEADLINE_S)

    async def close(self) -> None:
        await self.socket.close()
        if self._reading is not None:
            await self._reading


MakeClient = Callable[[], Client]
DOORS: dict[str, MakeClient] = {
    "socketio-websocket": lambda: SocketIoClient("websocket"),
    "socketio-polling": lambda: SocketIoClient("polling"),
    "plain-websocket": PlainClient,
}
Connect = Callable[..., Awaitable[Client]]

"""A participant without media, over the plain WebSocket door, written from docs/protocol.md.

It keeps every command until its answer comes, comes back when the server is gone, and folds what it
sees, so that a test can ask it what it holds.
"""

import asyncio
import contextlib
import itertools
import json
import re
from typing import Any, Self

import httpx
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus, WebSocketException

from moim.meeting.model import Room
from moim.meeting.rules import apply, load_room, load_stored

TRANSIENT = frozenset(
    {"busy", "internal", "server_stopping", "storage_failed", "storage_full", "unavailable"}
)
"""What a server says when something it needs is away: trying again is right."""
PING_S = 2
CSRF = re.compile(r'name="csrf"[^>]*value="([^"]+)"')


class Declined(Exception):
    """The server said no. `str(declined)` is the code."""


async def new_browser(url: str) -> httpx.AsyncClient:
    """A cookie jar that moim knows."""
    browser = httpx.AsyncClient(base_url=url, headers={"origin": url}, trust_env=False)
    (await browser.get("/")).raise_for_status()
    return browser


async def create_room(browser: httpx.AsyncClient, name: str) -> str:
    """Make a room as the home page's form does; its slug."""
    found = CSRF.search((await browser.get("/")).text)
    assert found is not None, "the home page has no form"
    form = {"name": name, "visibility": "listed", "csrf": found.group(1)}
    made = await browser.post("/rooms", data=form)
    assert made.status_code == 303, made.text
    return made.headers["location"].rstrip("/").rsplit("/", 1)[-1]


class Caller:
    """One page of one browser in one room."""

    def __init__(self, browser: httpx.AsyncClient, slug: str, name: str) -> None:
        self.browser = browser
        self.slug = slug
        self.name = name
        self.identity = ""
        self.sid: str | None = None
        self.room: Room | None = None
        self.connections = 0
        self._numbers = itertools.count(1)
        self._waiting: dict[str, tuple[dict[str, Any], asyncio.Future[dict[str, Any]]]] = {}
        self._early: list[dict[str, Any]] = []
        self._socket: ClientConnection | None = None
        self._seated = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._declined: Declined | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._live())
        seated = asyncio.create_task(self._seated.wait())
        done, _ = await asyncio.wait(
            {self._task, seated}, timeout=20, return_when=asyncio.FIRST_COMPLETED
        )
        if seated not in done:
            seated.cancel()
            await self.__aexit__()
            raise AssertionError(f"{self.name} got no seat")
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._task is not None
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task  # raises Declined when the seat was refused

    def base(self) -> str:
        """The server to connect to next."""
        return str(self.browser.base_url).rstrip("/")

    def passing(self, event: str, data: dict[str, Any]) -> None:
        """Hear what is relayed and forgotten."""

    async def command(self, name: str, **fields: Any) -> dict[str, Any]:
        """Ask until it is answered, over any number of connections. Raises: Declined."""
        said = await self._ask(f"c{next(self._numbers)}-{self.name}", name, fields, now=False)
        if not said["ok"]:
            raise Declined(said["error"]["code"])
        return said

    async def _ask(
        self, command_id: str, name: str, fields: dict[str, Any], *, now: bool
    ) -> dict[str, Any]:
        frame = {"id": command_id, "command": name, "data": fields}
        answer: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._waiting[command_id] = (frame, answer)
        if now or self._seated.is_set():
            await self._send(frame)
        try:
            return await answer
        finally:
            self._waiting.pop(command_id, None)

    async def _send(self, frame: dict[str, Any]) -> None:
        with contextlib.suppress(WebSocketException, AttributeError):
            assert self._socket is not None
            await self._socket.send(json.dumps(frame))

    async def _live(self) -> None:
        """Connect, come back, for ever."""
        cookie = "; ".join(f"{k}={v}" for k, v in self.browser.cookies.items())
        while True:
            with contextlib.suppress(OSError, WebSocketException, InvalidStatus, TimeoutError):
                base = self.base()
                address = base.replace("http", "ws", 1) + f"/ws?room={self.slug}"
                async with connect(
                    address,
                    additional_headers={"cookie": cookie, "origin": base},
                    proxy=None,
                    open_timeout=2 * PING_S,
                    ping_interval=PING_S,
                    ping_timeout=PING_S,
                    close_timeout=1,
                ) as socket:
                    self._socket = socket
                    self.connections += 1
                    await self._listen(socket)
            self._seated.clear()
            self._socket = None
            if self._declined is not None:
                raise self._declined
            await asyncio.sleep(0.05)

    async def _listen(self, socket: ClientConnection) -> None:
        resuming: asyncio.Task[None] | None = None
        try:
            async for text in socket:
                if resuming is not None and resuming.done():
                    resuming.result()
                told = json.loads(text)
                if "ack" in told:
                    _, answer = self._waiting.get(told["ack"], (None, None))
                    if answer is not None and not answer.done():
                        answer.set_result(told)
                elif told["event"] == "hello":
                    self.identity = told["data"]["identity"]
                    resuming = asyncio.create_task(self._take_seat())
                elif told["event"] == "snapshot":
                    self.room = load_room(told["data"]["snapshot"])
                elif "seq" in told["data"]:
                    self._hear({"type": told["event"], **told["data"]})
                else:
                    self.passing(told["event"], told["data"])
        finally:
            if resuming is not None:
                resuming.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await resuming

    async def _take_seat(self) -> None:
        fields: dict[str, Any] = {"name": self.name, "tab": f"tab-of-{self.name}"}
        if self.sid is not None:
            fields["sid"] = self.sid
        command_id = f"join{self.connections}-{next(self._numbers)}-{self.name}"
        said = await self._ask(command_id, "participant.join", fields, now=True)
        if not said["ok"]:
            if said["error"]["code"] not in TRANSIENT:
                self._declined = Declined(said["error"]["code"])
            assert self._socket is not None
            await self._socket.close()
            return
        self.sid = said["sid"]
        self.room = load_room(said["snapshot"])
        self._seated.set()
        early, self._early = self._early, []
        for frame in early:
            self._hear(frame)
        for frame, _ in list(self._waiting.values()):
            await self._send(frame)

    def _hear(self, f: dict[str, Any]) -> None:
        if self.room is None or not self._seated.is_set():
            # what is held may be from before the connection broke: the snapshot comes first
            self._early.append(f)
            return
        stored = load_stored(
            f["seq"], f["at_ms"], f["actor"], f["command_id"], f["type"], f["v"], f["payload"]
        )
        cursor = self.room.streams.get(stored.stream, 0)
        if stored.seq > cursor:
            assert f["prev"] == cursor, f"{self.name} missed something before {f}"
            self.room = apply(self.room, stored)

    async def history(self) -> list[dict[str, Any]]:
        """The whole chat, oldest first, by pages."""
        messages: list[dict[str, Any]] = []
        before: dict[str, int] = {}
        while True:
            said = await self.command("chat.history", limit=100, **before)
            messages = [*said["messages"], *messages]
            if not said["more"]:
                return messages
            before = {"before_seq": messages[0]["seq"]}

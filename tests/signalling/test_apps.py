"""Mini-apps: any event, any arguments, to those who sit in the room, and no further."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import socketio

from moim.meeting.ids import Identity
from tests.signalling.conftest import JUN, MINA, SORA, Site, opened, quick
from tests.signalling.server import DOORS, Inbox


class App:
    """Somebody's connection to `/apps`."""

    def __init__(self) -> None:
        self.inbox = Inbox()
        self.socket = socketio.AsyncClient(reconnection=False)
        self.socket.on("*", self._heard, namespace="/apps")

    async def _heard(self, name: str, *arguments: Any) -> None:
        self.inbox.put(name, arguments)

    async def connect(self, site: Site, who: Identity, room: str | None = None) -> None:
        await self.socket.connect(
            site.base,
            auth={"room": room or site.slug, "token": site.identities.token(who)},
            namespaces=["/apps"],
            transports=["websocket"],
        )

    async def emit(self, name: str, *arguments: Any) -> dict[str, Any]:
        said: dict[str, Any] = await self.socket.call(name, arguments, namespace="/apps", timeout=5)
        return said


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    """Everybody by Socket.IO."""
    settings = quick(tmp_path, app_events_per_s=1, app_events_burst=20)
    async with opened(settings, DOORS["socketio-websocket"]) as one:
        yield one


@pytest.fixture
async def apps(site: Site) -> AsyncIterator[list[App]]:
    """Mina, Jun and Sora, seated, each with a mini-app open."""
    found = []
    for who in (MINA, JUN, SORA):
        await site.seated(who)
        app = App()
        await app.connect(site, who)
        found.append(app)
    yield found
    for app in found:
        await app.socket.disconnect()


async def test_an_event_reaches_everybody_else_with_all_its_arguments(apps: list[App]) -> None:
    mina, jun, sora = apps
    said = await mina.emit("draw:line", {"from": [0, 0]}, 3, None, "red", [1, {"a": b"\x00\xff"}])
    assert said == {"ok": True}
    for other in (jun, sora):
        heard = await other.inbox.get("draw:line")
        assert heard == ({"from": MINA}, {"from": [0, 0]}, 3, None, "red", [1, {"a": b"\x00\xff"}])
    assert mina.inbox.heard == []


async def test_an_event_without_arguments_and_of_bytes_alone_arrive(apps: list[App]) -> None:
    mina, jun, _ = apps
    assert (await mina.emit("ping"))["ok"]
    assert await jun.inbox.get("ping") == ({"from": MINA},)
    assert (await mina.emit("frame", b"\x01" * 1000))["ok"]
    assert await jun.inbox.get("frame") == ({"from": MINA}, b"\x01" * 1000)


async def test_an_event_can_be_for_some(apps: list[App]) -> None:
    mina, jun, sora = apps
    assert (await mina.emit("card", {"$to": [SORA]}, "ace"))["ok"]
    assert await sora.inbox.get("card") == ({"from": MINA}, "ace")
    assert (await mina.emit("next"))["ok"]
    await jun.inbox.get("next")
    assert "card" not in [name for name, _ in jun.inbox.heard]


REFUSED: list[tuple[str, tuple[Any, ...], str]] = [
    ("connect", (), "event_refused"),
    ("disconnect", (), "event_refused"),
    ("moim:secret", (), "event_refused"),
    ("x" * 129, (), "event_refused"),
    ("card", ({"$to": "u_jun"},), "event_refused"),
    ("card", ({"$to": [1]},), "event_refused"),
    ("big", ("x" * 70_000,), "frame_too_large"),
    ("big", (b"x" * 70_000,), "frame_too_large"),
    ("huge", ("x" * 140_000,), "frame_too_large"),
]


async def test_what_may_not_be_sent_is_refused_with_a_code(apps: list[App]) -> None:
    mina, jun, _ = apps
    for name, arguments, code in REFUSED:
        assert (await mina.emit(name, *arguments))["error"]["code"] == code
    assert (await mina.emit("still-here"))["ok"]
    await jun.inbox.get("still-here")
    assert jun.inbox.heard == []


async def test_arguments_nested_too_deeply_are_refused(apps: list[App]) -> None:
    deep: list[Any] = []
    for _ in range(20):
        deep = [deep]
    assert (await apps[0].emit("deep", deep))["error"]["code"] == "event_refused"


async def test_too_many_events_are_refused(apps: list[App]) -> None:
    said = await asyncio.gather(*(apps[0].emit("tick", n) for n in range(30)))
    assert [one["ok"] for one in said] == [True] * 20 + [False] * 10
    assert said[-1]["error"]["code"] == "rate_limited"


async def test_who_has_no_seat_neither_sends_nor_hears(site: Site, apps: list[App]) -> None:
    stranger = App()
    await stranger.connect(site, Identity("u_stranger"))
    assert (await stranger.emit("hello"))["error"]["code"] == "not_present"
    assert (await apps[0].emit("secret"))["ok"]
    await apps[1].inbox.get("secret")
    assert stranger.inbox.heard == []
    await stranger.socket.disconnect()


async def test_another_room_hears_nothing(site: Site, apps: list[App]) -> None:
    made = await site.app.state.rooms.create(SORA, "Elsewhere", listed=False)
    elsewhere = App()
    await elsewhere.connect(site, SORA, made.slug)
    assert (await elsewhere.emit("hello"))["error"]["code"] == "not_present"
    assert (await apps[0].emit("here"))["ok"]
    await apps[2].inbox.get("here")
    assert elsewhere.inbox.heard == []
    await elsewhere.socket.disconnect()


async def test_an_unknown_room_is_refused(site: Site) -> None:
    app = App()
    with pytest.raises(socketio.exceptions.ConnectionError):
        await app.connect(site, MINA, "no-such-room")

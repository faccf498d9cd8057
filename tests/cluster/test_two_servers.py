"""People of one room on two servers notice nothing of it."""

import asyncio
import time
from typing import Any

import aiohttp
import pytest

from moim.meeting.ids import Identity
from tests.cluster.conftest import GRACE_S, JUN, MINA, SORA, Pair
from tests.redis_server import RedisServer
from tests.signalling.server import SocketIoClient
from tests.waiting import until

pytestmark = pytest.mark.processes

TAIL_S = 3
"""The journal is read once a second; the rest is a busy machine."""


async def test_what_happens_on_one_server_is_seen_on_the_other(pair: Pair) -> None:
    mina, _ = await pair.seated(0, MINA)
    jun, joined = await pair.seated(1, JUN, "socketio-websocket")
    assert [one["identity"] for one in joined["snapshot"]["participants"]] == [MINA, JUN]
    assert (await mina.inbox.get("participant.joined"))["payload"]["identity"] == JUN
    said = await mina.ask("chat.send", {"text": "안녕"})
    heard = await jun.inbox.get("chat.sent")
    assert (heard["seq"], heard["payload"]["text"]) == (said["seq"], "안녕")
    said = await jun.ask("chat.send", {"text": "hello"})
    heard = await mina.inbox.get("chat.sent", lambda body: body["actor"] == JUN)
    assert (heard["seq"], heard["prev"]) == (said["seq"], said["seq"] - 1)


async def test_signals_and_what_passes_by_cross_over(pair: Pair) -> None:
    mina, joined = await pair.seated(0, MINA)
    jun, _ = await pair.seated(1, JUN)
    sora, _ = await pair.seated(1, SORA)
    await mina.inbox.get("participant.joined", lambda body: body["payload"]["identity"] == SORA)
    epoch = joined["snapshot"]["meeting"]["epoch"]
    signal = {"to": JUN, "epoch": epoch, "n": 0, "kind": "candidate", "data": {"a": 1}}
    assert (await mina.ask("signal.send", signal))["ok"]
    assert (await jun.inbox.get("signal"))["from"] == MINA
    assert (await mina.ask("typing.set", {"typing": True}))["ok"]
    assert (await sora.inbox.get("typing"))["payload"] == {"typing": True}
    assert not [name for name, _ in sora.inbox.heard if name == "signal"]


async def test_a_second_tab_on_another_server_asks_before_it_takes_the_seat(pair: Pair) -> None:
    first, _ = await pair.seated(0, MINA)
    _, refused = await pair.seated(1, MINA, tab="another-tab")
    assert refused["error"]["code"] == "seat_taken"
    _, taken = await pair.seated(1, MINA, tab="another-tab", take_over=True)
    assert taken["ok"]
    assert (await first.inbox.get("goodbye"))["code"] == "seat_moved"


async def test_who_comes_back_by_another_server_has_the_same_seat(pair: Pair) -> None:
    mina, joined = await pair.seated(0, MINA)
    jun, _ = await pair.seated(0, JUN)
    await mina.ask("track.publish", {"source": "microphone", "muted": True})
    await mina.close()
    back, again = await pair.seated(1, MINA, sid=joined["sid"])
    assert again["sid"] == joined["sid"]
    await asyncio.sleep(GRACE_S + 1.5)  # the grace of the server that was left is over
    [seat] = [one for one in again["snapshot"]["participants"] if one["identity"] == MINA]
    assert seat["tracks"]["microphone"]["muted"] is True
    assert (await back.ask("chat.send", {"text": "still here"}, "back-1"))["ok"]
    assert (await jun.inbox.get("chat.sent"))["payload"]["text"] == "still here"
    assert not [name for name, _ in jun.inbox.heard if name == "participant.left"]


async def test_without_redis_the_journal_is_read_once_a_second(
    pair: Pair, redis_server: RedisServer
) -> None:
    mina, _ = await pair.seated(0, MINA)
    jun, _ = await pair.seated(1, JUN)
    redis_server.stop()
    try:
        for n in range(3):
            began = time.monotonic()
            assert (await mina.ask("chat.send", {"text": f"no news {n}"}))["ok"]
            heard = await jun.inbox.get("chat.sent")
            assert heard["payload"]["text"] == f"no news {n}"
            assert time.monotonic() - began < TAIL_S
    finally:
        redis_server.start()
    for n in range(100):  # it may take some of these until both listen again
        await mina.ask("typing.set", {"typing": n % 2 == 0})
        if any(name == "typing" for name, _ in jun.inbox.heard):
            break
        await asyncio.sleep(0.1)
    assert any(name == "typing" for name, _ in jun.inbox.heard)


async def test_events_of_mini_apps_cross_over_with_their_binary_parts(pair: Pair) -> None:
    await pair.seated(0, MINA)
    await pair.seated(1, JUN)
    await pair.seated(1, SORA)
    apps = []
    for server, who in ((0, MINA), (1, JUN), (1, SORA)):
        app = AppClient()
        await app.connect(pair, server, who)
        pair.stack.push_async_callback(app.close)
        apps.append(app)
    mina, jun, sora_app = apps
    for _ in range(50):  # until the adapter listens
        await mina.socket.call("hello", {"n": 1}, namespace="/apps")
        if jun.heard and sora_app.heard:
            break
        await asyncio.sleep(0.1)
    assert jun.heard[0] == ("hello", ({"from": MINA}, {"n": 1}))
    asked = ({"$to": [JUN]}, b"\x00\x01", 7)
    assert (await mina.socket.call("move", asked, namespace="/apps"))["ok"]
    assert await jun.said("move") == ({"from": MINA}, b"\x00\x01", 7)
    assert (await mina.socket.call("end", "all", namespace="/apps"))["ok"]
    assert await sora_app.said("end") == ({"from": MINA}, "all")
    assert "move" not in dict(sora_app.heard)


class AppClient(SocketIoClient):
    """Somebody in the namespace of mini-apps."""

    def __init__(self) -> None:
        super().__init__("websocket")
        self.heard: list[tuple[str, tuple[Any, ...]]] = []
        self.socket.on("*", self._hear, namespace="/apps")

    async def _hear(self, name: str, *arguments: Any) -> None:
        self.heard.append((name, arguments))

    async def said(self, name: str) -> tuple[Any, ...]:
        await until(lambda: name in dict(self.heard), name)
        return dict(self.heard)[name]

    async def connect(self, pair: Pair, server: int, who: Identity) -> None:  # type: ignore[override]
        await self.socket.connect(
            pair.bases[server],
            auth={"room": pair.slug, "token": pair.identities.token(who)},
            namespaces=["/apps"],
            transports=["websocket"],
        )


@pytest.mark.parametrize("first", ["POST", "GET"])
async def test_a_misled_long_poll_ends_with_one_clear_refusal(pair: Pair, first: str) -> None:
    await until(lambda: all(_others(app) for app in pair.apps), "they know of each other")
    where = "/socket.io/?EIO=4&transport=polling"
    async with aiohttp.ClientSession() as http:
        opened = await (await http.get(pair.bases[0] + where)).text()
        sid = opened.split('"sid":"')[1].split('"')[0]
        session = f"{where}&sid={sid}"
        if first == "POST":
            posted = await http.post(pair.bases[1] + session, data='40{"room":"x"}')
            assert (posted.status, await posted.text()) == (200, "ok")
            polled = await http.get(pair.bases[0] + session)
        else:
            polled = await http.get(pair.bases[1] + session)
        refusal, *end = (await polled.text()).split("\x1e")
    assert refusal.startswith("44{")
    assert "sticky" in refusal
    assert '"code": "proxy_not_sticky"' in refusal
    assert "1" in end


def _others(app: Any) -> frozenset[str]:
    found: frozenset[str] = app.state.cluster.neighbourhood.others
    return found


async def test_with_sticky_sessions_polling_works_on_each_server(pair: Pair) -> None:
    mina, _ = await pair.seated(0, MINA, "socketio-polling")
    jun, _ = await pair.seated(1, JUN, "socketio-polling")
    await jun.ask("chat.send", {"text": "by polls"})
    assert (await mina.inbox.get("chat.sent"))["payload"]["text"] == "by polls"

import asyncio
import base64
import hashlib
import json
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest
from aiohttp import web
from livekit import api
from livekit.protocol.models import Room
from livekit.protocol.webhook import WebhookEvent

from moim.sfu import webhooks
from moim.sfu.config import Webhook
from moim.sfu.tokens import Keys
from moim.sfu.webhooks import Webhooks

pytestmark = pytest.mark.filterwarnings("ignore::jwt.InsecureKeyLengthWarning")


@dataclass
class Listener:
    """A back end that keeps what it is sent, and refuses as often as it is told to."""

    url: str = ""
    refusals: int = 0
    requests: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    came: asyncio.Event = field(default_factory=asyncio.Event)

    async def handle(self, request: web.Request) -> web.Response:
        self.requests.append((dict(request.headers), await request.read()))
        self.came.set()
        if self.refusals:
            self.refusals -= 1
            return web.Response(status=503)
        return web.Response()

    async def wait_for(self, number: int) -> None:
        async with asyncio.timeout(20):
            while len(self.requests) < number:
                self.came.clear()
                await self.came.wait()

    def events(self) -> list[str]:
        return [json.loads(body)["event"] for _, body in self.requests]


@pytest.fixture
async def listener() -> AsyncIterator[Listener]:
    there = Listener()
    app = web.Application()
    app.router.add_post("/hook", there.handle)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    there.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
    yield there
    await runner.cleanup()


@pytest.fixture
async def hooks(listener: Listener, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Webhooks]:
    monkeypatch.setattr(webhooks, "PAUSES_S", (0.01, 0.01))
    config = Webhook(api_key="devkey", urls=(listener.url,))
    made = Webhooks(config, Keys({"devkey": "secret"}, time.time))
    yield made
    await made.close()


def event(name: str, room: str = "RM_1") -> WebhookEvent:
    return WebhookEvent(event=name, id=f"EV_{name}", room=Room(sid=room, name="room"))


async def test_an_event_is_signed_as_livekits_own_library_expects(
    listener: Listener, hooks: Webhooks
) -> None:
    hooks.tell(event("room_started"))
    await listener.wait_for(1)
    headers, body = listener.requests[0]
    assert headers["Content-Type"] == "application/webhook+json"
    assert not headers["Authorization"].startswith("Bearer")
    receiver = api.WebhookReceiver(api.TokenVerifier("devkey", "secret"))
    received = receiver.receive(body.decode(), headers["Authorization"])
    assert (received.event, received.room.name) == ("room_started", "room")
    claims = api.TokenVerifier("devkey", "secret").verify(headers["Authorization"])
    assert claims.sha256 == base64.b64encode(hashlib.sha256(body).digest()).decode()


async def test_a_refused_event_comes_again_before_the_next_of_its_room(
    listener: Listener, hooks: Webhooks
) -> None:
    listener.refusals = 2
    hooks.tell(event("first"))
    hooks.tell(event("second"))
    await listener.wait_for(4)
    assert listener.events() == ["first", "first", "first", "second"]


async def test_rooms_do_not_wait_for_each_other(listener: Listener, hooks: Webhooks) -> None:
    for room in ("RM_1", "RM_2"):
        hooks.tell(event("room_started", room))
    await listener.wait_for(2)
    assert len(listener.requests) == 2


async def test_an_event_that_never_arrives_is_counted_in_the_next(
    listener: Listener, hooks: Webhooks
) -> None:
    listener.refusals = 3
    hooks.tell(event("lost"))
    hooks.tell(event("next"))
    await listener.wait_for(4)
    assert listener.events()[-1] == "next"
    assert json.loads(listener.requests[-1][1])["numDropped"] == 1


async def test_a_queue_is_bounded(
    listener: Listener, hooks: Webhooks, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhooks, "MOST_QUEUED", 3)
    for number in range(10):
        hooks.tell(event(f"e{number}"))
    await listener.wait_for(3)
    assert listener.events() == ["e0", "e1", "e2"]


async def test_nobody_is_told_where_no_address_is_configured() -> None:
    made = Webhooks(Webhook(), Keys({}, time.time))
    made.tell(event("room_started"))
    await made.close()

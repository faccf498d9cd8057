"""What one participant, one address and one connection may ask of the server: each is a setting."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from engineio.async_socket import AsyncSocket
from engineio.packet import MESSAGE, Packet

from moim.limits import door_limits, engine_limits
from moim.live.outgoing import Outgoing
from moim.signalling.engine import Engine, Line
from moim.signalling.queues import QueueBounds
from moim.signalling.rates import KEYS_HELD, Bucket, Buckets, Rate
from moim.signalling.websocket import WebSocketOutlet
from tests.signalling.conftest import JUN, MINA, opened, quick
from tests.signalling.server import DEADLINE_S, DOORS, Client, RefusedConnection

SLOWLY = 0.001
"""A second: no machine is slow enough to get another command in a test."""


async def raise_hands(client: Client, times: int) -> list[str | None]:
    """The codes of the refusals, in order; None where it was done."""
    said = [await client.ask("hand.raise", {}) for _ in range(times)]
    return [None if one["ok"] else one["error"]["code"] for one in said]


@pytest.mark.parametrize("door", list(DOORS))
async def test_who_comes_back_finds_the_allowance_as_it_was(tmp_path: Path, door: str) -> None:
    settings = quick(tmp_path, commands_burst=4, commands_per_s=SLOWLY)
    async with opened(settings, DOORS[door]) as site:
        jun, _ = await site.seated(JUN)
        assert await raise_hands(jun, 2) == [None, None]
        await jun.close()
        again = await site.connect(JUN)
        codes = await raise_hands(again, 2)
        assert [code == "rate_limited" for code in codes] == [False, True]
        mina, _ = await site.seated(MINA)
        assert await raise_hands(mina, 1) == [None]


async def test_all_of_one_address_share_an_allowance(tmp_path: Path) -> None:
    settings = quick(tmp_path, address_commands_burst=4, address_commands_per_s=SLOWLY)
    async with opened(settings, DOORS["plain-websocket"]) as site:
        mina, _ = await site.seated(MINA)
        jun, _ = await site.seated(JUN)
        assert await raise_hands(jun, 1) == [None]
        assert await raise_hands(mina, 2) == [None, "rate_limited"]
        assert await raise_hands(jun, 1) == ["rate_limited"]
        assert (await jun.ask("speaking.set", {"speaking": True}))["ok"]


async def test_one_participant_has_a_limited_number_of_connections(tmp_path: Path) -> None:
    settings = quick(tmp_path, connections_per_participant=2)
    async with opened(settings, DOORS["socketio-websocket"]) as site:
        first, _ = await site.connect(MINA), await site.connect(MINA)
        with pytest.raises(RefusedConnection, match="rate_limited"):
            await site.connect(MINA)
        await site.seated(JUN)
        await first.close()
        async with asyncio.timeout(DEADLINE_S):
            while True:
                try:
                    await site.connect(MINA)
                    break
                except RefusedConnection:
                    await asyncio.sleep(0.01)


def test_a_bucket_outlasts_what_it_was_made_for_and_an_attack_makes_only_so_many() -> None:
    buckets = Buckets(Rate(per_s=1, burst=1), lambda: 0.0)
    assert buckets.of("u_jun").take()
    assert not buckets.of("u_jun").take()
    for number in range(2 * KEYS_HELD):
        buckets.of(f"u_{number}")
        buckets.of("u_jun")
    assert not buckets.of("u_jun").take()
    assert len(buckets._buckets) == KEYS_HELD
    assert isinstance(buckets.of("u_0"), Bucket)


def said(size: int) -> Outgoing:
    return Outgoing("said", "x" * size)


@pytest.mark.parametrize(
    ("bounds", "size"), [({"queue_max_messages": 3}, 1), ({"queue_max_bytes": 3000}, 1000)]
)
async def test_so_much_waits_for_a_slow_reader_and_no_more(
    tmp_path: Path, bounds: dict[str, Any], size: int
) -> None:
    settings = quick(tmp_path, **bounds)
    engine = Engine(engine_limits(settings))
    engine._lines["slow"] = Line(AsyncSocket(engine.server.eio, "slow"))
    packets = [Packet(MESSAGE, "x" * size)]
    assert [engine.push("slow", packets) for _ in range(4)] == [True, True, True, False]
    await engine.stop()
    outlet = WebSocketOutlet(None, door_limits(settings).queue)
    closed = []
    for _ in range(5):
        outlet.send(said(size))
        closed.append(outlet._close_code is not None)
    assert closed[0] is False
    assert closed[-1] is True


async def test_one_message_that_is_larger_than_the_queue_waits_all_the_same() -> None:
    outlet = WebSocketOutlet(None, QueueBounds(messages=3, bytes=10))
    outlet.send(said(1000))
    assert outlet._close_code is None
    outlet.send(said(1))
    assert outlet._close_code is not None

"""Whoever breaks the protocol harms their own connection and nobody else's."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from socket import SO_RCVBUF, SOL_SOCKET
from typing import Any

import pytest
import websockets
from websockets.asyncio.client import ClientConnection

from moim.app import create_app
from moim.signalling import strict_json
from tests.signalling.conftest import JUN, MINA, Site, opened, quick
from tests.signalling.server import DOORS, RefusedConnection, serving


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    """Mina is a well-behaved client over Socket.IO."""
    settings = quick(tmp_path, connections_per_address=6)
    async with opened(settings, DOORS["socketio-websocket"]) as one:
        yield one


async def engine_socket(site: Site) -> ClientConnection:
    """A raw Engine.IO WebSocket that has joined as Jun."""
    base = site.base.replace("http", "ws")
    address = f"{base}/socket.io/?EIO=4&transport=websocket"
    socket = await websockets.connect(address, compression=None)
    await socket.recv()
    auth = {"room": site.slug, "token": site.identities.token(JUN)}
    await socket.send("40" + json.dumps(auth))
    assert str(await socket.recv()).startswith("40")
    assert str(await socket.recv()).startswith('42["hello"')
    await socket.send('421["participant.join",{"id":"j","name":"Jun","tab":"tab-of-jun"}]')
    while not str(await socket.recv()).startswith("431"):
        pass
    return socket


NO_PACKETS: list[Any] = ["", "x", "9", "4", "4[1]", "4" + "[" * 9999, "b4", "0{}", b"", "2x", "한"]
NO_EVENTS = [
    '42{"not":"a list"}',
    "42[]",
    "42",
    '42["chat.send",{"id":"x","text":NaN}]',
    '42["x",1e999]',
    '42["x","\\ud800"]',
    "42" + "[" * 50_000,
    '45999-["x"]',
    '450-["x"]',
    "43[1]",
    '44{"message":"x"}',
    "40",
    "47",
]


async def test_frames_that_are_no_packets_end_the_socket(site: Site) -> None:
    mina, _ = await site.seated(MINA)
    for frame in NO_PACKETS:
        socket = await engine_socket(site)
        await socket.send(frame)
        await asyncio.wait_for(socket.wait_closed(), 3)
    assert (await mina.ask("chat.send", {"text": "fine"}))["ok"]


async def test_packets_that_are_no_events_are_passed_over(site: Site) -> None:
    mina, _ = await site.seated(MINA)
    socket = await engine_socket(site)
    for number, frame in enumerate(NO_EVENTS):
        await socket.send(frame)
        await socket.send(f'42["chat.send",{{"id":"after-{number}","text":"still here"}}]')
        assert (await mina.inbox.get("chat.sent"))["command_id"] == f"after-{number}"
    await socket.close()


async def test_an_event_with_a_reserved_name_is_refused(site: Site) -> None:
    await site.seated(MINA)
    socket = await engine_socket(site)
    names: list[Any] = ["connect", "disconnect", "*", 7, None, ["chat.send"], {}]
    for name in names:
        await socket.send("427" + json.dumps([name, {"id": "x"}]))
        while not (said := str(await socket.recv())).startswith("437"):
            pass
        assert json.loads(said[3:])[0]["error"]["code"] == "event_refused"
    await socket.close()


async def test_what_would_end_others_connections_is_not_relayed(site: Site) -> None:
    mina, said = await site.seated(MINA)
    socket = await engine_socket(site)
    epoch = said["snapshot"]["epoch"]
    head = f'"to":"{MINA}","epoch":{epoch},"n":1,"kind":"candidate","data"'
    for bad in ("NaN", "1e999", "-Infinity", '"\\udfff"', '{"\\ud800":1}'):
        await socket.send(f'42["signal.send",{{"id":"x",{head}:{{"candidate":{bad}}}}}]')
    await socket.send(f'42["signal.send",{{"id":"x",{head}:{{"candidate":"fine"}}}}]')
    heard = await mina.inbox.get("signal")
    assert heard["payload"]["data"] == {"candidate": "fine"}
    await socket.close()


async def test_a_second_connect_on_one_socket_takes_no_second_seat(site: Site) -> None:
    socket = await engine_socket(site)
    auth = {"room": site.slug, "token": site.identities.token(JUN)}
    await socket.send("40" + json.dumps(auth))
    assert str(await socket.recv()).startswith("44")
    await socket.close()


async def test_who_does_not_read_is_closed_and_keeps_nobody_waiting(site: Site) -> None:
    mina, said = await site.seated(MINA)
    socket = await engine_socket(site)
    epoch = said["snapshot"]["epoch"]
    signal = {"to": JUN, "epoch": epoch, "n": 1, "kind": "description"}
    # some systems would take tens of megabytes for it
    tcp = socket.transport.get_extra_info("socket")
    tcp.setsockopt(SOL_SOCKET, SO_RCVBUF, 64 * 1024)
    socket.transport.pause_reading()
    for _ in range(300):
        assert (await mina.ask("signal.send", {**signal, "data": {"sdp": "x" * 100_000}}))["ok"]
    # the seat is nobody's at this moment: another page of Jun's need not take it over
    another = await site.connect(JUN)
    join = {"name": "Jun", "tab": "another-tab"}
    said = await another.ask("participant.join", join)
    assert said["ok"], said
    socket.transport.abort()


async def test_one_address_has_a_limited_number_of_connections(site: Site) -> None:
    for _ in range(6):
        await site.connect(MINA)
    with pytest.raises(RefusedConnection) as refused:
        await site.connect(JUN, "plain-websocket")
    assert refused.value.code == "rate_limited"
    await site.clients[0].close()
    async with asyncio.timeout(3):
        while True:
            try:
                await site.connect(JUN)
                break
            except RefusedConnection:
                await asyncio.sleep(0.01)


async def test_text_that_is_no_command_gets_one_answer_on_the_plain_socket(site: Site) -> None:
    address = site.base.replace("http", "ws") + f"/ws?room={site.slug}"
    headers = {"Authorization": f"Bearer {site.identities.token(JUN)}"}
    async with websockets.connect(address, additional_headers=headers) as socket:
        await socket.recv()
        for text in ("{", '"text"', "[1]", '{"id":1}', '{"command":1}', "NaN", "", b"bytes"):
            await socket.send(text)
            assert json.loads(await socket.recv())["ok"] is False
        await socket.send('{"id":"c1","command":"hand.raise"}')
        assert json.loads(await socket.recv())["ack"] == "c1"


@pytest.mark.parametrize("text", ["NaN", "[Infinity]", "-1e400", '"\\ud800"', "[" * 100_000])
def test_json_that_others_could_not_read_is_not_json(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        strict_json.loads(text)


def test_pairs_of_surrogates_are_characters() -> None:
    assert strict_json.loads('"\\ud83d\\ude00"') == "\U0001f600"


@pytest.mark.parametrize(
    ("value", "depth"), [(1, 0), ([], 1), ({"a": []}, 2), ([[[1]]], 3), ({"a": {"b": {}}}, 3)]
)
def test_depth_counts_lists_and_objects(value: object, depth: int) -> None:
    assert strict_json.depth_within(value, depth)
    assert depth == 0 or not strict_json.depth_within(value, depth - 1)


@pytest.mark.parametrize(
    ("body", "refused"),
    [
        (b"Content-Length: 1000\r\n\r\n40", b" 408 "),
        (b"Transfer-Encoding: chunked\r\n\r\n" + b"100000\r\n%b\r\n" % bytes(2**20), b" 413 "),
    ],
    ids=["slow", "endless"],
)
async def test_a_poll_whose_body_does_not_end_is_not_waited_for(
    tmp_path: Path, body: bytes, refused: bytes
) -> None:
    async with serving(create_app(quick(tmp_path, poll_timeout_s=0.3))) as base:
        port = int(base.rpartition(":")[2])
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        head = "POST /socket.io/?EIO=4&transport=polling&sid=x HTTP/1.1\r\nHost: a\r\n"
        writer.write(head.encode() + body)
        async with asyncio.timeout(5):
            assert refused in await reader.readuntil(b"\r\n")
        writer.close()

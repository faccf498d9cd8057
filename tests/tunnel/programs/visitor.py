"""A visitor of a tunnel: reads a page, holds a WebSocket and a Socket.IO connection, and says so.

    python visitor.py ADDRESS PORT HOST ROOM

Everything that happens is a line of JSON: `{"page": 200}`, `{"ws": "hello"}`, `{"sio": "hello"}`,
`{"ws": "closed"}`, `{"sio": "closed"}`, and `{"ice": …}`, what a seat gets. Each line on standard
input is another look at the page.
"""

import asyncio
import json
import sys
from typing import Any

import aiohttp
import httpx
import socketio
import websockets
from aiohttp.abc import AbstractResolver, ResolveResult


def say(**event: Any) -> None:
    sys.stdout.write(json.dumps(event) + "\n")
    sys.stdout.flush()


class Only(AbstractResolver):
    """Every name is one machine."""

    def __init__(self, address: str) -> None:
        self._address = address

    async def resolve(self, host: str, port: int = 0, family: Any = 0) -> list[ResolveResult]:
        return [
            ResolveResult(
                hostname=host, host=self._address, port=port, family=family, proto=0, flags=0
            )
        ]

    async def close(self) -> None:
        """Nothing is held."""


async def page(web: httpx.AsyncClient, host: str, room: str) -> httpx.Response:
    answer = await web.get(f"/r/{room}", headers={"host": host})
    say(page=answer.status_code)
    return answer


async def hold_websocket(address: str, port: int, host: str, room: str, cookie: str) -> None:
    async with websockets.connect(
        f"ws://{host}/ws?room={room}",
        host=address,
        port=port,
        proxy=None,
        origin=websockets.Origin(f"http://{host}"),
        additional_headers={"Cookie": cookie},
    ) as wire:
        join = {"name": "Mina", "tab": "tab-of-mina"}
        await wire.send(json.dumps({"id": "j", "command": "participant.join", "data": join}))
        try:
            async for message in wire:
                heard = json.loads(message)
                if heard.get("event") == "hello":
                    say(ws="hello")
                if heard.get("ack") == "j":
                    say(ice=heard.get("ice"))
        except websockets.ConnectionClosed:
            pass
    say(ws="closed")


async def hold_socketio(address: str, _port: int, host: str, room: str, cookie: str) -> None:
    connector = aiohttp.TCPConnector(resolver=Only(address))
    async with aiohttp.ClientSession(connector=connector) as session:
        client = socketio.AsyncClient(reconnection=False, http_session=session)
        client.on("hello", lambda _: say(sio="hello"))
        await client.connect(
            f"http://{host}",
            headers={"Origin": f"http://{host}", "Cookie": cookie},
            auth={"room": room},
            transports=["websocket"],
        )
        await client.wait()
        say(sio="closed")


async def main(address: str, port: int, host: str, room: str) -> None:
    async with httpx.AsyncClient(base_url=f"http://{address}:{port}", timeout=30) as web:
        first = await page(web, host, room)
        cookie = first.headers["set-cookie"].partition(";")[0]
        held = [
            asyncio.create_task(hold(address, port, host, room, cookie))
            for hold in (hold_websocket, hold_socketio)
        ]
        while await asyncio.to_thread(sys.stdin.readline):
            await page(web, host, room)
        await asyncio.wait(held, timeout=1)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4]))

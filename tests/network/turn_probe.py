"""Runs inside the network namespace of a TURN server: tries to reach what it must not relay to.

    python -m tests.network.turn_probe SECRET [ADDRESS ...]        prints one JSON object

Every address of `special_addresses` that can be had is put on the loopback interface, and a socket
that takes everything waits there. Each one is then asked for by CreatePermission, ChannelBind, a
Send indication and channel data, whatever the server answered before.
"""

import asyncio
import json
import socket
import subprocess
import sys
import time
from contextlib import ExitStack, suppress
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any

from moim.media.stun_message import Address
from moim.media.turn import turn_credential
from moim.media.turn.client import TurnClient, TurnRefused, TurnSilent, connect
from tests.network.special_addresses import Target, targets

SERVER4, SERVER6 = "11.22.33.1", "2a00:1234::1"
FRIEND4, FRIEND6 = "11.22.33.9", "2a00:1234::9"
PORT = 3478
SINK_PORT = 9999
DEADLINE_S = 20
FIRST_CHANNEL, LAST_CHANNEL = 0x4000, 0x4FFE
SETTLE_S = 0.2


class Sinks:
    """Sockets on every address; each datagram's text says whom it was sent to, and how."""

    def __init__(self, stack: ExitStack) -> None:
        self.heard: set[str] = set()
        self.news = asyncio.Event()
        self._sockets = [
            self._open(stack, socket.AF_INET, "0.0.0.0"),
            self._open(stack, socket.AF_INET6, "::"),
        ]

    def _open(self, stack: ExitStack, family: int, host: str) -> socket.socket:
        sink = stack.enter_context(socket.socket(family, socket.SOCK_DGRAM))
        if family == socket.AF_INET6:
            sink.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sink.setblocking(False)
        sink.bind((host, SINK_PORT))
        loop = asyncio.get_running_loop()
        loop.add_reader(sink, self._read, sink)
        stack.callback(loop.remove_reader, sink)
        return sink

    def _read(self, sink: socket.socket) -> None:
        self.heard.add(sink.recv(2048).decode())
        self.news.set()

    async def hears(self, *texts: str) -> bool:
        with suppress(TimeoutError):
            async with asyncio.timeout(DEADLINE_S):
                while not self.heard.issuperset(texts):
                    self.news.clear()
                    await self.news.wait()
        return self.heard.issuperset(texts)


def put(address: IPv4Address | IPv6Address) -> bool:
    """Give the machine an address; groups, broadcast and 0/8 cannot be had."""
    size = 32 if address.version == 4 else 128
    command = ["ip", "addr", "add", f"{address}/{size}", "dev", "lo"]
    if address.version == 6:
        command.append("nodad")
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


async def refused(asking: object) -> int:
    """The code that a request was refused with; 0 when it was granted."""
    try:
        await asking  # type: ignore[misc]
    except TurnRefused as error:
        return error.code
    return 0


async def attempt(client: TurnClient, target: Target, channel: int) -> dict[str, int]:
    """Ask in both ways, and send in both ways whatever was said."""
    address = Address(target.address, SINK_PORT)
    said = {"bind": await refused(client.bind(channel, address))}
    client.send_channel(channel, f"{target.address} by channel".encode())
    said["permit"] = await refused(client.permit(target.address))
    client.send(address, f"{target.address} by send".encode())
    return said


async def main() -> None:
    secret, *chosen = sys.argv[1:]
    wanted = [target for target in targets() if not chosen or str(target.address) in chosen]
    had = {str(target.address) for target in wanted if put(target.address)}
    for friend in (FRIEND4, FRIEND6):
        assert put(ip_address(friend)), friend
    answers: dict[str, dict[str, Any]] = {}
    with ExitStack() as stack:
        sinks = Sinks(stack)
        for version, server, friend in ((4, SERVER4, FRIEND4), (6, SERVER6, FRIEND6)):
            credential = turn_credential(secret, "u_probe", int(time.time()) + 600)
            async with connect(server, PORT, "udp", credential) as client:
                allocation = await client.allocate(4 if version == 4 else 6)
                channels = iter(range(FIRST_CHANNEL, LAST_CHANNEL))
                for target in wanted:
                    if chosen and target.address.version != version:
                        continue
                    said = await attempt(client, target, next(channels))
                    if target.address.version == version:
                        answers[str(target.address)] = {**said, "what": target.what}
                    else:
                        answers.setdefault(f"{target.address} from IPv{version}", said)
                # Whatever was relayed of the above has been sent before this is.
                allowed = Target(ip_address(friend), "allowed")
                granted = await attempt(client, allowed, LAST_CHANNEL)
                answers[f"friend {version}"] = {
                    **granted,
                    "heard": granted == {"bind": 0, "permit": 0}
                    and await sinks.hears(f"{friend} by send", f"{friend} by channel"),
                    "relayed": str(allocation.relayed.ip),
                }
                await asyncio.sleep(SETTLE_S)
    found = {"answers": answers, "heard": sorted(sinks.heard), "had": sorted(had)}
    sys.stdout.write(json.dumps(found))


if __name__ == "__main__":
    try:
        asyncio.run(main())
    except TurnSilent:
        sys.exit("the TURN server does not answer")

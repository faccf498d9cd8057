"""The router in front of this machine, and the STUN servers that browsers are told of.

One UDP socket asks all of them. What each one sees says whether the router keeps one public
address for a port (direct calls work) or makes a new one for everybody (a relay is needed).

Source: RFC 5780 section 4.3 (mapping behaviour by two Binding requests), RFC 4787 section 4.1.
"""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any, Final, NamedTuple

from moim.doctor.finding import BAD, NOTE, OK, Finding
from moim.doctor.relay import place_of
from moim.listening import ListenError, listen_udp
from moim.media.stun_message import (
    BINDING_REQUEST,
    OTHER_ADDRESS,
    XOR_MAPPED_ADDRESS,
    Address,
    Malformed,
    Message,
    encode,
    new_transaction_id,
    parse,
)
from moim.settings import Settings, variable_of

PATIENCE_S: Final = 3
AGAIN_S: Final = 0.5


class Seen(NamedTuple):
    """What one STUN server said: our public address, and its own second one where it has any."""

    mapped: Address
    other: Address | None


async def examine(settings: Settings) -> AsyncIterator[Finding]:
    """Ask the configured STUN servers; the TURN server's own STUN counts among them."""
    if settings.stun and settings.stun_second_port:
        yield await second_port(settings.stun_second_port)
    servers = _servers(settings)
    if servers:
        async for finding in network(servers):
            yield finding


def _servers(settings: Settings) -> list[tuple[str, int]]:
    found = []
    for url in settings.stun_urls:
        if url.startswith("stun:"):
            host, port, _ = place_of(f"turn:{url.removeprefix('stun:')}")
            found.append((host, port))
    for url in settings.turn_urls:
        host, port, transport = place_of(url)
        if transport == "udp":
            found.append((host, port))
    return list(dict.fromkeys(found))


async def network(servers: list[tuple[str, int]]) -> AsyncIterator[Finding]:
    """Say what the servers see of us, and which of them are silent."""
    loop = asyncio.get_running_loop()
    transport, asking = await loop.create_datagram_endpoint(
        Asking,
        local_addr=("0.0.0.0", 0),  # noqa: S104 - whichever way leads there
        family=socket.AF_INET,
    )
    try:
        seen: dict[tuple[str, int], Seen] = {}
        for server in servers:
            found = await asking.ask(server)
            if found is None:
                yield Finding(
                    BAD,
                    "STUN",
                    f"{server[0]} does not answer on UDP port {server[1]}: let firewalls pass it, "
                    f"or take it out of {variable_of('stun_urls')}.",
                )
                continue
            seen[server] = found
            if len(servers) == 1 and found.other is not None:
                other = (str(found.other.ip), found.other.port)
                if (second := await asking.ask(other)) is not None:
                    seen[other] = second
        if seen:
            local = transport.get_extra_info("sockname")[1]
            yield judged([one.mapped for one in seen.values()], local)
    finally:
        transport.close()


def judged(mapped: list[Address], local_port: int) -> Finding:
    """Say in words what one port of ours looks like from outside."""
    first = f"{mapped[0].ip}:{mapped[0].port}"
    words = f"port {local_port} of this machine is {first} outside"
    if len(set(mapped)) > 1:
        second = next(one for one in mapped if one != mapped[0])
        return Finding(
            NOTE,
            "Network",
            f"{words}, and {second.ip}:{second.port} for another server: the router needs a relay "
            "for calls from here.",
        )
    if len(mapped) == 1:
        return Finding(
            OK, "Network", f"{words}; a second STUN server would show what kind of router it is"
        )
    return Finding(
        OK, "Network", f"{words}, for all servers: the router works well for direct calls"
    )


async def second_port(number: int) -> Finding:
    """Ask the second STUN port of a running moim, or see that it can be had."""
    loop = asyncio.get_running_loop()
    transport, asking = await loop.create_datagram_endpoint(
        Asking, local_addr=("127.0.0.1", 0), family=socket.AF_INET
    )
    try:
        if await asking.ask(("127.0.0.1", number)) is not None:
            return Finding(OK, "STUN second port", f"answers on UDP port {number}")
    finally:
        transport.close()
    try:
        for one in listen_udp("localhost", number):
            one.close()
    except ListenError as error:
        return Finding(BAD, "STUN second port", f"UDP: {error}")
    return Finding(OK, "STUN second port", f"UDP port {number} is free")


class Asking(asyncio.DatagramProtocol):
    """One socket that asks STUN servers, one after the other."""

    def __init__(self) -> None:
        self._transport: Any = None
        self._waiting: dict[bytes, asyncio.Future[Message]] = {}

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, _: tuple[Any, ...]) -> None:
        with suppress(Malformed):
            message = parse(data)
            waiting = self._waiting.get(message.transaction_id)
            if waiting is not None and not waiting.done():
                waiting.set_result(message)

    def error_received(self, exc: Exception) -> None:
        """Pass over a closed port: silence is the finding."""

    async def ask(self, server: tuple[str, int]) -> Seen | None:
        """What a server sees of this socket; None when it does not answer."""
        transaction_id = new_transaction_id()
        loop = asyncio.get_running_loop()
        reply = self._waiting[transaction_id] = loop.create_future()
        try:
            async with asyncio.timeout(PATIENCE_S):
                # A name is looked up once: the socket takes addresses alone.
                found = await loop.getaddrinfo(*server, family=socket.AF_INET)
                where = found[0][4][:2]
                while not reply.done():
                    self._transport.sendto(encode(BINDING_REQUEST, transaction_id), where)
                    await asyncio.wait((reply,), timeout=AGAIN_S)
            message = reply.result()
            mapped = message.address(XOR_MAPPED_ADDRESS)
            return None if mapped is None else Seen(mapped, message.plain_address(OTHER_ADDRESS))
        except (OSError, TimeoutError, Malformed):
            return None
        finally:
            self._waiting.pop(transaction_id, None)
            reply.cancel()

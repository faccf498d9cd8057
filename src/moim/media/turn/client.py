"""A TURN client, small: it asks for a relayed address and sends through it.

`moim doctor` uses it to find out whether a TURN server really relays. It sends each request again
on UDP as RFC 8489 section 6.2.1 says, so one lost packet is no finding.

Source: RFC 8656 (TURN): sections 7 (Allocate), 9 (permissions), 11 (Send and Data), 12 (channels).
"""

import asyncio
import contextlib
import ssl
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final, Literal

from moim.media.stun_message import (
    HEADER_BYTES,
    NONCE,
    REALM,
    USERNAME,
    XOR_MAPPED_ADDRESS,
    Address,
    IpAddress,
    Malformed,
    Message,
    attribute,
    encode,
    long_term_key,
    new_transaction_id,
    parse,
    with_integrity,
    xored,
)
from moim.media.turn.credentials import TurnCredential

ALLOCATE: Final = 0x0003
REFRESH: Final = 0x0004
CREATE_PERMISSION: Final = 0x0008
CHANNEL_BIND: Final = 0x0009
SEND_INDICATION: Final = 0x0016
DATA_INDICATION: Final = 0x0017
SUCCESS: Final = 0x0100
ERROR: Final = 0x0110

CHANNEL_NUMBER: Final = 0x000C
LIFETIME: Final = 0x000D
XOR_PEER_ADDRESS: Final = 0x0012
DATA: Final = 0x0013
XOR_RELAYED_ADDRESS: Final = 0x0016
REQUESTED_ADDRESS_FAMILY: Final = 0x0017
REQUESTED_TRANSPORT: Final = 0x0019
UDP: Final = bytes((17, 0, 0, 0))

UNAUTHORIZED: Final = 401
STALE_NONCE: Final = 438
FIRST_RETRY_S: Final = 0.5
MOST_SENT: Final = 5

Transport = Literal["udp", "tcp", "tls"]


class TurnRefused(Exception):
    """The server answered with an error."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(f"{code} {reason}".strip())
        self.code = code


class TurnSilent(Exception):
    """Nothing came back in time."""


@dataclass(frozen=True, slots=True)
class Allocation:
    """What the server gave: the address that others send to, and ours as the server sees it."""

    relayed: Address
    mapped: Address | None
    lifetime_s: int


class TurnClient:
    """One connection to a TURN server. Made by `connect`."""

    def __init__(self, credential: TurnCredential | None, *, resends: bool) -> None:
        self._credential = credential
        self._resends = resends
        self._waiting: dict[bytes, asyncio.Future[Message]] = {}
        self._realm = b""
        self._nonce = b""
        self._key = b""
        self.write: Any = None
        self.data: asyncio.Queue[tuple[Address, bytes]] = asyncio.Queue(maxsize=64)
        """What came through the relay, by whom."""

    async def allocate(self, family: Literal[4, 6] | None = None) -> Allocation:
        """Ask for a relayed address of UDP. Raises: TurnRefused, TurnSilent."""
        wanted = [attribute(REQUESTED_TRANSPORT, UDP)]
        if family is not None:
            code = bytes((1 if family == 4 else 2, 0, 0, 0))
            wanted.append(attribute(REQUESTED_ADDRESS_FAMILY, code))
        reply = await self.ask(ALLOCATE, *wanted)
        relayed = reply.address(XOR_RELAYED_ADDRESS)
        if relayed is None:
            raise TurnRefused(0, "the answer names no relayed address")
        lifetime = reply.first(LIFETIME)
        seconds = int.from_bytes(lifetime) if lifetime is not None else 0
        return Allocation(relayed, reply.address(XOR_MAPPED_ADDRESS), seconds)

    async def permit(self, ip: IpAddress) -> None:
        """Let an address send to us through the relay. Raises: TurnRefused, TurnSilent."""
        await self.ask(CREATE_PERMISSION, peer=Address(ip, 0))

    async def bind(self, channel: int, peer: Address) -> None:
        """Bind a channel number (0x4000 to 0x4FFF). Raises: TurnRefused, TurnSilent."""
        number = attribute(CHANNEL_NUMBER, struct.pack("!HH", channel, 0))
        await self.ask(CHANNEL_BIND, number, peer=peer)

    def send(self, peer: Address, payload: bytes) -> None:
        """Send through the relay; nothing says whether it was allowed."""
        transaction_id = new_transaction_id()
        to = attribute(XOR_PEER_ADDRESS, xored(peer.ip, peer.port, transaction_id))
        self.write(encode(SEND_INDICATION, transaction_id, to, attribute(DATA, payload)))

    def send_channel(self, channel: int, payload: bytes) -> None:
        """Send on a bound channel; padded as TCP needs it."""
        self.write(struct.pack("!HH", channel, len(payload)) + payload + bytes(-len(payload) % 4))

    async def release(self) -> None:
        """Give the relayed address back. Raises: TurnRefused, TurnSilent."""
        await self.ask(REFRESH, attribute(LIFETIME, bytes(4)))

    async def ask(self, kind: int, *attributes: bytes, peer: Address | None = None) -> Message:
        """Send a request and give its answer; signs it once the server has told its realm.

        Raises: TurnRefused, TurnSilent.
        """
        reply = await self._exchange(kind, attributes, peer)
        error = reply.error
        if error is not None and error[0] in (UNAUTHORIZED, STALE_NONCE) and self._learn(reply):
            reply = await self._exchange(kind, attributes, peer)
            error = reply.error
        if error is not None:
            raise TurnRefused(*error)
        return reply

    def _learn(self, reply: Message) -> bool:
        realm, nonce = reply.first(REALM), reply.first(NONCE)
        if self._credential is None or realm is None or nonce is None or nonce == self._nonce:
            return False
        self._realm, self._nonce = realm, nonce
        username, password = self._credential
        self._key = long_term_key(username, realm.decode("utf-8", "replace"), password)
        return True

    async def _exchange(
        self, kind: int, attributes: tuple[bytes, ...], peer: Address | None
    ) -> Message:
        # A new id each time: a late refusal of what was sent unsigned is no answer to this one.
        transaction_id = new_transaction_id()
        if peer is not None:
            hidden = xored(peer.ip, peer.port, transaction_id)
            attributes = (*attributes, attribute(XOR_PEER_ADDRESS, hidden))
        if self._credential is not None and self._key:
            signed = (
                *attributes,
                attribute(USERNAME, self._credential.username.encode()),
                attribute(REALM, self._realm),
                attribute(NONCE, self._nonce),
            )
            message = with_integrity(encode(kind, transaction_id, *signed), self._key)
        else:
            message = encode(kind, transaction_id, *attributes)
        answer = self._waiting[transaction_id] = asyncio.get_running_loop().create_future()
        wait_s = FIRST_RETRY_S
        try:
            for _ in range(MOST_SENT):
                self.write(message)
                with contextlib.suppress(TimeoutError):
                    patience_s = wait_s if self._resends else FIRST_RETRY_S * 2**MOST_SENT
                    return await asyncio.wait_for(asyncio.shield(answer), patience_s)
                if not self._resends:
                    break
                wait_s *= 2
        finally:
            self._waiting.pop(transaction_id, None)
            answer.cancel()
        raise TurnSilent

    def received(self, datagram: bytes) -> None:
        """Take one message from the server."""
        try:
            message = parse(datagram)
            waiting = self._waiting.get(message.transaction_id)
            if waiting is not None and not waiting.done():
                waiting.set_result(message)
            elif message.kind == DATA_INDICATION and not self.data.full():
                sender, payload = message.address(XOR_PEER_ADDRESS), message.first(DATA)
                if sender is not None and payload is not None:
                    self.data.put_nowait((sender, payload))
        except Malformed:
            return  # channel data, or nothing that concerns us


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, client: TurnClient) -> None:
        self._client = client

    def datagram_received(self, data: bytes, _: tuple[Any, ...]) -> None:
        self._client.received(data)

    def error_received(self, exc: Exception) -> None:
        """Pass over a refused port: no answer is the finding, and it may still come."""


@asynccontextmanager
async def connect(
    host: str,
    port: int,
    transport: Transport,
    credential: TurnCredential | None,
    *,
    tls: ssl.SSLContext | None = None,
) -> AsyncIterator[TurnClient]:
    """Open a way to a TURN server. Raises: OSError, ssl.SSLError."""
    client = TurnClient(credential, resends=transport == "udp")
    if transport == "udp":
        loop = asyncio.get_running_loop()
        way, _ = await loop.create_datagram_endpoint(
            lambda: _Datagrams(client), remote_addr=(host, port)
        )
        client.write = way.sendto
        try:
            yield client
        finally:
            way.close()
        return
    context = (tls or ssl.create_default_context()) if transport == "tls" else None
    reader, writer = await asyncio.open_connection(
        host, port, ssl=context, server_hostname=host if context else None
    )
    client.write = writer.write
    reading = asyncio.create_task(_read(reader, client))
    try:
        yield client
    finally:
        reading.cancel()
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
        await asyncio.gather(reading, return_exceptions=True)


async def _read(reader: asyncio.StreamReader, client: TurnClient) -> None:
    """Cut the stream into messages: STUN and channel data both say their length."""
    with contextlib.suppress(asyncio.IncompleteReadError, OSError):
        while True:
            head = await reader.readexactly(4)
            length = int.from_bytes(head[2:])
            is_stun = head[0] < 0x40
            rest = HEADER_BYTES - 4 + length if is_stun else length + -length % 4
            client.received(head + await reader.readexactly(rest))

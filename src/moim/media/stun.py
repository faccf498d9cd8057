"""A STUN server for Binding requests: it tells a browser the address its packets come from.

`answer` is the protocol, without a socket or a clock; `StunServer` puts it on UDP sockets.

What keeps it from being of use in an attack (UDP source addresses can be forged):
- Whatever is not a well-formed Binding request gets no answer at all.
- An answer is at most `MAX_GROWTH_BYTES` longer than its request: there is nothing in it but the
  mapped address (12 bytes for IPv4, 24 for IPv6), the header (the shortest request is one), and a
  FINGERPRINT where the request had one too. A smaller answer cannot be given to the 20-byte
  requests that browsers send, so answers to one address, and to all, are limited in rate as well.

Source: RFC 8489 (STUN), section 12 for what a server of Binding alone may leave out.
"""

import asyncio
import ipaddress
import socket
import struct
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from moim.household import household
from moim.media.stun_message import (
    BINDING_ERROR,
    BINDING_REQUEST,
    BINDING_SUCCESS,
    ERROR_CODE,
    FINGERPRINT,
    MESSAGE_INTEGRITY,
    MESSAGE_INTEGRITY_SHA256,
    NONCE,
    PASSWORD_ALGORITHM,
    REALM,
    UNKNOWN_ATTRIBUTES,
    USERHASH,
    USERNAME,
    XOR_MAPPED_ADDRESS,
    Attribute,
    IpAddress,
    Malformed,
    attribute,
    encode,
    parse,
    with_fingerprint,
    xored,
)

MAX_REQUEST_BYTES: Final = 1280
MAX_GROWTH_BYTES: Final = 24

# Below 0x8000 an attribute must be understood. Credentials are: this server asks for none, so
# they may be there and are not looked at (RFC 8489 section 12).
UNDERSTOOD: Final = frozenset(
    {
        USERNAME,
        MESSAGE_INTEGRITY,
        REALM,
        NONCE,
        MESSAGE_INTEGRITY_SHA256,
        PASSWORD_ALGORITHM,
        USERHASH,
    }
)
COMPREHENSION_OPTIONAL: Final = 0x8000


def answer(datagram: bytes, address: tuple[str, int]) -> bytes | None:
    """Give the answer to one datagram from an address (host, port), or None for silence.

    A request with attributes that must be understood and are not gets error 420 with their list.

    Source: RFC 8489 sections 6.3.1 (processing), 14.2 (XOR-MAPPED-ADDRESS), 14.7 (FINGERPRINT).
    """
    if len(datagram) > MAX_REQUEST_BYTES:
        return None
    try:
        asked = parse(datagram)
        ip = _unmapped(address[0])
    except (Malformed, ValueError):
        return None
    if asked.kind != BINDING_REQUEST:
        return None
    transaction_id, attributes = asked.transaction_id, asked.attributes
    unknown = _unknown(attributes)
    if unknown:
        listed = b"".join(struct.pack("!H", one) for one in unknown)
        message = encode(
            BINDING_ERROR,
            transaction_id,
            attribute(ERROR_CODE, b"\x00\x00\x04\x14"),
            attribute(UNKNOWN_ATTRIBUTES, listed),
        )
    else:
        mapped = attribute(XOR_MAPPED_ADDRESS, xored(ip, address[1], transaction_id))
        message = encode(BINDING_SUCCESS, transaction_id, mapped)
    if attributes and attributes[-1].type == FINGERPRINT:
        message = with_fingerprint(message)
    return message


def binding_request(transaction_id: bytes) -> bytes:
    """Give the shortest request, to ask a STUN server with; the id is 12 random bytes."""
    return encode(BINDING_REQUEST, transaction_id)


def _unknown(attributes: Sequence[Attribute]) -> list[int]:
    found: dict[int, None] = {}
    for one in attributes:
        if one.type in (MESSAGE_INTEGRITY, MESSAGE_INTEGRITY_SHA256):
            break  # what follows is to be ignored (RFC 8489 section 14.5)
        if one.type < COMPREHENSION_OPTIONAL and one.type not in UNDERSTOOD:
            found[one.type] = None
    return list(found)


def _unmapped(host: str) -> IpAddress:
    ip = ipaddress.ip_address(host.partition("%")[0])
    # A socket that takes both families shows IPv4 as ::ffff:a.b.c.d; the browser asked over IPv4.
    return getattr(ip, "ipv4_mapped", None) or ip


@dataclass(slots=True)
class _Bucket:
    tokens: float
    filled_at: float

    def take(self, now: float, rate_per_s: float, burst: float) -> bool:
        self.tokens = min(burst, self.tokens + (now - self.filled_at) * rate_per_s)
        self.filled_at = now
        if self.tokens < 1:
            return False
        self.tokens -= 1
        return True


class AnswerLimit:
    """Says whether one more answer may go to an address: limits for each and for all.

    Memory is bounded: the addresses heard from last are remembered, `addresses` of them. IPv6
    counts by /64, because one household has 2^64 addresses.
    """

    def __init__(
        self,
        *,
        per_address_per_s: float = 20,
        per_address_burst: float = 100,
        total_per_s: float = 2000,
        total_burst: float = 4000,
        addresses: int = 4096,
    ) -> None:
        self._rate = per_address_per_s
        self._burst = per_address_burst
        self._total_rate = total_per_s
        self._total_burst = total_burst
        self._addresses = addresses
        self._total = _Bucket(total_burst, 0)
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()

    def allows(self, host: str, now: float) -> bool:
        """Count one answer to a host at a monotonic time in seconds; false when it is too many."""
        key = household(host)
        bucket = self._buckets.get(key)
        if bucket is None:
            bucket = self._buckets[key] = _Bucket(self._burst, now)
            if len(self._buckets) > self._addresses:
                self._buckets.popitem(last=False)
        else:
            self._buckets.move_to_end(key)
        return bucket.take(now, self._rate, self._burst) and self._total.take(
            now, self._total_rate, self._total_burst
        )

    def __len__(self) -> int:
        return len(self._buckets)


@dataclass(slots=True)
class StunCounts:
    """What the server did since its start, in datagrams."""

    answered: int = 0
    ignored: int = 0
    limited: int = 0


@dataclass
class StunServer:
    """Answers Binding requests on UDP sockets that the caller has bound, one for each family."""

    limit: AnswerLimit = field(default_factory=AnswerLimit)
    clock: Callable[[], float] = time.monotonic
    counts: StunCounts = field(default_factory=StunCounts)
    _transports: list[asyncio.DatagramTransport] = field(default_factory=list)

    async def start(self, sockets: Sequence[socket.socket]) -> None:
        """Begin to answer; the sockets belong to the server from here on."""
        loop = asyncio.get_running_loop()
        for bound in sockets:
            transport, _protocol = await loop.create_datagram_endpoint(
                lambda: _Datagrams(self), sock=bound
            )
            self._transports.append(transport)

    def stop(self) -> None:
        """Close the sockets; a second call does nothing."""
        for transport in self._transports:
            transport.close()
        self._transports.clear()

    def answer(self, datagram: bytes, address: tuple[str, int]) -> bytes | None:
        """Give the answer to one datagram, or None when there is none or there were too many."""
        reply = answer(datagram, address)
        if reply is None:
            self.counts.ignored += 1
        elif not self.limit.allows(address[0], self.clock()):
            self.counts.limited += 1
            reply = None
        else:
            self.counts.answered += 1
        return reply


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, server: StunServer) -> None:
        self._server = server
        self._transport: asyncio.DatagramTransport | None = None
        self._full = False

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, addr: tuple[Any, ...]) -> None:
        reply = self._server.answer(data, (addr[0], addr[1]))
        # While the kernel takes no more, answers are dropped, not kept: the browser asks again.
        if reply and self._transport and not self._full:
            self._transport.sendto(reply, addr)

    def error_received(self, exc: Exception) -> None:
        """Pass over what the network says of an answer: nothing depends on its arrival."""

    def pause_writing(self) -> None:
        self._full = True

    def resume_writing(self) -> None:
        self._full = False


def ice_servers(
    stun_urls: Sequence[str], page_host: str, stun_port: int
) -> list[dict[str, list[str]]]:
    """Give the `iceServers` of a browser's RTCPeerConnection; empty when there are none.

    `own` becomes this server under the name that the page was opened with: `page_host` is the
    request's host, with or without a port.

    Source: W3C WebRTC section 4.2.1 (RTCIceServer), RFC 7064 (stun: addresses).
    """
    urls = [
        f"stun:{_without_port(page_host)}:{stun_port}" if url == "own" else url
        for url in stun_urls
        if url != "own" or page_host
    ]
    return [{"urls": urls}] if urls else []


def _without_port(host: str) -> str:
    if host.startswith("["):
        return host.partition("]")[0] + "]"
    return f"[{host}]" if host.count(":") > 1 else host.partition(":")[0]

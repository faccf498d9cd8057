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
import zlib
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from moim.household import household

MAGIC_COOKIE: Final = 0x2112A442
HEADER_BYTES: Final = 20
MAX_REQUEST_BYTES: Final = 1280
MAX_GROWTH_BYTES: Final = 24

BINDING_REQUEST: Final = 0x0001
BINDING_SUCCESS: Final = 0x0101
BINDING_ERROR: Final = 0x0111

USERNAME: Final = 0x0006
MESSAGE_INTEGRITY: Final = 0x0008
ERROR_CODE: Final = 0x0009
UNKNOWN_ATTRIBUTES: Final = 0x000A
REALM: Final = 0x0014
NONCE: Final = 0x0015
MESSAGE_INTEGRITY_SHA256: Final = 0x001C
PASSWORD_ALGORITHM: Final = 0x001D
USERHASH: Final = 0x001E
XOR_MAPPED_ADDRESS: Final = 0x0020
FINGERPRINT: Final = 0x8028
FINGERPRINT_XOR: Final = 0x5354554E

FAMILY_IPV4: Final = 1
FAMILY_IPV6: Final = 2

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

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address


class _Malformed(Exception):
    """The datagram is no Binding request; it is never answered."""


class _Attribute(NamedTuple):
    type: int
    value: bytes
    offset: int


def answer(datagram: bytes, address: tuple[str, int]) -> bytes | None:
    """Give the answer to one datagram from an address (host, port), or None for silence.

    A request with attributes that must be understood and are not gets error 420 with their list.

    Source: RFC 8489 sections 5 (layout), 6.3.1 (processing), 14.2 (XOR-MAPPED-ADDRESS),
    14.7 (FINGERPRINT).
    """
    try:
        transaction_id, attributes = _parse(datagram)
        ip = _unmapped(address[0])
    except (_Malformed, ValueError):
        return None
    unknown = _unknown(attributes)
    if unknown:
        body = _attribute(ERROR_CODE, b"\x00\x00\x04\x14") + _attribute(
            UNKNOWN_ATTRIBUTES, b"".join(struct.pack("!H", one) for one in unknown)
        )
        message = _message(BINDING_ERROR, transaction_id, body)
    else:
        body = _attribute(XOR_MAPPED_ADDRESS, _xored(ip, address[1], transaction_id))
        message = _message(BINDING_SUCCESS, transaction_id, body)
    if attributes and attributes[-1].type == FINGERPRINT:
        message = _with_fingerprint(message)
    return message


def binding_request(transaction_id: bytes) -> bytes:
    """Give the shortest request, to ask a STUN server with; the id is 12 random bytes."""
    return _message(BINDING_REQUEST, transaction_id, b"")


def _parse(datagram: bytes) -> tuple[bytes, list[_Attribute]]:
    if not HEADER_BYTES <= len(datagram) <= MAX_REQUEST_BYTES:
        raise _Malformed
    kind, length, cookie = struct.unpack_from("!HHI", datagram)
    # Without the cookie it may be RTP, DTLS or the STUN of RFC 3489, which no browser speaks.
    if kind != BINDING_REQUEST or cookie != MAGIC_COOKIE:
        raise _Malformed
    if length % 4 or length != len(datagram) - HEADER_BYTES:
        raise _Malformed
    attributes = list(_attributes(datagram))
    for position, attribute in enumerate(attributes):
        if attribute.type == FINGERPRINT:
            last = position == len(attributes) - 1
            if not last or attribute.value != _fingerprint(datagram[: attribute.offset]):
                raise _Malformed
    return datagram[8:HEADER_BYTES], attributes


def _attributes(datagram: bytes) -> Iterator[_Attribute]:
    offset = HEADER_BYTES
    while offset < len(datagram):
        if offset + 4 > len(datagram):
            raise _Malformed
        kind, length = struct.unpack_from("!HH", datagram, offset)
        end = offset + 4 + length
        if end > len(datagram):
            raise _Malformed
        yield _Attribute(kind, datagram[offset + 4 : end], offset)
        offset = end + -length % 4


def _unknown(attributes: Sequence[_Attribute]) -> list[int]:
    found: dict[int, None] = {}
    for attribute in attributes:
        if attribute.type in (MESSAGE_INTEGRITY, MESSAGE_INTEGRITY_SHA256):
            break  # what follows is to be ignored (RFC 8489 section 14.5)
        if attribute.type < COMPREHENSION_OPTIONAL and attribute.type not in UNDERSTOOD:
            found[attribute.type] = None
    return list(found)


def _unmapped(host: str) -> IpAddress:
    ip = ipaddress.ip_address(host.partition("%")[0])
    # A socket that takes both families shows IPv4 as ::ffff:a.b.c.d; the browser asked over IPv4.
    return getattr(ip, "ipv4_mapped", None) or ip


def _xored(ip: IpAddress, port: int, transaction_id: bytes) -> bytes:
    mask = struct.pack("!I", MAGIC_COOKIE) + transaction_id
    family = FAMILY_IPV4 if ip.version == 4 else FAMILY_IPV6
    xored = bytes(a ^ b for a, b in zip(ip.packed, mask, strict=False))
    return struct.pack("!BBH", 0, family, port ^ (MAGIC_COOKIE >> 16)) + xored


def _attribute(kind: int, value: bytes) -> bytes:
    return struct.pack("!HH", kind, len(value)) + value + bytes(-len(value) % 4)


def _message(kind: int, transaction_id: bytes, body: bytes) -> bytes:
    return struct.pack("!HHI", kind, len(body), MAGIC_COOKIE) + transaction_id + body


def _fingerprint(before: bytes) -> bytes:
    return struct.pack("!I", zlib.crc32(before) ^ FINGERPRINT_XOR)


def _with_fingerprint(message: bytes) -> bytes:
    kind, length = struct.unpack_from("!HH", message)
    counted = struct.pack("!HH", kind, length + 8) + message[4:]  # its own length is covered
    return counted + _attribute(FINGERPRINT, _fingerprint(counted))


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

"""STUN messages as bytes, without a socket or a clock: what server, client and TURN share.

    datagram = encode(BINDING_REQUEST, new_transaction_id())
    seen = parse(reply).address(XOR_MAPPED_ADDRESS)

Source: RFC 8489 (STUN): sections 5 (layout), 14 (attributes).
"""

import hashlib
import hmac
import ipaddress
import os
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

MAGIC_COOKIE: Final = 0x2112A442
HEADER_BYTES: Final = 20
TRANSACTION_ID_BYTES: Final = 12

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
OTHER_ADDRESS: Final = 0x802C
"""Where the server answers as well. Source: RFC 5780 section 7.4."""
FINGERPRINT_XOR: Final = 0x5354554E
INTEGRITY_BYTES: Final = 20

FAMILY_IPV4: Final = 1
FAMILY_IPV6: Final = 2

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address


class Malformed(Exception):
    """These bytes are no STUN message."""


class Attribute(NamedTuple):
    """One attribute, and where in the message it began."""

    type: int
    value: bytes
    offset: int


class Address(NamedTuple):
    """A transport address."""

    ip: IpAddress
    port: int


@dataclass(frozen=True, slots=True)
class Message:
    """A parsed message; attributes are in the order in which they came."""

    kind: int
    transaction_id: bytes
    attributes: tuple[Attribute, ...] = ()

    def first(self, kind: int) -> bytes | None:
        """The value of the first attribute of a kind: only that one counts (section 14)."""
        for attribute in self.attributes:
            if attribute.type == kind:
                return attribute.value
        return None

    def address(self, kind: int) -> Address | None:
        """An address attribute, un-XORed. Raises: Malformed."""
        value = self.first(kind)
        return None if value is None else unxored(value, self.transaction_id)

    def plain_address(self, kind: int) -> Address | None:
        """An address attribute that is not XORed. Raises: Malformed."""
        value = self.first(kind)
        if value is None:
            return None
        if (value[1:2], len(value)) not in ((b"\x01", 8), (b"\x02", 20)):
            raise Malformed
        return Address(ipaddress.ip_address(value[4:]), int.from_bytes(value[2:4]))

    @property
    def error(self) -> tuple[int, str] | None:
        """The code and reason of an error answer. Source: RFC 8489 section 14.8."""
        value = self.first(ERROR_CODE)
        if value is None or len(value) < 4:
            return None
        return value[2] * 100 + value[3], value[4:].decode("utf-8", "replace")


def new_transaction_id() -> bytes:
    """Unguessable, so that nobody off the path can answer."""
    return os.urandom(TRANSACTION_ID_BYTES)


def parse(datagram: bytes) -> Message:
    """Read one whole message, and check its FINGERPRINT where there is one. Raises: Malformed."""
    if len(datagram) < HEADER_BYTES:
        raise Malformed
    kind, length, cookie = struct.unpack_from("!HHI", datagram)
    # Without the cookie it may be RTP, DTLS or the STUN of RFC 3489, which no browser speaks.
    if kind & 0xC000 or cookie != MAGIC_COOKIE:
        raise Malformed
    if length % 4 or length != len(datagram) - HEADER_BYTES:
        raise Malformed
    attributes = tuple(_attributes(datagram))
    for position, attribute in enumerate(attributes):
        if attribute.type == FINGERPRINT:
            last = position == len(attributes) - 1
            if not last or attribute.value != _fingerprint(datagram[: attribute.offset]):
                raise Malformed
    return Message(kind, datagram[8:HEADER_BYTES], attributes)


def _attributes(datagram: bytes) -> Iterator[Attribute]:
    offset = HEADER_BYTES
    while offset < len(datagram):
        if offset + 4 > len(datagram):
            raise Malformed
        kind, length = struct.unpack_from("!HH", datagram, offset)
        end = offset + 4 + length
        if end > len(datagram):
            raise Malformed
        yield Attribute(kind, datagram[offset + 4 : end], offset)
        offset = end + -length % 4


def encode(kind: int, transaction_id: bytes, *attributes: bytes) -> bytes:
    """Write a message of attributes that are bytes already (`attribute`)."""
    body = b"".join(attributes)
    return struct.pack("!HHI", kind, len(body), MAGIC_COOKIE) + transaction_id + body


def attribute(kind: int, value: bytes) -> bytes:
    """Write one attribute, padded to four bytes."""
    return struct.pack("!HH", kind, len(value)) + value + bytes(-len(value) % 4)


def xored(ip: IpAddress, port: int, transaction_id: bytes) -> bytes:
    """Write an address so that no router on the way takes it for one that it must translate.

    Source: RFC 8489 section 14.2.
    """
    mask = struct.pack("!I", MAGIC_COOKIE) + transaction_id
    family = FAMILY_IPV4 if ip.version == 4 else FAMILY_IPV6
    hidden = bytes(a ^ b for a, b in zip(ip.packed, mask, strict=False))
    return struct.pack("!BBH", 0, family, port ^ (MAGIC_COOKIE >> 16)) + hidden


def unxored(value: bytes, transaction_id: bytes) -> Address:
    """Read what `xored` wrote. Raises: Malformed."""
    lengths = {FAMILY_IPV4: 8, FAMILY_IPV6: 20}
    if len(value) < 4 or lengths.get(value[1]) != len(value):
        raise Malformed
    mask = struct.pack("!I", MAGIC_COOKIE) + transaction_id
    port = int.from_bytes(value[2:4]) ^ (MAGIC_COOKIE >> 16)
    packed = bytes(a ^ b for a, b in zip(value[4:], mask, strict=False))
    return Address(ipaddress.ip_address(packed), port)


def _fingerprint(before: bytes) -> bytes:
    return struct.pack("!I", zlib.crc32(before) ^ FINGERPRINT_XOR)


def _counting(message: bytes, more_bytes: int) -> bytes:
    """The message with a length that covers what is about to be added."""
    kind, length = struct.unpack_from("!HH", message)
    return struct.pack("!HH", kind, length + more_bytes) + message[4:]


def with_fingerprint(message: bytes) -> bytes:
    """Add a FINGERPRINT; its own length is covered. Source: RFC 8489 section 14.7."""
    counted = _counting(message, 8)
    return counted + attribute(FINGERPRINT, _fingerprint(counted))


def long_term_key(username: str, realm: str, password: str) -> bytes:
    """The key of a long-term credential. Source: RFC 8489 section 9.2.2 (MD5, as all speak it)."""
    return hashlib.md5(f"{username}:{realm}:{password}".encode(), usedforsecurity=False).digest()


def with_integrity(message: bytes, key: bytes) -> bytes:
    """Add a MESSAGE-INTEGRITY. Source: RFC 8489 section 14.5."""
    counted = _counting(message, 4 + INTEGRITY_BYTES)
    signature = hmac.digest(key, counted, hashlib.sha1)
    return counted + attribute(MESSAGE_INTEGRITY, signature)


def has_integrity(datagram: bytes, message: Message, key: bytes) -> bool:
    """Whether a message was signed with the key."""
    for one in message.attributes:
        if one.type == MESSAGE_INTEGRITY:
            before = datagram[: one.offset]
            length = one.offset - HEADER_BYTES + 4 + INTEGRITY_BYTES
            counted = before[:2] + struct.pack("!H", length) + before[4:]
            return hmac.compare_digest(one.value, hmac.digest(key, counted, hashlib.sha1))
    return False

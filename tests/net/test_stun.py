"""STUN: the right address for a proper request, silence for the rest, and no use to an attacker."""

import asyncio
import ipaddress
import socket
import struct
import zlib
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moim.media.stun import (
    MAX_GROWTH_BYTES,
    AnswerLimit,
    StunServer,
    answer,
    ice_servers,
)

COOKIE = 0x2112A442

# RFC 5769 section 2.1: a sample request, with USERNAME, MESSAGE-INTEGRITY and FINGERPRINT.
RFC_5769_REQUEST = bytes.fromhex(
    "000100582112a442b7e7a701bc34d686fa87dfae"
    "802200105354554e207465737420636c69656e74"
    "002400046e0001ff"
    "80290008932ff9b151263b36"
    "00060009 6576746a3a68367659202020".replace(" ", "")
    + "000800149aeaa70cbfd8cb56781ef2b5b2d3f249c1b571a2"
    + "80280004e57a3bcf"
)
RFC_5769_ID = bytes.fromhex("b7e7a701bc34d686fa87dfae")
# Sections 2.2 and 2.3: the mapped addresses of the sample responses.
RFC_5769_IPV4 = bytes.fromhex("002000080001a147e112a643")
RFC_5769_IPV6 = bytes.fromhex("002000140002a1470113a9faa5d3f179bc25f4b5bed2b9d9")


class Answer(NamedTuple):
    """What this test reads out of an answer, written from the RFC and not from the server."""

    kind: int
    transaction_id: bytes
    attributes: dict[int, bytes]


def request(*attributes: tuple[int, bytes], transaction_id: bytes = b"0123456789ab") -> bytes:
    body = b"".join(
        struct.pack("!HH", kind, len(value)) + value + b" " * (-len(value) % 4)
        for kind, value in attributes
    )
    return struct.pack("!HHI", 1, len(body), COOKIE) + transaction_id + body


def with_fingerprint(message: bytes) -> bytes:
    counted = message[:2] + struct.pack("!H", len(message) - 20 + 8) + message[4:]
    return counted + struct.pack("!HHI", 0x8028, 4, zlib.crc32(counted) ^ 0x5354554E)


def decode(message: bytes) -> Answer:
    kind, length, cookie = struct.unpack("!HHI", message[:8])
    assert cookie == COOKIE
    assert length == len(message) - 20
    attributes: dict[int, bytes] = {}
    rest = message[20:]
    while rest:
        attribute, size = struct.unpack("!HH", rest[:4])
        if attribute == 0x8028:
            before = message[: len(message) - len(rest)]
            assert rest[4:8] == struct.pack("!I", zlib.crc32(before) ^ 0x5354554E)
        attributes[attribute] = rest[4 : 4 + size]
        rest = rest[4 + (size + 3) // 4 * 4 :]
    return Answer(kind, message[8:20], attributes)


def mapped_address(reply: Answer) -> tuple[str, int]:
    value = reply.attributes[0x0020]
    family, port = value[1], struct.unpack("!H", value[2:4])[0] ^ 0x2112
    key = struct.pack("!I", COOKIE) + reply.transaction_id
    packed = bytes(value[4 + i] ^ key[i] for i in range(4 if family == 1 else 16))
    return str(ipaddress.ip_address(packed)), port


@pytest.mark.parametrize(
    ("host", "port", "shown"),
    [
        ("192.0.2.1", 32853, "192.0.2.1"),
        ("2001:db8:1234:5678:11:2233:4455:6677", 32853, "2001:db8:1234:5678:11:2233:4455:6677"),
        ("::ffff:192.0.2.7", 1, "192.0.2.7"),
        ("fe80::1%eth0", 65535, "fe80::1"),
    ],
)
def test_a_browser_is_told_where_its_packet_came_from(host: str, port: int, shown: str) -> None:
    reply = answer(request(), (host, port))
    assert reply is not None
    decoded = decode(reply)
    assert decoded.kind == 0x0101
    assert decoded.transaction_id == b"0123456789ab"
    assert mapped_address(decoded) == (shown, port)
    assert set(decoded.attributes) == {0x0020}


@pytest.mark.parametrize(
    ("host", "golden"),
    [
        ("192.0.2.1", RFC_5769_IPV4),
        ("2001:db8:1234:5678:11:2233:4455:6677", RFC_5769_IPV6),
    ],
)
def test_the_mapped_address_has_the_bytes_of_rfc_5769(host: str, golden: bytes) -> None:
    reply = answer(request(transaction_id=RFC_5769_ID), (host, 32853))
    assert reply is not None
    assert reply[20:] == golden


def test_the_sample_request_of_rfc_5769_is_read() -> None:
    # It is a connectivity check: its PRIORITY belongs to ICE agents, which this server is not.
    reply = answer(RFC_5769_REQUEST, ("192.0.2.1", 32853))
    assert reply is not None
    decoded = decode(reply)
    assert decoded.kind == 0x0111
    assert decoded.attributes[0x0009][2:4] == b"\x04\x14"
    assert decoded.attributes[0x000A] == b"\x00\x24"
    assert 0x8028 in decoded.attributes


def test_a_request_with_a_fingerprint_gets_one_back() -> None:
    reply = answer(with_fingerprint(request()), ("192.0.2.1", 5))
    assert reply is not None
    assert mapped_address(decode(reply)) == ("192.0.2.1", 5)
    assert 0x8028 in decode(reply).attributes


def test_unknown_attributes_are_listed_once_each_and_optional_ones_are_passed_over() -> None:
    reply = answer(
        request((0x0003, b"\0\0\0\6"), (0x7F00, b"abcde"), (0x0003, b""), (0xC001, b"x")),
        ("192.0.2.1", 5),
    )
    assert reply is not None
    assert decode(reply).attributes[0x000A] == b"\x00\x03\x7f\x00"


def test_what_follows_the_message_integrity_is_ignored() -> None:
    reply = answer(request((0x0008, bytes(20)), (0x0003, b"\0\0\0\6")), ("192.0.2.1", 5))
    assert reply is not None
    assert decode(reply).kind == 0x0101


@pytest.mark.parametrize(
    "datagram",
    [
        b"",
        request()[:19],
        b"\x01\x01" + request()[2:],  # an answer: two servers must not talk to each other
        b"\x00\x11" + request()[2:],  # an indication
        b"\x00\x03" + request()[2:],  # TURN Allocate
        request()[:4] + b"\x00\x00\x00\x00" + request()[8:],  # RFC 3489
        request() + b"\x00",
        request() + b"\x00\x00\x00\x00",
        request((0x0006, b"abcd"))[:-4],
        b"\x00\x01\x00\x04" + request()[4:] + b"\x00\x06\x00\x08",  # longer than it is
        with_fingerprint(request())[:-1] + b"\x00",
        with_fingerprint(with_fingerprint(request())),
        request((0x8022, b"x" * 1400)),
    ],
)
def test_what_is_no_binding_request_gets_silence(datagram: bytes) -> None:
    assert answer(datagram, ("192.0.2.1", 5)) is None


hosts = st.ip_addresses().map(str)
ports = st.integers(0, 65535)


@given(st.binary(max_size=1500), hosts, ports)
def test_random_bytes_never_raise(datagram: bytes, host: str, port: int) -> None:
    assert answer(datagram, (host, port)) is None or datagram[:2] == b"\x00\x01"


@given(
    st.lists(st.tuples(st.integers(0, 0xFFFF), st.binary(max_size=20)), max_size=40),
    st.booleans(),
    hosts,
    ports,
)
def test_an_answer_is_hardly_longer_than_its_request(
    attributes: list[tuple[int, bytes]], fingerprint: bool, host: str, port: int
) -> None:
    datagram = request(*[one for one in attributes if one[0] != 0x8028])
    reply = answer(with_fingerprint(datagram) if fingerprint else datagram, (host, port))
    if reply is not None:
        assert len(reply) <= len(datagram) + 8 * fingerprint + MAX_GROWTH_BYTES
        if decode(reply).kind == 0x0101:
            ip = ipaddress.ip_address(host)
            assert mapped_address(decode(reply)) == (
                str(getattr(ip, "ipv4_mapped", None) or ip),
                port,
            )


def test_one_address_cannot_have_all_the_answers() -> None:
    limit = AnswerLimit(per_address_per_s=1, per_address_burst=3)
    assert [limit.allows("192.0.2.1", 10.0) for _ in range(5)] == [True] * 3 + [False] * 2
    assert limit.allows("192.0.2.2", 10.0)
    assert [limit.allows("192.0.2.1", 12.0) for _ in range(3)] == [True, True, False]


def test_one_household_counts_once_on_ipv6() -> None:
    limit = AnswerLimit(per_address_per_s=1, per_address_burst=1)
    assert limit.allows("2001:db8::1", 0.0)
    assert not limit.allows("2001:db8::2", 0.0)
    assert limit.allows("2001:db8:0:1::1", 0.0)


def test_forged_addresses_fill_neither_the_line_nor_the_memory() -> None:
    limit = AnswerLimit(total_per_s=10, total_burst=50, addresses=100)
    allowed = sum(
        limit.allows(str(ipaddress.IPv4Address(0x0A000000 + i)), 1.0) for i in range(5000)
    )
    assert allowed == 50
    assert len(limit) == 100


def udp_socket(family: socket.AddressFamily, host: str) -> socket.socket:
    bound = socket.socket(family, socket.SOCK_DGRAM)
    bound.setblocking(False)
    bound.bind((host, 0))
    return bound


@pytest.mark.parametrize(
    ("family", "host"), [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")]
)
async def test_the_server_answers_on_a_socket_and_counts(
    family: socket.AddressFamily, host: str
) -> None:
    loop = asyncio.get_running_loop()
    try:
        bound = udp_socket(family, host)
    except OSError:
        pytest.skip(f"no {host} on this machine")
    server = StunServer(
        limit=AnswerLimit(per_address_per_s=1, per_address_burst=1), clock=lambda: 0
    )
    where = bound.getsockname()
    await server.start([bound])
    try:
        with udp_socket(family, host) as browser:
            await loop.sock_sendto(browser, b"hello", where)
            await loop.sock_sendto(browser, request(), where)
            reply = decode(await asyncio.wait_for(loop.sock_recv(browser, 2000), 5))
            assert mapped_address(reply) == browser.getsockname()[:2]
        assert server.answer(request(), (host, 9)) is None
        assert (server.counts.answered, server.counts.ignored, server.counts.limited) == (1, 1, 1)
    finally:
        server.stop()
        server.stop()


@pytest.mark.parametrize(
    ("page_host", "url"),
    [
        ("meet.example.org", "stun:meet.example.org:3000"),
        ("192.168.1.5:8443", "stun:192.168.1.5:3000"),
        ("[fd00::1]:3000", "stun:[fd00::1]:3000"),
        ("fd00::1", "stun:[fd00::1]:3000"),
    ],
)
def test_the_own_server_is_named_as_the_page_was(page_host: str, url: str) -> None:
    assert ice_servers(("own",), page_host, 3000) == [{"urls": [url]}]


def test_other_servers_are_passed_on_and_none_means_none() -> None:
    assert ice_servers(("stun:stun.example.org:3478",), "a.example", 3000) == [
        {"urls": ["stun:stun.example.org:3478"]}
    ]
    assert ice_servers((), "a.example", 3000) == []

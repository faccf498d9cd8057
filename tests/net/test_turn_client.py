"""The TURN client against a server that is late: what it refused before counts for nothing."""

import asyncio
import socket
from ipaddress import ip_address
from typing import Any

from moim.media.stun_message import (
    ERROR_CODE,
    NONCE,
    REALM,
    Message,
    attribute,
    encode,
    has_integrity,
    long_term_key,
    parse,
    xored,
)
from moim.media.turn import turn_credential
from moim.media.turn.client import (
    ALLOCATE,
    ERROR,
    LIFETIME,
    SUCCESS,
    XOR_RELAYED_ADDRESS,
    connect,
)

CREDENTIAL = turn_credential("between-moim-and-the-turn-server-alone", "u_mina", 1_700_000_000)
KEY = long_term_key(CREDENTIAL.username, "here", CREDENTIAL.credential)


class Late(asyncio.DatagramProtocol):
    """Refuses each unsigned request, and once more just before it grants the signed one."""

    def __init__(self) -> None:
        self._transport: Any = None
        self._refusal = b""
        self.ids: list[bytes] = []

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:
        asked = parse(data)
        self.ids.append(asked.transaction_id)
        if has_integrity(data, asked, KEY):
            self._transport.sendto(self._refusal, addr)
            self._transport.sendto(self._grant(asked), addr)
            return
        self._refusal = encode(
            ALLOCATE | ERROR,
            asked.transaction_id,
            attribute(ERROR_CODE, b"\x00\x00\x04\x01Unauthorized"),
            attribute(REALM, b"here"),
            attribute(NONCE, b"once"),
        )
        self._transport.sendto(self._refusal, addr)

    def _grant(self, asked: Message) -> bytes:
        relayed = xored(ip_address("198.51.100.7"), 50_000, asked.transaction_id)
        return encode(
            ALLOCATE | SUCCESS,
            asked.transaction_id,
            attribute(XOR_RELAYED_ADDRESS, relayed),
            attribute(LIFETIME, (600).to_bytes(4)),
        )


async def test_a_late_refusal_of_the_unsigned_request_is_no_answer_to_the_signed_one() -> None:
    transport, server = await asyncio.get_running_loop().create_datagram_endpoint(
        Late, local_addr=("127.0.0.1", 0), family=socket.AF_INET
    )
    try:
        host, port = transport.get_extra_info("sockname")
        async with connect(host, port, "udp", CREDENTIAL) as client:
            allocation = await client.allocate()
    finally:
        transport.close()
    assert str(allocation.relayed.ip) == "198.51.100.7"
    assert (allocation.relayed.port, allocation.lifetime_s) == (50_000, 600)
    assert len(set(server.ids)) >= 2

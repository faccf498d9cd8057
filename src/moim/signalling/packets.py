"""Socket.IO packets, checked before python-socketio acts on them.

Its server trusts what it decodes: an event named "disconnect" would call our own handler of that
name, a list where a name should be ends in an unhandled error. Such a packet gets the name of its
refusal instead, so that the catch-all door answers it like anything else.
"""

from collections.abc import Mapping
from typing import Any

from socketio import packet

from moim.meeting.errors import ErrorCode
from moim.signalling import strict_json

RESERVED = frozenset(
    {"connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"}
)
"""Source: https://socket.io/docs/v4/emit-cheatsheet/#reserved-events"""
PREFIX = "moim:"
"""Event names of our own; one of a client with it is refused."""
_CODES = {code.value: code for code in ErrorCode}


def refused_name(code: ErrorCode) -> str:
    """The event name that stands for a packet that was refused."""
    return PREFIX + code.value


def refusal_in(name: object) -> ErrorCode | None:
    """Why the packet of that name is refused, if it is."""
    if not isinstance(name, str) or not name.startswith(PREFIX):
        return None
    code = name.removeprefix(PREFIX)
    return _CODES.get(code, ErrorCode.EVENT_REFUSED)


def strict_packets(most_bytes: Mapping[str, int], most_parts: int = 64) -> type[packet.Packet]:
    """The packet class for one server, with the largest packet of each namespace and how many
    binary parts it may have. Decoding raises ValueError for what is no packet at all."""

    class StrictPacket(packet.Packet):  # type: ignore[misc]
        json = strict_json
        data: Any
        attached = 0

        def decode(self, encoded_packet: Any) -> int:
            if not isinstance(encoded_packet, str):
                raise ValueError("a packet begins with text")
            attachments: int = super().decode(encoded_packet)
            if self.packet_type in (packet.EVENT, packet.BINARY_EVENT):
                self._check_event(len(encoded_packet), attachments)
            elif self.packet_type not in (packet.CONNECT, packet.DISCONNECT):
                raise ValueError("clients send events only")
            return attachments

        def add_attachment(self, attachment: Any) -> bool:
            self.attached += len(attachment)
            if self.attached > most_bytes.get(self.namespace or "/", 0):
                # Those to come are counted, and not kept.
                self.data, attachment = [refused_name(ErrorCode.FRAME_TOO_LARGE)], b""
            complete: bool = super().add_attachment(attachment)
            return complete

        def _check_event(self, size: int, attachments: int) -> None:
            if not isinstance(self.data, list) or not self.data:
                raise ValueError("an event is a list that begins with its name")
            if self.packet_type == packet.BINARY_EVENT and not 0 < attachments <= most_parts:
                raise ValueError("a binary event has attachments, and not too many")
            name = self.data[0]
            if size > most_bytes.get(self.namespace or "/", 0):
                self.data = [refused_name(ErrorCode.FRAME_TOO_LARGE)]
            elif not isinstance(name, str) or name in RESERVED or name == "*":
                self.data = [refused_name(ErrorCode.EVENT_REFUSED)]

    return StrictPacket

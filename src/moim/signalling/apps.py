"""The namespace `/apps`: events of mini-apps, passed on to others of the same room and forgotten.

Any name that is not reserved, any number of JSON or binary arguments. They go to everybody else who
sits in the room, or to some when the first argument is `{"$to": [identity, …]}`. Who receives one
gets `{"from": identity}` before the arguments. Limited in size, rate and depth; a browser that does
not keep up misses some.
"""

import time
from dataclasses import dataclass
from typing import Any

from moim.meeting.errors import ErrorCode, MoimError, ProtocolViolation, Refused, Unavailable
from moim.meeting.ids import Identity, RoomId
from moim.signalling.app_bus import room_of
from moim.signalling.commands import refusal
from moim.signalling.door import Door
from moim.signalling.engine import MOST_QUEUED_PASSING, Engine, message_packets
from moim.signalling.packets import refusal_in
from moim.signalling.rates import Bucket, Places, Rate
from moim.signalling.socketio import http_of, refused_connection
from moim.signalling.strict_json import depth_within

NAMESPACE = "/apps"
MOST_NAME = 128
MOST_NAMED = 100
TO = "$to"


@dataclass(frozen=True, slots=True)
class AppLimits:
    """What one connection may send to mini-apps."""

    rate: Rate
    event_bytes: int
    depth: int
    connections_per_address: int


@dataclass(frozen=True, slots=True)
class Member:
    """One connection to the namespace."""

    identity: Identity
    room_id: RoomId
    socket_id: str
    address: str
    bucket: Bucket


class Apps:
    """Registers itself with an engine; there is nothing else to call."""

    def __init__(self, engine: Engine, door: Door, limits: AppLimits) -> None:
        self._engine = engine
        self._door = door
        self._limits = limits
        self._places = Places(limits.connections_per_address)
        self._members: dict[str, Member] = {}
        self._rooms: dict[RoomId, dict[str, Member]] = {}
        engine.server.on("connect", self._connect, namespace=NAMESPACE)
        engine.server.on("disconnect", self._disconnect, namespace=NAMESPACE)
        engine.server.on("*", self._event, namespace=NAMESPACE)
        if engine.apps is not None:
            engine.apps.deliver = self._deliver

    async def _connect(self, sid: str, environ: dict[str, Any], auth: object = None) -> None:
        socket_id = self._engine.socket_of(sid, NAMESPACE)
        http = http_of(environ)
        try:
            room, identity = await self._door.identified(http, auth)
        except Exception as error:  # the library calls a handler twice that raises TypeError
            raise refused_connection(error) from None
        if socket_id is None or not self._engine.alive(socket_id):
            raise refused_connection(Unavailable(ErrorCode.INTERNAL))
        address = http.client.host if http.client else ""
        if not self._places.take(address):
            raise refused_connection(Refused(ErrorCode.RATE_LIMITED))
        bucket = Bucket(self._limits.rate, time.monotonic)
        member = Member(identity, room.fold.id, socket_id, address, bucket)
        self._members[sid] = member
        self._rooms.setdefault(member.room_id, {})[sid] = member
        if self._engine.apps is not None:
            for name in (room_of(member.room_id), room_of(member.room_id, identity)):
                await self._engine.server.enter_room(sid, name, NAMESPACE)

    async def _disconnect(self, sid: str, _reason: str = "") -> None:
        self._engine.close_unused(self._engine.socket_of(sid, NAMESPACE))
        member = self._members.pop(sid, None)
        if member is not None:
            self._places.give_back(member.address)
            others = self._rooms[member.room_id]
            del others[sid]
            if not others:
                del self._rooms[member.room_id]

    async def _event(self, name: str, sid: str, *arguments: Any) -> dict[str, Any]:
        try:
            self._relay(name, sid, list(arguments))
        except MoimError as error:
            return {"ok": False, "error": refusal(error)}
        return {"ok": True}

    def _relay(self, name: str, sid: str, arguments: list[Any]) -> None:
        member = self._members.get(sid)
        if member is None:
            raise Refused(ErrorCode.NOT_PRESENT)
        if not member.bucket.take():
            raise Refused(ErrorCode.RATE_LIMITED)
        code = refusal_in(name)
        if code is not None or not name or len(name) > MOST_NAME:
            raise ProtocolViolation(code or ErrorCode.EVENT_REFUSED)
        if not depth_within(arguments, self._limits.depth):
            raise ProtocolViolation(ErrorCode.EVENT_REFUSED, "nested too deeply")
        room = self._door.registry.opened(member.room_id)
        if room is None or room.fold.find(member.identity) is None:
            raise Refused(ErrorCode.NOT_PRESENT)
        named = _named(arguments)
        seated = {seat.identity for seat in room.fold.participants} - {member.identity}
        hearers = [
            other
            for other in self._rooms[member.room_id].values()
            if other.identity in seated and (named is None or other.identity in named)
        ]
        told = [{"from": member.identity}, *arguments]
        packets = self._encoded([name, *told])
        for hearer in hearers:
            self._engine.push(hearer.socket_id, packets, MOST_QUEUED_PASSING)
        if self._engine.apps is not None:
            rooms = [room_of(member.room_id, Identity(one)) for one in named or ()]
            if named is None:
                rooms = [room_of(member.room_id)]
            self._engine.apps.pass_on(NAMESPACE, name, told, rooms)

    def _deliver(
        self, namespace: str, name: str, data: list[Any], rooms: list[str], skip: list[str]
    ) -> None:
        """Another server passes something on: to who is in those rooms here, and sits."""
        if namespace != NAMESPACE:
            return
        found = {
            sid
            for room in rooms
            for sid, _ in self._engine.server.manager.get_participants(NAMESPACE, room)
        }
        packets = self._encoded([name, *data])
        for sid in found - set(skip):
            member = self._members.get(sid)
            room = self._door.registry.opened(member.room_id) if member else None
            if member and room and room.fold.find(member.identity) is not None:
                self._engine.push(member.socket_id, packets, MOST_QUEUED_PASSING)

    def _encoded(self, data: list[Any]) -> list[Any]:
        encoded = self._engine.server.packet_class(data=data, namespace=NAMESPACE).encode()
        packets = message_packets(encoded)
        if sum(len(packet.data) for packet in packets) > self._limits.event_bytes:
            raise ProtocolViolation(ErrorCode.FRAME_TOO_LARGE)
        return packets


def _named(arguments: list[Any]) -> frozenset[str] | None:
    """Takes the envelope off. None: everybody. Raises: `event_refused`."""
    if not arguments or not isinstance(arguments[0], dict) or TO not in arguments[0]:
        return None
    envelope = arguments.pop(0)
    named = envelope[TO]
    wellformed = (
        len(envelope) == 1
        and isinstance(named, list)
        and len(named) <= MOST_NAMED
        and all(isinstance(one, str) for one in named)
    )
    if not wellformed:
        raise ProtocolViolation(ErrorCode.EVENT_REFUSED, '{"$to": [identity, …]}')
    return frozenset(named)

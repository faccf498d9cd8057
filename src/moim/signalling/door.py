"""What every door does, whatever its transport: let somebody in, hear them, answer each request.

open    origin, identity, room -> a `Visit`, or the reason why not
ask     any registered command by name -> exactly one answer, after the commit
leave   the seat waits for its grace
"""

import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

import structlog
from starlette.requests import HTTPConnection

from moim.household import household
from moim.live.mailbox import Answer
from moim.live.outgoing import Outgoing
from moim.live.ports import Outlet
from moim.live.registry import Registry
from moim.live.room import LiveRoom
from moim.live.seats import Connection
from moim.meeting.errors import ErrorCode, MoimError, ProtocolViolation, Refused, Unavailable
from moim.meeting.feature import Command
from moim.meeting.frames import PROTOCOL, Hello, IceSettings, RoomSummary, WireLimits
from moim.meeting.ids import Identity
from moim.meeting.membership import Join
from moim.meeting.passing import Passing
from moim.meeting.queries import Query, RefreshIce
from moim.signalling.commands import Request, kind_of, parse, refusal
from moim.signalling.queues import USUAL, QueueBounds
from moim.signalling.rates import Bucket, Buckets, Places, Rate

_log = structlog.get_logger("moim.signalling")

Identify = Callable[[HTTPConnection, str | None], Awaitable[Identity | None]]
"""Who is asking, by cookie or by token. Raises: `identity_invalid`, `identity_missing`."""


class CheckOrigin(Protocol):
    """Raises: `origin_refused` when another site's page is asking."""

    def __call__(self, connection: HTTPConnection, /) -> None: ...


@dataclass(frozen=True, slots=True)
class DoorLimits:
    """What one participant, and one address, may ask of the doors."""

    commands: Rate
    passing: Rate
    address_commands: Rate
    connections_per_address: int
    connections_per_participant: int
    command_bytes: int
    queue: QueueBounds = USUAL


@dataclass(frozen=True, slots=True)
class Greeting:
    """What the doors tell that no room knows."""

    version: str
    capacity: int
    limits: WireLimits
    ice_servers: Callable[[HTTPConnection], Sequence[Mapping[str, object]]]
    ice: Callable[[HTTPConnection, Identity], IceSettings]
    """With a credential for the relay, for who has a seat."""
    now_ms: Callable[[], int]


class Door:
    """The part of all doors of a server that knows no transport."""

    def __init__(
        self,
        registry: Registry,
        identify: Identify,
        check_origin: CheckOrigin,
        greeting: Greeting,
        limits: DoorLimits,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.limits = limits
        self.registry = registry
        self._identify = identify
        self._check_origin = check_origin
        self._greeting = greeting
        self._places = Places(limits.connections_per_address)
        self._own_places = Places(limits.connections_per_participant)
        self._commands = Buckets(limits.commands, clock)
        self._passing = Buckets(limits.passing, clock)
        self._addresses = Buckets(limits.address_commands, clock)

    async def identified(self, http: HTTPConnection, auth: object) -> tuple[LiveRoom, Identity]:
        """The room that is asked for, and who asks. Enter the room before awaiting anything else.

        Raises: `origin_refused`, `protocol_unsupported`, `identity_missing`, `identity_invalid`,
        `room_unknown`, `command_malformed`; Unavailable.
        """
        self._check_origin(http)
        given = auth if isinstance(auth, dict) else {}
        slug, token = given.get("room"), given.get("token")
        if given.get("protocol", PROTOCOL) != PROTOCOL:
            raise ProtocolViolation(ErrorCode.PROTOCOL_UNSUPPORTED, f"this is {PROTOCOL}")
        if not isinstance(slug, str) or not isinstance(token, str | None):
            raise ProtocolViolation(ErrorCode.COMMAND_MALFORMED, "auth: {room, token?}")
        identity = await self._identify(http, token)
        if identity is None:
            raise Refused(ErrorCode.IDENTITY_MISSING)
        return await self.registry.find(slug), identity

    async def emptied(self) -> None:
        """Wait until nobody is in any more, after all were told to go."""
        await self._places.emptied.wait()

    async def open(self, http: HTTPConnection, auth: object, outlet: Outlet) -> "Visit":
        """Let a connection in. Raises: as `identified`, and `rate_limited`."""
        room, identity = await self.identified(http, auth)
        address = http.client.host if http.client else ""
        if not self._places.take(address):
            raise Refused(ErrorCode.RATE_LIMITED, "too many connections from one address")
        if not self._own_places.take(identity):
            self._places.give_back(address)
            raise Refused(ErrorCode.RATE_LIMITED, "too many connections of one participant")
        connection = room.enter(identity, outlet)
        hello = Outgoing("hello", self._hello(http, room, identity))
        own, shared = self._commands.of(identity), self._addresses.of(household(address))
        buckets = (own, shared), (self._passing.of(identity),)

        def left() -> None:
            self._places.give_back(address)
            self._own_places.give_back(identity)

        ice = partial(self._greeting.ice, http, identity)
        return Visit(room, connection, hello, ice, *buckets, left)

    def _hello(self, http: HTTPConnection, room: LiveRoom, identity: Identity) -> dict[str, Any]:
        fold, greeting = room.fold, self._greeting
        summary = RoomSummary(
            slug=fold.slug,
            name=fold.name,
            listed=fold.listed,
            locked=fold.locked,
            people=len(fold.participants),
            capacity=greeting.capacity,
        )
        hello = Hello.model_validate(
            {
                "protocol": PROTOCOL,
                "version": greeting.version,
                "identity": identity,
                "role": fold.role_of(identity),
                "room": summary,
                "ice_servers": list(greeting.ice_servers(http)),
                "limits": greeting.limits,
                "now_ms": greeting.now_ms(),
            }
        )
        return hello.model_dump(mode="json", exclude_none=True)


class Visit:
    """One connection that was let in."""

    def __init__(
        self,
        room: LiveRoom,
        connection: Connection,
        hello: Outgoing,
        ice: Callable[[], IceSettings],
        commands: Sequence[Bucket],
        passing: Sequence[Bucket],
        left: Callable[[], None],
    ) -> None:
        self.hello = hello
        self._room = room
        self._connection = connection
        self._ice = ice
        self._commands = commands
        self._passing = passing
        self._left = left
        self._open = True

    @property
    def identity(self) -> Identity:
        return self._connection.identity

    async def ask(self, name: object, command_id: object, fields: object) -> dict[str, Any]:
        """Do what is asked and say how it went, exactly once: `{ok: true, seq, ...}` or
        `{ok: false, error: {code, message}}`.

        A command is in line before this first waits, so requests are done in the order they came.
        """
        try:
            asked, said = await self._do(name, command_id, fields)
            extra = said.extra
            if isinstance(asked, Join | RefreshIce):
                ice = self._ice().model_dump(mode="json", exclude_none=True)
                extra = {**extra, "ice": ice}
        except MoimError as error:
            return {"ok": False, "error": refusal(error)}
        except Exception:
            _log.exception("request_failed", room=self._room.fold.id, command=str(name)[:64])
            return {"ok": False, "error": refusal(Unavailable(ErrorCode.INTERNAL))}
        return {"ok": True, "seq": said.seq, **extra}

    async def _do(self, name: object, command_id: object, fields: object) -> tuple[Request, Answer]:
        kind = kind_of(name)
        buckets = self._passing if issubclass(kind, Passing) else self._commands
        if not all(bucket.take() for bucket in buckets):
            raise Refused(ErrorCode.RATE_LIMITED)
        asked = parse(name, command_id, fields)
        match asked.request:
            case Passing() as passing:
                said = self._room.relay(self._connection, passing)
            case Query() as query:
                said = await self._room.query(self._connection, query)
            case Command() as command:
                assert asked.command_id is not None  # noqa: S101 - parse demands it of commands
                said = await self._room.ask(
                    self.identity, asked.command_id, command, self._connection
                )
        return asked.request, said

    def leave(self) -> None:
        """The connection is gone; a second call does nothing."""
        if self._open:
            self._open = False
            self._room.leave(self._connection)
            self._left()

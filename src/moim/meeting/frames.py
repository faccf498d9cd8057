"""What the server says: the shapes of its answers and events on the wire.

The doors build these as JSON once per stream; the web client's types are generated from here.
"""

from typing import Any, Literal

from pydantic import Field

from moim.meeting.errors import ErrorCode
from moim.meeting.feature import Frozen
from moim.meeting.ids import CommandId, Identity, Role, Sid, Stream
from moim.meeting.model import Room

PROTOCOL = 1


class Frame(Frozen):
    """A durable event: its place in its stream, and what happened."""

    stream: Stream
    seq: int
    prev: int
    """The seq of the event before it in the same stream; 0 for the first."""
    at_ms: int
    actor: Identity
    command_id: CommandId
    v: int
    payload: dict[str, Any]


class PassingFrame(Frozen):
    """A passing event: who said it, and what."""

    sender: Identity = Field(serialization_alias="from", validation_alias="from")
    from_sid: Sid
    at_ms: int
    payload: dict[str, Any]


class WireError(Frozen):
    """A refusal. `code` is API; `message` is for developers."""

    code: ErrorCode
    message: str


class RoomSummary(Frozen):
    """What may be told of a room before one sits in it."""

    slug: str
    name: str
    listed: bool
    locked: bool
    people: int
    capacity: int


class IceServer(Frozen):
    """An `RTCIceServer` of the W3C API."""

    urls: list[str]
    username: str | None = None
    credential: str | None = None


class IceSettings(Frozen):
    """How to find a way to the others; the relay's credential is for this participant alone."""

    servers: list[IceServer]
    transport_policy: Literal["all", "relay"]
    """`iceTransportPolicy`: with `relay`, no direct way is to be tried."""
    lifetime_s: int | None
    """How long the credential holds; ask again (`ice.refresh`) after half of it."""


class WireLimits(Frozen):
    """The limits that a client should know before it runs into them."""

    name_graphemes: int
    text_graphemes: int
    image_bytes: int
    file_bytes: int


class Hello(Frozen):
    """The first event on every connection."""

    protocol: Literal[1]
    version: str
    identity: Identity
    role: Role
    room: RoomSummary
    ice_servers: list[IceServer]
    limits: WireLimits
    now_ms: int


class Goodbye(Frozen):
    """The last event before the server closes. Only `server_stopping` invites to come back."""

    code: Literal["removed", "seat_moved", "meeting_ended", "server_stopping"]


class SnapshotFrame(Frozen):
    """What the viewer may see has changed as a whole."""

    snapshot: Room

"""The names of things: NewTypes, their wire forms, and the streams that an event can go to."""

from enum import StrEnum
from typing import Annotated, NewType

from pydantic import Field, StringConstraints

RoomId = NewType("RoomId", str)
"""`RM_…`: a room, for ever."""
MeetingId = NewType("MeetingId", str)
"""`MT_…`: one live session in a room."""
Identity = NewType("Identity", str)
"""`u_…`: a person's browser, stable over reconnects. Minted by the server, never by a client."""
Sid = NewType("Sid", str)
"""`PA_…`: one seat taken. It lives as long as the page that took it: a socket that reconnects keeps
it, a reload gets a new one, so browsers key their RTCPeerConnections by it."""
FileId = NewType("FileId", str)
"""`F_…`: a stored file of a room."""
CommandId = NewType("CommandId", str)
"""Made by the client, at most 64 characters of `[A-Za-z0-9_-]`, unique per room and actor."""
Stream = NewType("Stream", str)
"""The audience of a durable event: `room`, `hosts` or `p:<identity>`."""

SYSTEM = Identity("system")
"""The actor of what the server does by itself: timers, links exchanged, uploads finished."""

ROOM = Stream("room")
HOSTS = Stream("hosts")

SomeIdentity = Annotated[Identity, StringConstraints(min_length=3, max_length=64, pattern=r"^u_")]
SomeSid = Annotated[Sid, StringConstraints(min_length=3, max_length=64, pattern=r"^PA_")]
SomeFileId = Annotated[FileId, StringConstraints(min_length=3, max_length=64, pattern=r"^F_")]
MOST_SEQ = 2**53 - 1
"""What a browser holds exactly, and a database too."""
SomeSeq = Annotated[int, Field(ge=1, le=MOST_SEQ)]
SomeCommandId = Annotated[CommandId, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,64}$")]


def personal(identity: Identity) -> Stream:
    """The stream that only one participant sees."""
    return Stream(f"p:{identity}")


class Role(StrEnum):
    """What somebody may do in a room. It belongs to the identity and outlives every call."""

    HOST = "host"
    GUEST = "guest"


class Right(StrEnum):
    """What hosts take from guests and give back."""

    MICROPHONE = "microphone"
    CAMERA = "camera"
    SHARE = "share"
    CHAT = "chat"
    """Messages, pictures and files, and all else that goes from one browser to another as data."""


class Source(StrEnum):
    """Where a track comes from, in LiveKit's words."""

    MICROPHONE = "microphone"
    CAMERA = "camera"
    SCREEN_SHARE = "screen_share"
    SCREEN_SHARE_AUDIO = "screen_share_audio"

    @property
    def right(self) -> Right:
        """What one needs to publish it."""
        match self:
            case Source.MICROPHONE:
                return Right.MICROPHONE
            case Source.CAMERA:
                return Right.CAMERA
            case Source.SCREEN_SHARE | Source.SCREEN_SHARE_AUDIO:
                return Right.SHARE


class Plane(StrEnum):
    """What carries the media of a meeting."""

    MESH = "mesh"
    """Every browser sends to every other one."""
    SFU = "sfu"
    """Every browser sends to a selective forwarding unit alone."""


class PlaneChoice(StrEnum):
    """What the hosts of a room want of its planes."""

    AUTO = "auto"
    """Few people directly, more through the SFU."""
    MESH = "mesh"
    """Directly, however many they are."""
    SFU = "sfu"
    """Always through the SFU: nobody learns anybody's address."""


class ShareMode(StrEnum):
    """What a screen share should keep: sharp text or fluent motion (`contentHint`)."""

    TEXT = "text"
    MOTION = "motion"

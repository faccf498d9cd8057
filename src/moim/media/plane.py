"""What carries the media of meetings, as the rooms see it: the mesh or an SFU, six verbs.

access   the address and the token by which one browser enters
present  who is there and what they publish
remove   somebody is put out          mute    one of their tracks
update   name, rights and attributes  close   everybody is put out
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from moim.meeting.errors import ErrorCode, Refused
from moim.meeting.ids import Source
from moim.meeting.model import Track


@dataclass(frozen=True, slots=True)
class Access:
    """The way in for one browser. A path is of moim's own address; a token is for it alone."""

    url: str
    token: str
    address: str | None = None
    """Where the same path is reached past the proxy, if anywhere."""


@dataclass(frozen=True, slots=True)
class Entry:
    """Somebody on the plane as they should be there."""

    identity: str
    """What they are called there: the identity of moim's own people."""
    name: str
    sources: tuple[Source, ...] = tuple(Source)
    """What they may publish."""
    data: bool = True
    """Whether they may send data."""
    attributes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Present:
    """Somebody who is on the plane."""

    identity: str
    name: str
    tracks: tuple[Track, ...] = ()
    sources: tuple[Source, ...] = tuple(Source)
    """What they may publish there."""
    data: bool = True


class Plane(Protocol):
    """Rooms are named by their slug. All of it raises Unavailable (`sfu_unreachable`)."""

    @property
    def available(self) -> bool:
        """Whether meetings may move to it."""

    async def access(self, room: str, entry: Entry, *, trial: bool = False) -> Access:
        """The way in; with `trial` it leads to a place where nobody is seen or heard.

        Raises: `sfu_missing`.
        """

    async def present(self, room: str) -> tuple[Present, ...]:
        """Who is there."""

    async def remove(self, room: str, identity: str) -> None:
        """Put somebody out; the token they have lets them in no more."""

    async def mute(self, room: str, identity: str, source: Source) -> None:
        """Mute one track, if there is one."""

    async def update(self, room: str, entry: Entry) -> None:
        """Change what somebody may do and what is said of them, if they are there."""

    async def close(self, room: str) -> None:
        """Put everybody out."""


class Mesh:
    """Every browser to every other one: no server carries anything, and nobody is on one."""

    available = False

    async def access(self, room: str, entry: Entry, *, trial: bool = False) -> Access:  # noqa: ARG002
        raise Refused(ErrorCode.SFU_MISSING)

    async def present(self, room: str) -> tuple[Present, ...]:  # noqa: ARG002
        return ()

    async def remove(self, room: str, identity: str) -> None:
        """The others' browsers drop who is not listed."""

    async def mute(self, room: str, identity: str, source: Source) -> None:
        """Each browser plays what the room allows."""

    async def update(self, room: str, entry: Entry) -> None:
        """Everybody has it from the room."""

    async def close(self, room: str) -> None:
        """There is nothing to close."""

    async def stop(self) -> None:
        """There is nothing to stop."""

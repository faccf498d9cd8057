"""What the pages ask of the rooms. `moim.app` gives the real ones to `wiring.make_site`."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from moim.media.plane import Access
from moim.meeting.features.app import AppId
from moim.meeting.features.file import File
from moim.meeting.ids import FileId, Identity, Role, RoomId
from moim.meeting.images import Image
from moim.meeting.messages import ChatMessage


@dataclass(frozen=True, slots=True)
class RoomCard:
    """A room as somebody outside sees it."""

    id: RoomId
    slug: str
    name: str
    listed: bool
    locked: bool
    people: int
    capacity: int

    @property
    def full(self) -> bool:
        """Whether every seat is taken."""
        return self.people >= self.capacity


@dataclass(frozen=True, slots=True)
class RoomMade:
    """A new room's address and the secret of its host link, which is nowhere kept in the clear."""

    slug: str
    host_secret: str


@dataclass(frozen=True, slots=True)
class Said:
    """What was said in a room to everybody, oldest first, some hundred messages at once."""

    slug: str
    name: str
    pages: AsyncIterator[list[ChatMessage]]


class Rooms(Protocol):
    """The rooms, for pages. Every method with a slug raises `room_unknown` when there is none."""

    async def create(self, owner: Identity, name: str, *, listed: bool) -> RoomMade:
        """Make a room whose first host is `owner`. Raises: `name_invalid`."""

    async def find(self, slug: str) -> RoomCard:
        """The room with this address."""

    async def listed(self, most: int) -> Sequence[RoomCard]:
        """Rooms that anyone may see, those with people inside first, at most `most`."""

    async def role(self, slug: str, identity: Identity) -> Role:
        """What somebody may do there; who never was there is a guest."""

    async def is_seated(self, slug: str, identity: Identity) -> bool:
        """Whether somebody has a seat now, connected or within the grace."""

    async def may_see_files(self, slug: str, identity: Identity) -> bool:
        """Whether somebody has a role, a seat or a history in the room, and is not barred."""

    async def is_deleted(self, slug: str, file_id: FileId) -> bool:
        """Whether a file or an image was deleted: its bytes may be there for a moment yet."""

    async def has_app(self, slug: str, app: AppId) -> bool:
        """Whether a host has put this mini-app into the room."""

    async def become_host(self, slug: str, identity: Identity, secret: str) -> None:
        """Exchange the secret of a host link for the role. Raises: `host_link_invalid`."""

    async def new_host_secret(self, slug: str, identity: Identity) -> str:
        """The secret of a new host link, for a host. Raises: `not_host`."""

    async def sfu_trial(self, slug: str) -> Access:
        """A way to a place on the SFU where nobody is seen or heard. Raises: `sfu_missing`;
        Unavailable."""

    async def add_image(self, slug: str, identity: Identity, image: Image) -> None:
        """Register an upload (`image.add`). Raises: `not_present` when its author has left."""

    async def said(self, slug: str, identity: Identity) -> Said:
        """What was said, for who sits there and for hosts. Raises: `not_present`."""

    async def writer_name(self, slug: str, identity: Identity) -> str:
        """The name of somebody who has a seat now and a right to the chat. Raises: `not_present`,
        `right_missing`."""

    async def share_file(self, room: RoomId, owner: Identity, name: str, file: File) -> None:
        """Tell a room of a file (`file.share`). Raises: `barred`; Unavailable."""

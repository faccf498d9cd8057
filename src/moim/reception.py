"""The rooms as the pages ask for them (`moim.http.ports.Rooms`), on the live ones."""

import secrets
from collections.abc import Sequence
from typing import Final

from moim.http.ports import RoomCard, RoomMade, Said
from moim.live.clock import SystemClock
from moim.live.registry import Registry
from moim.live.room import LiveRoom
from moim.media.plane import Access, Entry, Plane
from moim.meeting.errors import ErrorCode, Refused
from moim.meeting.features.app import AppId
from moim.meeting.features.app import app as apps
from moim.meeting.features.file import File, ShareFile
from moim.meeting.ids import SYSTEM, CommandId, FileId, Identity, Right, Role, RoomId
from moim.meeting.images import AddImage, Image
from moim.meeting.membership import GrantRole
from moim.meeting.text import clean_name
from moim.storage.host_links import HostLinks
from moim.storage.journal import Journal
from moim.storage.messages import Messages
from moim.storage.rooms import RoomRow, Rooms

TRIAL_NAME_BYTES: Final = 9


class Reception:
    """Finds, makes and changes rooms for people outside of them."""

    def __init__(
        self,
        registry: Registry,
        rooms: Rooms,
        links: HostLinks,
        journal: Journal,
        messages: Messages,
        plane: Plane,
        capacity: int,
    ) -> None:
        self._registry = registry
        self._rooms = rooms
        self._links = links
        self._journal = journal
        self._messages = messages
        self._plane = plane
        self._capacity = capacity
        self._clock = SystemClock()

    async def create(self, owner: Identity, name: str, *, listed: bool) -> RoomMade:
        """Make a room whose first host is `owner`. Raises: `name_invalid`; Unavailable."""
        room = await self._registry.create(owner, _name(name), listed=listed)
        fold = room.fold
        return RoomMade(fold.slug, await self._links.make(fold.id, self._clock.now_ms()))

    async def find(self, slug: str) -> RoomCard:
        """The room with this address. Raises: `room_unknown`."""
        row = await self._rooms.find(slug)
        if row is None:
            raise Refused(ErrorCode.ROOM_UNKNOWN)
        return self._card(row)

    async def listed(self, most: int) -> Sequence[RoomCard]:
        """Rooms that anyone may see, those with people inside first."""
        return [self._card(row) for row in await self._rooms.listed(most)]

    async def role(self, slug: str, identity: Identity) -> Role:
        """What somebody may do there. Raises: `room_unknown`."""
        return (await self._registry.find(slug)).fold.role_of(identity)

    async def is_seated(self, slug: str, identity: Identity) -> bool:
        """Whether somebody has a seat, connected or within the grace. Raises: `room_unknown`."""
        return (await self._registry.find(slug)).fold.find(identity) is not None

    async def may_see_files(self, slug: str, identity: Identity) -> bool:
        """Whether somebody belongs or belonged there, and is not barred. Raises: `room_unknown`."""
        fold = (await self._registry.find(slug)).fold
        if any(barred.identity == identity for barred in fold.barred):
            return fold.is_host(identity)
        inside = identity in fold.roles or fold.find(identity) is not None
        return inside or await self._journal.took_part(fold.id, identity)

    async def is_deleted(self, slug: str, file_id: FileId) -> bool:
        """Whether a file is to be gone, and perhaps is not yet. Raises: `room_unknown`."""
        return await self._journal.is_doomed((await self._registry.find(slug)).fold.id, file_id)

    async def has_app(self, slug: str, app: AppId) -> bool:
        """Whether a host has put this mini-app into the room. Raises: `room_unknown`."""
        fold = (await self._registry.find(slug)).fold
        return any(one.app == app for one in apps.of(fold).apps)

    async def become_host(self, slug: str, identity: Identity, secret: str) -> None:
        """Exchange the secret of a host link for the role. Raises: `host_link_invalid`."""
        room = await self._registry.find(slug)
        if room.fold.is_host(identity):
            return  # who looks at a link that they made leaves it to whom it is for
        command_id = await self._links.use(room.fold.id, secret, identity, self._clock.now_ms())
        grant = GrantRole(identity=identity, role=Role.HOST)
        room = await self._registry.open(room.fold.id)
        await room.ask(SYSTEM, command_id, grant)

    async def new_host_secret(self, slug: str, identity: Identity) -> str:
        """The secret of a new host link, for a host. Raises: `room_unknown`, `not_host`."""
        fold = (await self._registry.find(slug)).fold
        if not fold.is_host(identity):
            raise Refused(ErrorCode.NOT_HOST)
        return await self._links.make(fold.id, self._clock.now_ms())

    async def sfu_trial(self, slug: str) -> Access:
        """A way to the SFU for a browser without a seat. Raises: `sfu_missing`; Unavailable."""
        # A name of its own each time: of two tabs neither puts the other out.
        nobody = Entry(f"trial-{secrets.token_urlsafe(TRIAL_NAME_BYTES)}", "", (), data=False)
        return await self._plane.access(slug, nobody, trial=True)

    async def add_image(self, slug: str, identity: Identity, image: Image) -> None:
        """Register an upload. Raises: `not_present` when its author has left,
        `right_missing`."""
        room: LiveRoom = await self._registry.find(slug)
        # the file's id: an upload that is announced twice is one image
        command_id = CommandId(f"image-{image.file_id}")
        await room.ask(SYSTEM, command_id, AddImage(identity=identity, image=image))

    async def said(self, slug: str, identity: Identity) -> Said:
        """What was said to everybody, for who sits there and for hosts. Raises: `room_unknown`,
        `not_present`."""
        fold = (await self._registry.find(slug)).fold
        if fold.find(identity) is None and not fold.is_host(identity):
            raise Refused(ErrorCode.NOT_PRESENT)
        return Said(fold.slug, fold.name, self._messages.said_to_all(fold.id))

    async def writer_name(self, slug: str, identity: Identity) -> str:
        """The name on the seat of somebody who may write. Raises: `room_unknown`, `not_present`,
        `right_missing`."""
        return (await self._registry.find(slug)).fold.demand(identity, Right.CHAT).name

    async def share_file(self, room: RoomId, owner: Identity, name: str, file: File) -> None:
        """Tell a room of a file. Raises: `barred`; Unavailable."""
        live = await self._registry.open(room)
        # the file's id: a file that is announced twice is one file
        command_id = CommandId(f"file-{file.file_id}")
        await live.ask(SYSTEM, command_id, ShareFile(identity=owner, name=name, file=file))

    def _card(self, row: RoomRow) -> RoomCard:
        return RoomCard(
            id=row.id,
            slug=row.slug,
            name=row.name,
            listed=row.listed,
            locked=row.locked,
            people=row.people,
            capacity=self._capacity,
        )


def _name(raw: str) -> str:
    try:
        return clean_name(raw)
    except ValueError:  # PydanticCustomError is one
        raise Refused(ErrorCode.NAME_INVALID) from None
